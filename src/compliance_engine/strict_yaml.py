"""The only YAML reader: a small, located, unsurprising part of YAML.

Plain scalars are whole numbers (``12``), ``true``, ``false``, ``null`` (or nothing) or text: dates, ``yes``,
``on`` and ``1.5`` stay text; what is quoted is always text. Duplicate keys, anchors and aliases, tags,
keys that are not text, several documents, deep nesting, large, empty and non-UTF-8 files are refused, all
that can be seen at once, each with line and column.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from compliance_engine.errors import FileProblem, Place, Problem

MAX_BYTES = 1_000_000
MAX_DEPTH = 50
_TOO_DEEP = f"nested more than {MAX_DEPTH} levels deep"
DocumentPath = tuple[str | int, ...]

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None, "": None}
_NOT_ALLOWED = "strict YAML"


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document with the place of every key and value.

    Attributes:
        data: Plain dict, list, str, int, bool or None.
        name: The file's name as the user gave it.
        values: Line and column of each value, by path.
        keys: Line and column of each mapping key, by path.
        file: The file it was read from, if it was one.
    """

    data: Any
    name: str
    values: Mapping[DocumentPath, tuple[int, int]]
    keys: Mapping[DocumentPath, tuple[int, int]]
    file: Path | None = None

    def place(self, path: DocumentPath = (), *, key: bool = False) -> Place:
        """Return where the value at `path` stands (its key with ``key=True``).

        A path that is not in the document gives the place of its nearest ancestor.
        """
        if key and path in self.keys:
            return Place(self.name, *self.keys[path])
        while path and path not in self.values:
            path = path[:-1]
        return Place(self.name, *self.values.get(path, (1, 1)))


def read_yaml(path: Path, *, max_bytes: int = MAX_BYTES, name: str | None = None) -> Document:
    """Read one strict YAML file.

    Args:
        path: The file.
        max_bytes: Larger files are refused unread.
        name: What messages call the file; the path as given by default.

    Raises: FileProblem with every problem found.
    """
    shown = name if name is not None else str(path)
    try:
        with path.open("rb") as stream:
            content = stream.read(max_bytes + 1)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise FileProblem(_problem(Place(shown), "CE101", f"cannot be read: {reason}")) from error
    if len(content) > max_bytes:
        found = f"the file is larger than {max_bytes} bytes"
        raise FileProblem(_problem(Place(shown), "CE102", found, mend="split it"))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        at = error.start
        line = content.count(b"\n", 0, at) + 1
        found = f"byte {at} (0x{content[at]:02x}) is not UTF-8"
        place = Place(shown, line)
        raise FileProblem(_problem(place, "CE103", found, mend="save the file as UTF-8")) from error
    return replace(parse_yaml(text, shown), file=path)


def parse_yaml(text: str, name: str) -> Document:
    """Read one strict YAML document from a text; `name` is what messages call it.

    Raises: FileProblem with every problem found.
    """
    return _Reader(name).read(text)


def _problem(place: Place, code: str, found: str, *, expected: str = "", mend: str = "") -> Problem:
    return Problem(place=place, code=code, thing=_NOT_ALLOWED, found=found, expected=expected, mend=mend)


def _scalar(event: yaml.ScalarEvent) -> str | int | bool | None:
    text: str = event.value
    if event.style:  # quoted or a block
        return text
    if text in _WORDS:
        return _WORDS[text]
    return int(text) if _NUMBER.fullmatch(text) else text


