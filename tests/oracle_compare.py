"""Holding the evaluator against the oracle, opening by opening."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from compliance_engine.engine.deadline import Deadline
from oracle import Found

FIELDS = (
    "opened_on", "due_on", "met_on", "status", "days_late", "variant", "excuse", "too_early", "capped",
)  # fmt: skip


def differences(expected: Sequence[Found], found: Sequence[Deadline]) -> Iterator[str]:
    """What the evaluator says otherwise than the oracle, of one rule in one case."""
    if len(expected) != len(found):
        yield f"the oracle opens {_days(expected)}, the engine {_days(found)}"
        return
    # of several openings on one day none comes before the other
    pairs = zip(sorted(expected, key=_place), sorted(found, key=_place), strict=True)
    for number, (one, other) in enumerate(pairs, start=1):
        if "undetermined" in (one.status, other.status):
            if one.status != other.status:
                yield f"opening {number} ({one.opened_on}): the oracle says {one}, the engine {_brief(other)}"
            continue
        for name in FIELDS:
            want, have = getattr(one, name), getattr(other, name)
            if want != have:
                yield f"opening {number} ({one.opened_on}): the oracle says {name} {want}, the engine {have}"


def _place(one: Found | Deadline) -> tuple[date, str, date]:
    return one.opened_on or date.min, one.status, one.due_on or date.min


def _days(openings: Iterable[Found | Deadline]) -> str:
    return ", ".join(f"{one.opened_on} ({one.status})" for one in openings) or "nothing"


def _brief(one: Deadline) -> str:
    return f"{one.status}, due {one.due_on}, {one.reason}"
