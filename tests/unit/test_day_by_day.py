"""Every day of a count, from its step."""

from __future__ import annotations

from datetime import date

from compliance_engine.engine.derivation import Chosen, Counted, Rolled, SkippedRun
from compliance_engine.reports.day_by_day import count_lines, days_of_count, on_the_way

MON, TUE, WED, FRI, NEXT_MON = (date(2026, 3, day) for day in (2, 3, 4, 6, 9))
WEEKEND = SkippedRun(date(2026, 3, 7), date(2026, 3, 8), 2, "weekend")


def told(step):
    return [(one.day.day, one.number, one.why) for one in days_of_count(step)]


def test_days_after_begin_on_the_next_day_and_name_those_passed_over():
    snow = SkippedRun(TUE, TUE, 1, "weather", "Snow")
    step = Counted(3, "school_days", MON, FRI, "after", WED, (snow,))
    assert told(step) == [(3, None, "weather: Snow"), (4, 1, ""), (5, 2, ""), (6, 3, "")]


def test_a_start_that_is_day_one_is_listed_as_such():
    step = Counted(3, "calendar_days", MON, WED, "after", MON)
    assert told(step) == [(2, 1, ""), (3, 2, ""), (4, 3, "")]


def test_days_before_go_backwards():
    step = Counted(2, "school_days", NEXT_MON, date(2026, 3, 5), "before", FRI, (WEEKEND,))
    assert told(step) == [(8, None, "weekend"), (7, None, "weekend"), (6, 1, ""), (5, 2, "")]


def test_a_line_bears_the_number_the_day_and_why_it_was_not_counted():
    step = Counted(1, "school_days", FRI, NEXT_MON, "after", NEXT_MON, (WEEKEND,))
    assert list(count_lines((step,), NEXT_MON)) == [
        "  1 school days after Fri 2026-03-06",
        "          Sat 2026-03-07  not counted: weekend",
        "          Sun 2026-03-08  not counted: weekend",
        "       1  Mon 2026-03-09",
    ]


def test_a_count_for_a_condition_is_not_listed():
    left = Counted(180, "school_days", MON, date(2026, 6, 12), "after", TUE)
    asked = Counted(2, "school_days", MON, WED, "after", TUE)
    assert next(count_lines((left, asked), WED)) == "  2 school days after Mon 2026-03-02"


def test_a_count_from_whose_end_the_due_day_was_rolled_is_listed():
    step = Counted(5, "calendar_days", MON, date(2026, 3, 7), "after", TUE)
    rolled = Rolled("a weekend", date(2026, 3, 7), NEXT_MON)
    assert on_the_way(step, (step, rolled), NEXT_MON)


def test_a_count_that_lost_the_choice_of_the_earliest_is_listed():
    first = Counted(2, "school_days", MON, WED, "after", TUE)
    second = Counted(4, "school_days", MON, FRI, "after", TUE)
    chosen = Chosen("earliest", (WED, FRI), WED)
    assert on_the_way(second, (first, second, chosen), WED)
