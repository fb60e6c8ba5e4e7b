"""The steps of a derivation as the report shows them, without a birth date."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any

from compliance_engine.cases.catalogue import catalogue
from compliance_engine.engine.derivation import day_text
from compliance_engine.reports.model import SkippedDays, WorkingStep
from compliance_engine.reports.rule_text import titled_words
from compliance_engine.rules.patterns import parse_pattern

_BIRTH = "birth"
_WITHHELD = "the birth date"
_EVENT = re.compile(
    r"(?<![\w.])[a-z][a-z0-9_]*_[a-z0-9_]+(?:\([^()]*\))?(?![\w.(])|(?<![\w.])[a-z]+\([a-z_]+!?=[^()]*\)"
)
Derivation = Sequence[Mapping[str, Any]]


def births(derivation: Derivation, birth_date: date | None = None) -> frozenset[date]:
    """Return the birth date as far as it is known: given, or stated by the working as the day of opening."""
    opened = [step for step in derivation if step["step"] == "opened"]
    stated = [_day(step["on_day"]) for step in opened if step["by"] == _BIRTH]
    return frozenset(day for day in (birth_date, *stated) if day is not None)


def steps_of(derivation: Derivation, birth_date: date | None = None) -> tuple[WorkingStep, ...]:
    """Return the steps of a derivation, the birth date withheld."""
    hidden = births(derivation, birth_date)
    return tuple(_step(step, hidden) for step in derivation)


def in_words(text: str) -> str:
    """Return a text with the events in it called by their titles: ``iep_meeting_held(purpose=initial)``."""
    return _EVENT.sub(_titled, text)


def _titled(found: re.Match[str]) -> str:
    try:
        pattern = parse_pattern(found[0])
    except ValueError:
        return found[0]
    return f"“{titled_words().pattern(pattern)}”" if pattern.name in catalogue() else found[0]


def _step(step: Mapping[str, Any], hidden: Collection[date]) -> WorkingStep:
    text = in_words(str(step["text"]))
    for birth in hidden:
        text = text.replace(day_text(birth), _WITHHELD).replace(birth.isoformat(), _WITHHELD)
    start, end = (_day(step.get(key)) for key in ("from", "to"))
    return WorkingStep(
        step=str(step["step"]),
        text=text,
        start=None if start in hidden else start,
        end=None if end in hidden else end,
        unit=step.get("unit"),
        skipped=tuple(_skipped(run) for run in step.get("skipped", ())),
    )


def _skipped(run: Mapping[str, Any]) -> SkippedDays:
    first, last = date.fromisoformat(run["from"]), date.fromisoformat(run["to"])
    return SkippedDays(first=first, last=last, days=run["days"], reason=run["reason"], name=run["name"])


def _day(text: object) -> date | None:
    return date.fromisoformat(text) if isinstance(text, str) else None
