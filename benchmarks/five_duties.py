"""Five duties over generated cases: the engine against a program written by hand for just those five.

Both get the same batch and calendars, work in the same process one after the other, and must agree on every
row. The figures are ratios of their compute times in one run, for machines are noisy.
"""

from __future__ import annotations

import argparse
import json
import time
import tracemalloc
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np

from compliance_engine.calendars.loader import load_calendars
from compliance_engine.cases.batch import CaseBatch, build_batch
from compliance_engine.cases.catalogue import catalogue
from compliance_engine.cases.generator import District, generate
from compliance_engine.cases.rule_vocabulary import load_corpus
from compliance_engine.data_files import calendars_folder
from compliance_engine.dates import to_day
from compliance_engine.engine.evaluate import Engine, Evaluation
from handwritten import SchoolDays, five_duties

HERE = Path(__file__).parent
AS_OF = date(2026, 6, 1)
CALENDAR = "us.example_county"
RULES = {
    "initial": "us.idea_b.initial_evaluation",
    "iep": "us.idea_b.iep_development",
    "annual": "us.idea_b.annual_review",
    "triennial": "us.idea_b.reevaluation",
    "transition": "us.idea_b.transition_plan",
}


def make_batch(cases: int, districts: int) -> CaseBatch:
    """Return generated cases of one program in many districts."""
    share = cases // districts
    made = generate(
        [District("us", f"us.district_{i:02d}", CALENDAR, share) for i in range(districts)],
        seed=7,
        until=AS_OF,
    )
    only = made.cases.set_column(
        made.cases.column_names.index("program"), "program", [["idea_b"] * len(made.cases)]
    )
    return build_batch(only, made.events, as_of=AS_OF)


def by_hand(batch: CaseBatch, school: SchoolDays) -> dict[str, list[tuple[np.ndarray, ...]]]:
    """Run the program written by hand."""
    ranks = {event.name: event.position for event in catalogue()}
    return five_duties(batch, ranks, school, to_day(AS_OF))


def school_days(library_folder: Path) -> SchoolDays:
    """Return prefix sums of the calendar's school days."""
    calendar = load_calendars(library_folder).resolve(CALENDAR)
    days = np.array([to_day(day) for day in calendar.instructional_days()], np.int32)
    first, last = calendar.stretches[0]
    return SchoolDays([days], to_day(first), to_day(last) + 1)


def agree(evaluation: Evaluation, theirs: dict[str, list[tuple[np.ndarray, ...]]]) -> int:
    """Return the number of deadlines, after checking that every one is the same."""
    total = 0
    for name, rule in RULES.items():
        blocks = [block for block in evaluation.blocks if block.rule.id == rule]
        for block, (case, start, due, met, status, late) in zip(blocks, theirs[name], strict=True):
            out = block.outcome
            pairs = (
                (block.cases(), case),
                (out.openings.day, start),
                (out.due, due),
                (out.met, met),
                (out.status, status),
                (out.days_late, late),
            )
            for label, (a, b) in zip(("case", "start", "due", "met", "status", "late"), pairs, strict=True):
                if not np.array_equal(a, b):
                    at = int(np.flatnonzero(a != b)[0]) if len(a) == len(b) else -1
                    rows = [(int(x[at]), int(y[at])) for x, y in pairs] if at >= 0 else (len(a), len(b))
                    raise SystemExit(f"{name}: {label} differs at {at}: {rows}")
            total += len(case)
    return total


def timed(action: Callable[[], object], rounds: int) -> tuple[object, list[float]]:
    """Return the last result and the seconds of each round."""
    seconds, result = [], None
    for _ in range(rounds):
        result = None
        begin = time.perf_counter()
        result = action()
        seconds.append(time.perf_counter() - begin)
    return result, seconds


def peak(action: Callable[[], object]) -> int:
    """Return the peak of memory allocated by an action, bytes."""
    tracemalloc.start()
    action()
    size = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return size


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--districts", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    batch = make_batch(given.cases, given.districts)
    corpus, library = (
        load_corpus(HERE / "rules"),
        load_calendars(calendars_folder() / "us" / "example_county"),
    )
    school = school_days(calendars_folder() / "us" / "example_county")
    engine = Engine(corpus, library, AS_OF)
    engine.evaluate(batch.slice(0, 1000))  # tables are laid out once, as in a sweep
    ours, theirs = [], []
    for _ in range(given.rounds):  # in turn, so that a slow minute hits both
        theirs += timed(lambda: by_hand(batch, school), 1)[1]
        ours += timed(lambda: engine.evaluate(batch), 1)[1]
    deadlines = agree(engine.evaluate(batch), by_hand(batch, school))
    ratio = float(np.median([a / b for a, b in zip(ours, theirs, strict=True)]))
    memory_hand, memory_engine = peak(lambda: by_hand(batch, school)), peak(lambda: engine.evaluate(batch))
    print(
        json.dumps(
            {
                "cases": len(batch),
                "deadlines": deadlines,
                "engine_cases_per_second": round(len(batch) / float(np.median(ours))),
                "by_hand_cases_per_second": round(len(batch) / float(np.median(theirs))),
                "time_ratio": round(ratio, 2),
                "engine_peak_mib": round(memory_engine / 2**20),
                "by_hand_peak_mib": round(memory_hand / 2**20),
                "memory_ratio": round(memory_engine / memory_hand, 2),
                "rounds": given.rounds,
            }
        )
    )


if __name__ == "__main__":
    main()
