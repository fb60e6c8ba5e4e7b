"""Hand-counted cases beside the rules: read, run through the evaluator, compared."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

import pyarrow as pa
from pydantic import Field

from compliance_engine.calendars.loader import CalendarLibrary
from compliance_engine.cases.batch import CaseBatch, build_batch
from compliance_engine.cases.catalogue import catalogue
from compliance_engine.cases.event_text import WrittenEvent, read_event
from compliance_engine.cases.tables import CASES, EVENTS
from compliance_engine.dates import Day
from compliance_engine.engine.deadline import Deadline
from compliance_engine.engine.evaluate import Engine
from compliance_engine.engine.exercised import Part, parts_used
from compliance_engine.errors import ComplianceError, Place, Problem, error_for
from compliance_engine.rules.loader import Corpus, shown_name
from compliance_engine.strict_models import StrictModel, validate
from compliance_engine.strict_yaml import Document, read_yaml

Scalar = bool | int | str


class Expectation(StrictModel):
    """What one deadline must be; only what is given is compared."""

    status: (
        Literal["met", "met_late", "pending", "overdue", "paused", "not_applicable", "undetermined"] | None
    ) = None
    opened_on: Day | None = None
    due_on: Day | None = None
    met_on: Day | None = None
    closed_on: Day | None = None
    days_late: int | None = None
    variant: str | None = None
    reason: str | None = None
    excuse: str | None = None
    too_early: bool | None = None
    capped: bool | None = None


class RuleCase(StrictModel):
    """One history and what must come of it, with the count in `why`."""

    name: Annotated[str, Field(min_length=5)]
    why: Annotated[str, Field(min_length=5)]
    as_of: Day
    rule: str | None = None
    calendar: str | None = None
    state: str | None = None
    district: str | None = None
    birth_date: Day | None = None
    case: dict[str, Scalar] = Field(default_factory=dict)
    readings: dict[str, str] = Field(default_factory=dict)
    events: dict[str, str | tuple[str, ...]] = Field(default_factory=dict)
    expect: Literal["none"] | Expectation | tuple[Expectation, ...]


class CaseFile(StrictModel):
    """The cases of one rule file."""

    rule: str | None = None
    calendar: str | None = None
    state: str | None = None
    cases: Annotated[tuple[RuleCase, ...], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class LocatedCase:
    """A case with all defaults filled in and where it stands."""

    case: RuleCase
    rule: str
    calendar: str | None
    state: str
    place: Place
    file: str

    @property
    def name(self) -> str:
        """The claim, after the rule it is about."""
        return f"{self.rule}: {self.case.name}"


@dataclass(frozen=True, slots=True)
class CaseResult:
    """A case, what came of it, and how that differs from what was expected (nothing: passed).

    Attributes:
        used: The parts of the rule by which it came.
    """

    located: LocatedCase
    found: tuple[Deadline, ...]
    differences: tuple[str, ...]
    used: frozenset[Part]


def case_files(folder: Path) -> list[Path]:
    """Return the case files of a folder (or the file itself), sorted."""
    return [folder] if folder.is_file() else sorted(folder.rglob("*.cases.yaml"))


def rule_files_of(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the rule files that folders hold, or that case files stand beside."""
    for path in paths:
        if path.is_dir():
            yield from (file for file in sorted(path.rglob("*.yaml")) if not file.match("*.cases.yaml"))
        else:
            yield path.with_name(path.name.replace(".cases.yaml", ".yaml"))


def read_cases(paths: Iterable[Path], corpus: Corpus) -> list[LocatedCase]:
    """Read case files.

    Raises: the exceptions of `compliance_engine.errors` with every problem of every file: CE215 for a file
        that is not a case file, an unknown rule, event or attribute, a name that stands twice.
    """
    found: list[LocatedCase] = []
    problems: list[Problem] = []
    for path in paths:
        try:
            document = read_yaml(
                path, name=shown_name(path, corpus.folder) if path.is_relative_to(corpus.folder) else None
            )
            file = validate(document, CaseFile, code="CE215", thing=path.name)
        except ComplianceError as error:
            problems += error.problems
            continue
        for index, case in enumerate(file.cases):
            located = _located(file, case, document, index)
            problems += _case_problems(located, corpus)
            found.append(located)
        problems += _twice(file, document)
    if problems:
        raise error_for(problems)
    return found


def _located(file: CaseFile, case: RuleCase, document: Document, index: int) -> LocatedCase:
    rule = case.rule or file.rule or ""
    state = case.state or file.state or rule.partition(".")[0]
    place = document.place(("cases", index))
    return LocatedCase(case, rule, case.calendar or file.calendar, state, place, document.name)


def _twice(file: CaseFile, document: Document) -> Iterator[Problem]:
    seen: dict[tuple[str, str], int] = {}
    for index, case in enumerate(file.cases):
        key = (case.rule or file.rule or "", case.name)
        if seen.setdefault(key, index) != index:
            yield Problem(
                document.place(("cases", index, "name")),
                "CE215",
                case.name,
                "a case of this name stands already",
            )


