"""The shipped rules, calendars and hand-counted cases, read once for all tests."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from compliance_engine.calendars.loader import CalendarLibrary, load_calendars
from compliance_engine.calendars.models import Calendar
from compliance_engine.cases.rule_vocabulary import load_corpus
from compliance_engine.engine.rule_cases import CaseResult, LocatedCase, case_files, read_cases, run_cases
from compliance_engine.errors import CalendarProblem
from compliance_engine.rules.loader import Corpus

ROOT = Path(__file__).parents[1]
RULES, CALENDARS = ROOT / "rules", ROOT / "calendars"


@cache
def corpus() -> Corpus:
    return load_corpus(RULES)


@cache
def library() -> CalendarLibrary:
    return load_calendars(CALENDARS)


@cache
def calendar(reference: str | None) -> Calendar | None:
    """A calendar by reference; None where the case names none, or one that does not exist."""
    try:
        return None if reference is None else library().resolve(reference)
    except CalendarProblem:
        return None


@cache
def rule_cases() -> tuple[LocatedCase, ...]:
    return tuple(read_cases(case_files(RULES), corpus()))


@cache
def results() -> dict[str, CaseResult]:
    """What came of each hand-counted case, by place."""
    found = run_cases(rule_cases(), corpus(), library())
    return {str(result.located.place): result for result in found}
