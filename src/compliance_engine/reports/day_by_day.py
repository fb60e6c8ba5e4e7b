"""Every day of a count, from the step of the working that made it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from compliance_engine.engine.derivation import (
    Chosen,
    Counted,
    Extended,
    Moved,
    PausedStep,
    Rolled,
    Step,
    day_text,
)


@dataclass(frozen=True, slots=True)
class CountedDay:
    """One day of a count.

    Attributes:
        number: Its number in the count; None for a day that was not counted.
        why: Why it was not counted; empty for a counted day.
    """

    day: date
    number: int | None
    why: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the day as plain data."""
        return {"day": self.day.isoformat(), "number": self.number, "why": self.why}


def days_of_count(step: Counted) -> Iterator[CountedDay]:
    """Yield the days from the first to the last that a count went through, in its own direction.

    A day before which nothing was counted and which is itself the start stands only when it is day 1.
    """
    why = {}
    for run in step.skipped:
        text = run.reason.replace("_", " ") + (f": {run.name}" if run.name else "")
        why.update(
            {run.from_ + timedelta(days=offset): text for offset in range((run.to - run.from_).days + 1)}
        )
    back = step.direction == "before"
    day = step.from_ if step.day_one == step.from_ else step.from_ + timedelta(days=-1 if back else 1)
    number = 0
    while (day >= step.to) if back else (day <= step.to):
        reason = why.get(day)
        number += reason is None
        yield CountedDay(day, None if reason else number, reason or "")
        day += timedelta(days=-1 if back else 1)


def on_the_way(step: Counted, steps: Sequence[Step], due: date | None) -> bool:
    """Tell whether a count leads to the due day, rather than to the answer of a condition.

    It does when it ends on the due day, or another step goes on from its end or chooses among such days.
    After a pause every count may.
    """
    further: set[date | None] = {due}
    for one in steps:
        if isinstance(one, PausedStep):
            return True
        if isinstance(one, Chosen):
            further.update(one.candidates)
        elif isinstance(one, Rolled | Extended | Counted | Moved) and one.from_ != one.to:
            further.add(one.from_)
    return step.to in further


def count_lines(steps: Sequence[Step], due: date | None) -> Iterator[str]:
    """Yield a line for each day of the counts that lead to the due day; of all counts where none does."""
    counts = [step for step in steps if isinstance(step, Counted) and step.count]
    leading = [step for step in counts if on_the_way(step, steps, due)]
    for step in leading or counts:
        unit = step.unit.replace("_", " ")
        yield f"  {step.count} {unit} {step.direction} {day_text(step.from_)}"
        for one in days_of_count(step):
            number = "" if one.number is None else str(one.number)
            yield f"    {number:>4}  {day_text(one.day)}" + (f"  not counted: {one.why}" if one.why else "")