def _case_problems(located: LocatedCase, corpus: Corpus) -> Iterator[Problem]:
    if located.rule not in corpus.rules:
        yield Problem(located.place, "CE215", located.case.name, f"{located.rule!r} is no rule")
    known = catalogue().case_attributes
    for name in located.case.case:
        if name != "grade" and name not in known:
            yield Problem(
                located.place,
                "CE215",
                located.case.name,
                f"unknown fact of a case {name!r}",
                ", ".join(known),
            )
    try:
        written_events(located.case)
    except ValueError as error:
        yield Problem(located.place, "CE215", located.case.name, str(error))


def written_events(case: RuleCase) -> list[WrittenEvent]:
    """Return the events of a case as it writes them down.

    Raises: ValueError for an event or attribute that does not exist.
    """
    return [
        read_event(name, text)
        for name, given in case.events.items()
        for text in ((given,) if isinstance(given, str) else given)
    ]


def run_cases(
    located: Sequence[LocatedCase], corpus: Corpus, library: CalendarLibrary
) -> Iterator[CaseResult]:
    """Run cases through the evaluator, those that share a day and readings together."""
    groups: dict[tuple[date, tuple[tuple[str, str], ...], str], list[LocatedCase]] = {}
    for one in located:
        key = (
            one.case.as_of,
            tuple(sorted(one.case.readings.items())),
            one.rule if one.case.readings else "",
        )
        groups.setdefault(key, []).append(one)
    engines: dict[tuple[tuple[tuple[str, str], ...], str], Engine] = {}
    for (as_of, readings, rule), members in groups.items():
        engine = engines.get((readings, rule))
        if engine is None:
            engine = Engine(corpus, library, as_of, readings={rule: dict(readings)} if rule else {})
            engines[readings, rule] = engine
        engine.as_of = as_of
        yield from _run_group(members, engine)


def _run_group(members: Sequence[LocatedCase], engine: Engine) -> Iterator[CaseResult]:
    batch = batch_of(members, engine.corpus, engine.as_of)
    evaluation = engine.evaluate(batch, rules=frozenset(one.rule for one in members))
    found: dict[tuple[str, str], list[Deadline]] = {}
    used: dict[tuple[str, str], set[Part]] = {}
    for block in evaluation.blocks:
        rule = block.rule.rule
        working = any(version.exceptions for version in rule.versions)
        for row in range(len(block)):
            deadline = evaluation.describe(block, row, working=working)
            key = (deadline.case_id, deadline.rule)
            found.setdefault(key, []).append(deadline)
            parts = parts_used(rule, int(block.outcome.version[row]), deadline)
            used.setdefault(key, set()).update(parts)
    for index, one in enumerate(members):
        key = (_case_id(index), one.rule)
        deadlines = tuple(found.get(key, ()))
        differences = tuple(differences_from(one.case.expect, deadlines))
        yield CaseResult(one, deadlines, differences, frozenset(used.get(key, ())))


def _case_id(index: int) -> str:
    return f"case{index:06d}"


def batch_of(members: Sequence[LocatedCase], corpus: Corpus, as_of: date) -> CaseBatch:
    """Return a batch of cases written down in case files."""
    cases: list[dict[str, Any]] = []
    events: list[dict[str, Any]] = []
    for index, one in enumerate(members):
        facts = dict(one.case.case)
        cases.append(
            {
                "case_id": _case_id(index),
                "state": one.state,
                "district": one.case.district or f"{one.state}.example",
                "calendar": one.calendar,
                "program": corpus.rules[one.rule].program,
                "birth_date": one.case.birth_date,
                "grade": facts.pop("grade", None),
                "attributes": json.dumps(facts) if facts else None,
            }
        )
        for event in written_events(one.case):
            attributes = json.dumps(event.attributes) if event.attributes else None
            row = {
                "case_id": _case_id(index),
                "event": event.event,
                "occurred_on": event.occurred_on,
                "attributes": attributes,
            }
            events.append(row)
    return build_batch(pa.Table.from_pylist(cases, CASES), pa.Table.from_pylist(events, EVENTS), as_of=as_of)


def differences_from(expect: object, found: Sequence[Deadline]) -> Iterator[str]:
    """Yield how deadlines differ from what a case expects; nothing when they do not."""
    wanted: tuple[Expectation, ...]
    wanted = (expect,) if isinstance(expect, Expectation) else expect if isinstance(expect, tuple) else ()
    if len(wanted) != len(found):
        opened = ", ".join(f"{one.opened_on} due {one.due_on} {one.status}" for one in found) or "none"
        yield f"expected {len(wanted)} deadlines, found {len(found)}: {opened}"
        return
    for number, (one, deadline) in enumerate(zip(wanted, found, strict=True), start=1):
        for name in sorted(one.model_fields_set):
            want, have = (
                getattr(one, name),
                getattr(deadline, "undetermined_reason" if name == "reason" else name),
            )
            if not _fits(name, want, have):
                which = f"deadline {number}: " if len(wanted) > 1 else ""
                detail = f" ({deadline.reason})" if deadline.reason and name in ("status", "due_on") else ""
                yield f"{which}{name}: expected {want}, found {have}{detail}"


def _fits(name: str, want: object, have: object) -> bool:
    """Compare a field; a reason is given by a word of its code."""
    return str(want) in str(have) if name == "reason" and want is not None else want == have
