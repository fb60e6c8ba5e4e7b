"""Findings rules: what is a violation, as data; read from ``rules/<jurisdiction>/findings.yaml``.

`docs/findings.md` describes the format. Federal rules judge every situation; a state's judge the situations
of that state, and may replace a federal rule there with ``overrides``. What rules conclude is known to all
rules from then on. Rules only ever add conclusions and never ask that one be absent, so their order does not
matter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from compliance_engine.dates import IntArray
from compliance_engine.engine.situations import PROPERTIES, Property, Value
from compliance_engine.errors import FileProblem, Place, Problem, RuleProblem, did_you_mean
from compliance_engine.rules.models import Citation
from compliance_engine.strict_models import StrictModel, validate
from compliance_engine.strict_yaml import Document, DocumentPath, read_yaml

FEDERAL = "us"
FINDING = "finding"
NOT_LATE = "none"
FILE_NAME = "findings.yaml"
MAX_RULES = 64  # per jurisdiction: what durable-rules was shown to judge rightly

_Id = Annotated[str, Field(pattern=r"^[a-z]{2}\.[a-z0-9]+(_[a-z0-9]+)*$", max_length=80)]
_Word = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$", max_length=40)]
_Line = Annotated[str, Field(min_length=1, max_length=400)]
Operator = Literal["is", "is_not", "at_least", "below"]


class _Band(StrictModel):
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=20)]
    through: Annotated[int, Field(ge=0, le=100_000)] | None = None


class _Condition(StrictModel):
    not_: str | int | bool | list[str | int] | None = Field(default=None, alias="not")
    at_least: str | int | None = None
    below: str | int | None = None


class _Rule(StrictModel):
    id: _Id
    title: _Line
    overrides: _Id | None = None
    when: Annotated[
        dict[str, str | int | bool | list[str | int] | _Condition], Field(min_length=1, max_length=20)
    ]
    then: Annotated[dict[str, str], Field(min_length=1, max_length=10)]
    citation: Citation | None = None
    notes: _Line | None = None

    @model_validator(mode="after")
    def _grounded(self) -> Self:
        if self.citation is None and self.notes is None:
            raise ValueError("says neither where the law has it (citation) nor why (notes)")
        return self


class _File(StrictModel):
    schema_version: Literal[1]
    jurisdiction: Annotated[str, Field(pattern=r"^[a-z]{2}$")]
    late_bands: list[_Band] | None = None
    conclusions: dict[_Word, dict[_Word, _Line]] | None = None
    rules: Annotated[list[_Rule], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition on one property; `values` are alternatives for ``is``, all excluded for ``is_not``."""

    property: str
    operator: Operator
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class FindingRule:
    """When all of `conditions` hold, everything in `conclusions` is concluded."""

    id: str
    jurisdiction: str
    title: str
    conditions: tuple[Condition, ...]
    conclusions: tuple[tuple[str, str], ...]
    citation: Citation | None = None
    overrides: str | None = None
    notes: str | None = None


@dataclass(frozen=True, slots=True)
class LateBands:
    """Bands of days late.

    Attributes:
        names: Their names, ascending; the first one is "not late".
        through: The last day of each band but the last, which is open.
    """

    names: tuple[str, ...]
    through: tuple[int, ...]

    def codes(self, days_late: IntArray) -> IntArray:
        """Return the band of each row, int32[n] indices into `names`; negative days (and NO_DAY) give 0."""
        edges = np.asarray(self.through, np.int32)
        return np.searchsorted(edges, days_late, side="left").astype(np.int32)


@dataclass(frozen=True, slots=True)
class FindingsRules:
    """All findings rules.

    Attributes:
        late_bands: The bands of days late the rules speak of.
        conclusions: What can be concluded: property, its values and what each of them means.
        rules: Federal first, then state by state, in the order of the files.
    """

    late_bands: LateBands
    conclusions: Mapping[str, Mapping[str, str]]
    rules: tuple[FindingRule, ...]

    def for_jurisdiction(self, jurisdiction: str) -> tuple[FindingRule, ...]:
        """Return the rules that judge a jurisdiction's situations: its own and the federal ones it keeps."""
        own = [rule for rule in self.rules if rule.jurisdiction == jurisdiction]
        replaced = {rule.overrides for rule in own}
        federal = [rule for rule in self.rules if rule.jurisdiction == FEDERAL and rule.id not in replaced]
        return tuple(federal if jurisdiction == FEDERAL else federal + own)

    def rule(self, identifier: str) -> FindingRule:
        """Return a rule by its id; KeyError when there is none."""
        for rule in self.rules:
            if rule.id == identifier:
                return rule
        raise KeyError(identifier)


