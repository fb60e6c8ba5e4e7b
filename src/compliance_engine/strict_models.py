"""Pydantic models without surprises, and their errors as located problems.

`StrictModel` refuses unknown keys, numbers in quotes, and ``true`` where a number is wanted; `validate` turns
every error into a `Problem` at the line and column of the YAML it comes from.
"""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, ValidationError, model_validator
from pydantic_core import CoreSchema, ErrorDetails, PydanticCustomError

from compliance_engine.dates import Day
from compliance_engine.errors import Place, Problem, did_you_mean, error_for
from compliance_engine.strict_yaml import Document, DocumentPath

_STRICT_TYPES = frozenset({"int", "bool", "float", "str"})


def _make_strict(schema: Any) -> None:
    """Mark every scalar node of a core schema strict, in place."""
    waiting = [schema]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            kind = node.get("type")  # of a field named type, a schema of its own
            if isinstance(kind, str) and kind in _STRICT_TYPES and "strict" not in node:
                node["strict"] = True
            waiting.extend(value for key, value in node.items() if key != "metadata")
        elif isinstance(node, list | tuple):
            waiting.extend(node)


class StrictModel(BaseModel):
    """Base of every model read from a file: frozen, no unknown keys, no lax scalars.

    Lists are accepted for tuples (YAML knows no tuples); scalars are never converted.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=False, defer_build=True)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler, /) -> CoreSchema:
        schema = handler(source)
        _make_strict(schema)
        return schema


class CalendarDayRange(StrictModel):
    """Days from `from_` through `to`, both included; written ``{from: ..., to: ...}``."""

    model_config = ConfigDict(
        alias_generator=lambda name: name.rstrip("_"), validate_by_name=True, validate_by_alias=True
    )

    from_: Day
    to: Day

    @model_validator(mode="after")
    def _in_order(self) -> CalendarDayRange:
        if self.to < self.from_:
            raise PydanticCustomError(
                "range_order",
                "the range ends on {to}, before it begins on {start}",
                {"to": self.to.isoformat(), "start": self.from_.isoformat()},
            )
        return self


ModelT = TypeVar("ModelT", bound=BaseModel)


def validate(document: Document, model: type[ModelT], *, code: str, thing: str = "") -> ModelT:
    """Build `model` from a document.

    Args:
        document: What `read_yaml` returned.
        model: The pydantic model.
        code: The code of the problems; its class decides which exception is raised.
        thing: What the problems are about (an id), where it is known.

    Raises: the exception class of `code`, with one located problem per mistake.
    """
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        raise error_for(problems_of(error, document, model, code=code, thing=thing)) from error


def problems_of(
    error: ValidationError,
    document: Document,
    model: type[BaseModel],
    *,
    code: str,
    thing: str = "",
    path: DocumentPath = (),
) -> list[Problem]:
    """Return pydantic's errors as located problems.

    Args:
        path: Where in the document the value stands that `model` was built from.
    """
    start = _value_at(document.data, path)
    details = [(detail, _locate(detail, start, model)) for detail in error.errors(include_url=False)]
    problems = set()
    for detail, located in details:
        if _is_noise(detail, located, details):
            continue
        place = document.place(path + located.path, key=located.at_key)
        problems.add(_problem(place, code, thing, detail, located))
    return sorted(problems)


@dataclass(frozen=True, slots=True)
class _Located:
    path: DocumentPath  # where in the document, as far as it goes
    at_key: bool
    accepted: tuple[str, ...]  # the keys the model there accepts


def _is_noise(detail: ErrorDetails, located: _Located, details: list[tuple[ErrorDetails, _Located]]) -> bool:
    """Tell whether this only follows from mistakes further inside.

    So it is with "not a text" about a mapping that another member of a union read further into, and with a
    list that is too short once its broken members are taken out.
    """
    follows = detail["type"] == "too_short" or detail["type"].endswith("_type")
    if not follows or not isinstance(detail["input"], dict | list):
        return False
    depth = len(located.path)
    return any(len(other.path) > depth and other.path[:depth] == located.path for _, other in details)


def _locate(detail: ErrorDetails, data: Any, model: type[BaseModel]) -> _Located:
    loc = detail["loc"]
    kind = detail["type"]
    inner = loc[:-1] if kind in ("extra_forbidden", "missing") else loc
    path, taken = _follow(data, inner)
    accepted: tuple[str, ...] = ()
    if kind == "extra_forbidden":
        path = (*path, loc[-1])
        accepted = tuple(_accepted_keys(model, inner, taken))
    return _Located(path, kind == "extra_forbidden", accepted)


def _follow(data: Any, loc: tuple[int | str, ...]) -> tuple[DocumentPath, tuple[bool, ...]]:
    """Walk pydantic's loc through the data, skipping what is not in it (tags of unions).

    Of the ways to read the loc, the one that uses most of it is taken. Returns the path and, for each item of
    the loc, whether it was a step into the data.
    """
    if not loc:
        return (), ()
    skipped_path, skipped = _follow(data, loc[1:])
    head = loc[0]
    inside = (isinstance(data, dict) and head in data) or (
        isinstance(data, list) and isinstance(head, int) and 0 <= head < len(data)
    )
    if inside:
        path, taken = _follow(data[head], loc[1:])
        if len(path) + 1 >= len(skipped_path):
            return (head, *path), (True, *taken)
    return skipped_path, (False, *skipped)


def _value_at(data: Any, path: DocumentPath) -> Any:
    for step in path:
        data = data[step]
    return data


def _accepted_keys(model: type[BaseModel], loc: tuple[int | str, ...], taken: tuple[bool, ...]) -> list[str]:
    """Return the keys of the model (or models) that stand at a loc."""
    candidates: list[Any] = [model]
    for item, step in zip(loc, taken, strict=True):
        if step:
            candidates = list(_children(candidates, item))
        else:
            named = [one for one in _models(candidates) if _is_member(one, item)]
            candidates = list(named) or candidates
    return sorted({key for one in _models(candidates) for key in _keys(one)})


def _children(candidates: Iterable[Any], item: int | str) -> Iterator[Any]:
    for one in _spread(candidates):
        if isinstance(one, type) and issubclass(one, BaseModel):
            for name, field in one.model_fields.items():
                if item in (name, field.alias, field.validation_alias):
                    yield field.annotation
        else:
            arguments = get_args(one)
            if isinstance(item, int):
                yield from (argument for argument in arguments if argument is not Ellipsis)
            elif arguments:
                yield arguments[-1]  # the values of a mapping


def _spread(candidates: Iterable[Any]) -> Iterator[Any]:
    """Yield the plain types within unions and annotations."""
    for one in candidates:
        origin = get_origin(one)
        if origin is Annotated:
            yield from _spread(get_args(one)[:1])
        elif origin in (Union, types.UnionType):
            yield from _spread(get_args(one))
        else:
            yield one


def _models(candidates: Iterable[Any]) -> Iterator[type[BaseModel]]:
    for one in _spread(candidates):
        if isinstance(one, type) and issubclass(one, BaseModel):
            yield one


def _is_member(model: type[BaseModel], tag: int | str) -> bool:
    """Tell whether a union tag (a class name or a literal field's value) means this model."""
    if model.__name__ == tag:
        return True
    return any(tag in get_args(field.annotation) for field in model.model_fields.values())


def _keys(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield field.alias or name


def _problem(place: Place, code: str, thing: str, detail: ErrorDetails, located: _Located) -> Problem:
    kind, loc = detail["type"], detail["loc"]
    if kind == "extra_forbidden":
        word = str(loc[-1])
        accepted = ", ".join(located.accepted)
        mend = did_you_mean(word, located.accepted)
        return Problem(place, code, thing, f"unknown key {word!r}", accepted, mend)
    if kind == "missing":
        return Problem(place, code, thing, f"the key {str(loc[-1])!r} is missing")
    context = detail.get("ctx", {})
    shown = _shown(detail["input"])
    about = f"{_name(located.path)}: " if located.path else ""
    if kind == "literal_error":
        expected = str(context["expected"])
        words = [word.strip(" '") for word in expected.replace(" or ", ", ").split(",")]
        mend = did_you_mean(str(detail["input"]), words)
        return Problem(place, code, thing, f"{about}{shown}", expected.replace("'", ""), mend)
    if kind == "too_short":
        least = context["min_length"]
        return Problem(place, code, thing, f"{about}{context['actual_length']} given", f"at least {least}")
    message = detail["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    if kind.endswith(("_type", "_parsing")):
        return Problem(place, code, thing, f"{about}{shown}: {_lower_first(message)}")
    return Problem(place, code, thing, f"{about}{_lower_first(message)}")


def _name(path: DocumentPath) -> str:
    words = [step for step in path if isinstance(step, str)]
    return words[-1] if words else f"item {path[-1]}"


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:] if text[1:2].islower() else text