class _Reader:
    """Builds one document from libyaml's events, collecting problems."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.problems: list[Problem] = []
        self.values: dict[DocumentPath, tuple[int, int]] = {}
        self.keys: dict[DocumentPath, tuple[int, int]] = {}
        self.events: Iterator[yaml.Event] = iter(())

    def read(self, text: str) -> Document:
        data: Any = None
        try:
            text.encode("utf-8")
            self.events = yaml.parse(text, Loader=yaml.CLoader)
            data = self._stream()
        except UnicodeEncodeError as error:
            line = text.count("\n", 0, error.start) + 1
            self._report(Place(self.name, line), "CE103", "a lone surrogate is not UTF-8 text")
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            place = Place(self.name, mark.line + 1, mark.column + 1) if mark else Place(self.name)
            if "nesting depth" in str(error.problem):  # libyaml's own limit, met while it looks ahead
                self._report(place, "CE111", _TOO_DEEP)
            else:
                found = f"not YAML: {error.problem or error.context}"
                self._report(place, "CE105", found, mend=_hint(text, place))
        except yaml.reader.ReaderError as error:
            line = text.count("\n", 0, error.position) + 1 if error.position >= 0 else 0
            self._report(Place(self.name, line), "CE105", f"not YAML: {error.reason}")
        except _TooDeepError:
            pass
        if self.problems:
            raise FileProblem(self.problems)
        return Document(data, self.name, self.values, self.keys)

    def _stream(self) -> Any:
        next(self.events)  # the stream starts
        event = next(self.events)
        if isinstance(event, yaml.StreamEndEvent):
            self._report(Place(self.name), "CE104", "the file is empty")
            return None
        first = next(self.events)
        data = self._node(first, (), 1)
        if data is None and isinstance(first, yaml.ScalarEvent) and not first.value:
            self._report(Place(self.name), "CE104", "the file is empty")
        next(self.events)  # the document ends
        event = next(self.events)
        if not isinstance(event, yaml.StreamEndEvent):
            self._report(self._at(event), "CE106", "a second document begins", mend="give it its own file")
        return data

    def _node(self, event: Any, path: DocumentPath, depth: int) -> Any:
        place = self._at(event)
        self.values[path] = (place.line, place.column)
        if isinstance(event, yaml.AliasEvent):
            self._report(place, "CE108", f"the alias *{event.anchor}", mend="write the value out")
            return None
        if event.anchor is not None:
            self._report(place, "CE108", f"the anchor &{event.anchor}", mend="remove it")
        if event.tag is not None:
            self._report(place, "CE109", f"the tag {event.tag}", mend="remove it")
        if isinstance(event, yaml.ScalarEvent):
            return _scalar(event)
        if depth > MAX_DEPTH:
            self._report(place, "CE111", _TOO_DEEP)
            raise _TooDeepError
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(path, depth)
        return self._mapping(path, depth)

    def _sequence(self, path: DocumentPath, depth: int) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            items.append(self._node(event, (*path, len(items)), depth + 1))
        return items

    def _mapping(self, path: DocumentPath, depth: int) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            place = self._at(event)
            problems = len(self.problems)
            key = self._node(event, (*path, "?"), depth + 1)
            if not isinstance(key, str):
                if len(self.problems) == problems:
                    mend = f'write "{event.value}"' if isinstance(event, yaml.ScalarEvent) else ""
                    self._report(place, "CE112", "a key that is not text", mend=mend)
                key = f"?{len(mapping)}"
            here = (*path, key)
            if key in mapping:
                first = self.keys[here][0]
                found = f"the key {key!r} stands here again, first on line {first}"
                self._report(place, "CE107", found, mend="keep one of them")
                self._node(next(self.events), here, depth + 1)
                continue
            self.keys[here] = (place.line, place.column)
            mapping[key] = self._node(next(self.events), here, depth + 1)
        self.values.pop((*path, "?"), None)
        return mapping

    def _at(self, event: Any) -> Place:
        mark = event.start_mark
        return Place(self.name, mark.line + 1, mark.column + 1)

    def _report(self, place: Place, code: str, found: str, *, mend: str = "") -> None:
        self.problems.append(_problem(place, code, found, mend=mend))


class _TooDeepError(Exception):
    """Stops reading; the problem is already noted."""


def _hint(text: str, place: Place) -> str:
    lines = text.splitlines()
    if 0 < place.line <= len(lines) and "\t" in lines[place.line - 1]:
        return "indent with spaces, not tabs"
    return ""