def load_findings_rules(folder: Path) -> FindingsRules:
    """Read the federal and all state findings rules of a rules folder.

    A folder without any findings file gives no rules: nothing is a finding then.

    Raises: FileProblem or RuleProblem (CE271 to CE278) with every problem of all files.
    """
    paths = sorted(folder.glob(f"*/{FILE_NAME}"), key=lambda path: (path.parent.name != FEDERAL, path))
    if not paths:
        return FindingsRules(LateBands((NOT_LATE, "late"), (0,)), {FINDING: {}}, ())
    if paths[0].parent.name != FEDERAL:
        place = Place(str(folder / FEDERAL / FILE_NAME))
        raise RuleProblem(Problem(place, "CE278", "findings", "the federal findings rules are missing"))
    problems: list[Problem] = []
    files: list[tuple[_File, Document]] = []
    for path in paths:
        try:
            document = read_yaml(path)
            files.append((validate(document, _File, code="CE271", thing="findings"), document))
        except (FileProblem, RuleProblem) as error:
            problems.extend(error.problems)
    if problems:
        raise RuleProblem(problems)
    return _Builder(files).build()


class _Builder:
    """Turns the files into checked rules, collecting problems."""

    def __init__(self, files: Sequence[tuple[_File, Document]]) -> None:
        self.files = files
        self.problems: list[Problem] = []
        self.places: dict[str, Place] = {}
        self.conclusions = files[0][0].conclusions or {}
        self.bands = self._late_bands()
        choices = {name: tuple(words) for name, words in self.conclusions.items()}
        self.concluded = {name: Property("text", name, values) for name, values in choices.items()}
        band = Property("text", "late_band", self.bands.names, ordered=True)
        self.properties = PROPERTIES | {"late_band": band} | self.concluded

    def build(self) -> FindingsRules:
        rules: list[FindingRule] = []
        for file, document in self.files:
            self._check_file(file, document)
            for index, written in enumerate(file.rules):
                rules.append(self._rule(file.jurisdiction, written, document, ("rules", index)))
        result = FindingsRules(self.bands, self.conclusions, tuple(rules))
        self._check_overrides(rules)
        self._check_size(result)
        if self.problems:
            raise RuleProblem(self.problems)
        return result

    def _late_bands(self) -> LateBands:
        file, document = self.files[0]
        bands = file.late_bands or []
        place = document.place(("late_bands",))
        through = [band.through for band in bands]
        closed = [day for day in through[:-1] if day is not None]
        names = tuple(band.name for band in bands)
        if names[:1] != (NOT_LATE,) or len(names) < 2:
            self._report(place, "CE276", "late_bands", f"the first of at least two bands is {NOT_LATE}")
        elif len(closed) != len(through) - 1 or through[-1] is not None:
            self._report(place, "CE276", "late_bands", "the last band, and it alone, is open ended")
        elif closed[:1] != [0] or closed != sorted(set(closed)) or len(set(names)) != len(names):
            self._report(place, "CE276", "late_bands", "bands begin with `through: 0`, ascend and differ")
        clash = sorted(self.conclusions.keys() & PROPERTIES.keys())
        if clash or FINDING not in self.conclusions:
            found = f"already properties of situations: {', '.join(clash)}" if clash else "no finding"
            self._report(document.place(("conclusions",)), "CE276", "conclusions", found)
        return LateBands(names, tuple(closed))

    def _check_file(self, file: _File, document: Document) -> None:
        folder = Path(document.name).parent.name
        if file.jurisdiction != folder:
            found = f"jurisdiction {file.jurisdiction} in the folder {folder}"
            self._report(document.place(("jurisdiction",)), "CE278", "findings", found)
        for key in ("late_bands", "conclusions"):
            if file.jurisdiction != FEDERAL and getattr(file, key) is not None:
                found = f"{key} belong to the federal file alone, so that reports can compare states"
                self._report(document.place((key,), key=True), "CE278", "findings", found)

    def _rule(self, jurisdiction: str, written: _Rule, document: Document, path: DocumentPath) -> FindingRule:
        place = document.place((*path, "id"))
        first = self.places.setdefault(written.id, place)
        if first is not place:
            self._report(place, "CE274", written.id, f"the id stands already at {first}")
        if written.id.split(".")[0] != jurisdiction:
            self._report(place, "CE274", written.id, "another jurisdiction's id", expected=f"{jurisdiction}.")
        tests: list[Condition] = []
        for name, value in written.when.items():
            here = (*path, "when", name)
            if name in self.properties:
                tests.extend(self._conditions(written.id, name, value, document.place(here)))
            else:
                self._unknown(document.place(here, key=True), written.id, name, self.properties)
        for name, word in written.then.items():
            here = (*path, "then", name)
            if name not in self.concluded:
                self._unknown(document.place(here, key=True), written.id, name, self.concluded)
            else:
                self._check_value(written.id, name, word, document.place(here))
        conclusions = tuple(written.then.items())
        return FindingRule(
            written.id,
            jurisdiction,
            written.title,
            tuple(tests),
            conclusions,
            written.citation,
            written.overrides,
            written.notes,
        )

    def _conditions(self, rule: str, name: str, value: object, place: Place) -> Iterator[Condition]:
        written = list(_written_conditions(value))
        if not written:
            self._report(place, "CE273", rule, f"{name}: asks nothing", "not, at_least or below")
        for operator, given in written:
            values = tuple(given) if isinstance(given, list) else (given,)
            if not values:
                self._report(place, "CE273", rule, f"{name}: an empty list never holds")
            for one in values:
                self._check_value(rule, name, one, place)
            prop = self.properties[name]
            if operator != "is" and name in self.concluded:
                found, mend = (
                    f"{name}: {operator} asked of a conclusion",
                    "a conclusion may still come; ask for its value",
                )
                self._report(place, "CE275", rule, found, mend=mend)
            elif operator in ("is", "is_not") or prop.kind == "number":
                yield Condition(name, operator, values)
            elif prop.ordered and values[0] in prop.choices:
                edge = prop.choices.index(str(values[0]))
                within = prop.choices[edge:] if operator == "at_least" else prop.choices[:edge]
                if not within:
                    self._report(place, "CE273", rule, f"{name}: nothing is below {values[0]!r}")
                yield Condition(name, "is", within)
            elif not prop.ordered:
                self._report(place, "CE273", rule, f"{name}: its values have no order for {operator}")

    def _check_value(self, rule: str, name: str, value: object, place: Place) -> None:
        prop = self.properties[name]
        wanted = {"text": str, "flag": bool, "number": int}[prop.kind]
        if type(value) is not wanted:
            self._report(place, "CE273", rule, f"{name}: {value!r} is not a {prop.kind}")
        elif prop.choices and value not in prop.choices:
            found, mend = f"{name}: unknown value {value!r}", did_you_mean(str(value), prop.choices)
            self._report(place, "CE273", rule, found, ", ".join(prop.choices), mend)

    def _check_overrides(self, rules: Sequence[FindingRule]) -> None:
        federal = [rule.id for rule in rules if rule.jurisdiction == FEDERAL]
        taken: set[tuple[str, str]] = set()
        for rule in rules:
            if rule.overrides is None:
                continue
            place = self.places[rule.id]
            if rule.jurisdiction == FEDERAL or rule.overrides not in federal:
                found, mend = (
                    f"{rule.overrides} is no federal rule to override",
                    did_you_mean(rule.overrides, federal),
                )
                self._report(place, "CE274", rule.id, found, mend=mend)
            elif (rule.jurisdiction, rule.overrides) in taken:
                self._report(place, "CE274", rule.id, f"{rule.overrides} is already overridden here")
            taken.add((rule.jurisdiction, rule.overrides))

    def _check_size(self, rules: FindingsRules) -> None:
        for file, document in self.files:
            number = len(rules.for_jurisdiction(file.jurisdiction))
            if number > MAX_RULES:
                found = f"{number} findings rules judge {file.jurisdiction}"
                self._report(document.place(("rules",)), "CE277", "findings", found, f"at most {MAX_RULES}")

    def _unknown(self, place: Place, rule: str, name: str, accepted: Mapping[str, Property]) -> None:
        found = f"unknown property {name!r}"
        self._report(place, "CE272", rule, found, ", ".join(accepted), did_you_mean(name, accepted))

    def _report(
        self, place: Place, code: str, thing: str, found: str, expected: str = "", mend: str = ""
    ) -> None:
        self.problems.append(Problem(place, code, thing, found, expected, mend))


def _written_conditions(value: object) -> Iterator[tuple[Operator, Value | list[str | int]]]:
    if not isinstance(value, _Condition):
        yield "is", value  # type: ignore[misc]
        return
    if value.not_ is not None:
        yield "is_not", value.not_
    if value.at_least is not None:
        yield "at_least", value.at_least
    if value.below is not None:
        yield "below", value.below
