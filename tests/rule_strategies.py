"""Random rules over the whole rule language, and random histories for them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from hypothesis import strategies as st

from compliance_engine.calendars.models import Calendar
from compliance_engine.rules.expressions import choices, is_running, parse_expression, walk
from compliance_engine.rules.patterns import EventPattern
from compliance_engine.rules.starts import parse_met_by, parse_start
from oracle_history import Fact
from small_rules import SmallCase

DAY = timedelta(days=1)
UNITS = {
    "us": ["calendar_days", "school_days", "business_days"],
    "ga": ["calendar_days", "school_days", "evaluation_days"],
    "ca": ["calendar_days", "business_days", "assessment_days_less_weekends"],
    "md": ["calendar_days", "school_days", "business_days"],
    "fl": ["calendar_days", "school_days", "evaluation_days"],
}
PATTERNS = [
    "referral_received",
    "referral_received(purpose=initial)",
    "referral_received(written=true)",
    "consent_to_evaluate_received",
    "consent_to_evaluate_received(purpose!=reevaluation)",
    "evaluation_completed",
    "evaluation_completed(purpose=initial|reevaluation)",
    "eligibility_determined(eligible=true)",
    "eligibility_determined(eligible=false)",
    "iep_meeting_held",
    "iep_meeting_held(transition_plan=true)",
    "iep_meeting_held(purpose=initial|annual_review)",
    "iep_meeting_noticed",
    "removal",
    "child_not_produced",
    "exited",
]
VALUES: dict[str, dict[str, list[Any]]] = {
    "referral_received": {"purpose": ["initial", "reevaluation"], "written": [True, False]},
    "consent_to_evaluate_received": {"purpose": ["initial", "reevaluation"], "at": ["09:00", "13:30"]},
    "evaluation_completed": {"purpose": ["initial", "reevaluation"], "at": ["08:00", "09:00", "15:45"]},
    "eligibility_determined": {"eligible": [True, False]},
    "iep_meeting_held": {
        "purpose": ["initial", "annual_review", "amendment"],
        "transition_plan": [True, False],
    },
    "iep_meeting_noticed": {},
    "removal": {"school_days": [1, 2, 4, 7], "kind": ["suspension", "expulsion"]},
    "student_absent": {"school_days": [1, 2, 3, 6]},
    "pause_started": {"reason": ["illness", "travel"]},
    "pause_ended": {},
    "extension_agreed": {"rule": ["first", "us.idea_b.first", "second", "other"]},
    "transfer_date_agreed": {},
    "child_not_produced": {},
    "hearing_scheduled": {},
    "grade_entered": {"grade": [2, 3]},
    "exited": {"reason": ["moved", "graduated"]},
}
DATED = {"extension_agreed": "until", "transfer_date_agreed": "until", "hearing_scheduled": "hearing_on"}

patterns = st.sampled_from(PATTERNS)


def _choose(draw: st.DrawFn, *options: Any) -> Any:
    return draw(st.sampled_from(options))


class RuleMaker:
    """Draws the parts of one rule; `others` are rules it may look at."""

    def __init__(self, draw: st.DrawFn, state: str, others: Sequence[dict[str, Any]]) -> None:
        self.draw, self.state, self.others = draw, state, others

    def unit(self) -> str:
        return _choose(self.draw, *UNITS[self.state])

    def count(self) -> int:
        return self.draw(st.integers(1, 20))

    def one_in(self, number: int) -> bool:
        """True once in so many draws."""
        return bool(self.draw(st.integers(1, number)) == number)

    def anchor(self, depth: int, *, due: bool = False) -> str:
        draw = self.draw
        usual = "due" if due and draw(st.booleans()) else "start"
        if not depth or not self.one_in(3):
            return usual if not self.one_in(4) else self.rare_anchor()
        inner = self.expression(depth - 1, due=due)
        if not isinstance(inner, str):
            return usual
        near = _choose(draw, "on_or_after", "on_or_before")
        forms: list[str] = [
            f"{_choose(draw, 'february 28', 'october 31', 'june 30')} {near} {inner}",
            f"last_school_day of_year {inner}",
            f"first_school_day after {inner}",
            f"school_day {draw(st.integers(1, 40))} of_year_after {inner}",
            f"{_choose(draw, 'next', 'previous')} {self.unit()} from {inner}",
            f"latest {draw(patterns)} by {inner}",
            f"first {draw(patterns)} after {inner}",
            f"latest transfer_date_agreed.until by {inner}",
        ]
        return draw(st.sampled_from(forms))

    def rare_anchor(self) -> str:
        simple = ["birth", "age 4 years", "age 4 years 3 months", "start.hearing_on", "entry_to_grade 3"]
        simple += ["date 2024-11-05", "date 2025-02-28", "age age_of_majority"]
        simple += [f"due of {one['id']}" for one in self.others] * 3
        return self.draw(st.sampled_from(simple))

    def expression(self, depth: int = 2, *, due: bool = False) -> Any:
        draw = self.draw
        kind = draw(st.integers(0, 11))
        if depth and kind == 0:
            kinds = ("earliest", "latest", "earliest_known")
            parts = [self.expression(depth - 1, due=due) for _ in range(draw(st.integers(2, 3)))]
            return {_choose(draw, *kinds): parts}
        anchor = self.anchor(max(depth - 1, 0), due=due)
        direction = "before" if self.one_in(4) else "after"
        if kind == 1:
            return f"{draw(st.integers(1, 9))} {_choose(draw, 'months', 'weeks')} {direction} {anchor}"
        if kind == 2:
            return f"{_choose(draw, 24, 48)} hours {direction} {anchor}"
        if kind == 3:
            return anchor
        return f"{self.count()} {self.unit()} {direction} {anchor}"

    def number_test(self, most: int) -> dict[str, int]:
        number = self.draw(st.integers(0, most))
        return {_choose(self.draw, "at_least", "at_most", "above", "below", "equals"): number}

    def condition(self, depth: int = 1, *, due: bool = False, ended: bool = False) -> dict[str, Any]:
        draw = self.draw
        kind = draw(st.integers(0, 16 if depth else 12))
        window: dict[str, Any] = {"event": draw(patterns), "after": _choose(draw, "start", "ever")}
        ends = ("start", "due", "met", "as_of") if ended else ("start", "due", "as_of")
        window["through"] = _choose(draw, *ends)
        fact: Any = _choose(draw, "a", ["a", "b"], {"not": "a"}, {"is": "b", "if_missing": False})
        options: list[dict[str, Any]] = [
            {"school_days_left_in_year": self.number_test(40)},
            {"calendar_days_left_in_year": self.number_test(60)},
            {"between_school_years": draw(st.booleans())},
            {"absences": self.number_test(8) | ({} if due else {"until": self.expression(1)})},
            {"age": {"at": self.expression(1, due=due), _choose(draw, "at_least", "below"): "4 years"}},
            {"birth_month": [1, 2, 3, 4, 5]},
            {"case.category": fact},
            {"case.grade": self.number_test(4)},
            {
                "start.purpose": _choose(
                    draw, "initial", {"not": "initial"}, {"is": "initial", "if_missing": True}
                )
            },
            {_choose(draw, "happened", "not_happened"): window},
            {
                "days_between": {
                    "from": self.expression(1),
                    "to": self.expression(1),
                    "unit": self.unit(),
                    **self.number_test(40),
                }
            },
            {"date": {"of": self.expression(1), "from": "2024-12-01", "before": "2025-06-01"}},
            {"in_summer": self.expression(1)},
        ]
        if kind < len(options):
            return options[kind]
        parts = [self.condition(depth - 1, due=due) for _ in range(2)]
        if kind == 13 and self.others:
            other = _choose(draw, *self.others)
            names = [one["id"] for version in other["versions"] for one in version.get("variants", ())]
            if names:
                return {"variant_of": {"rule": other["id"], "is": _choose(draw, *names)}}
        return ({"any": parts}, {"all": parts}, {"not": parts[0]}, {"any": parts})[kind - 13]

    def starts_on(self) -> Any:
        draw = self.draw
        one, two = draw(patterns), draw(patterns)
        if self.one_in(2):
            return one
        silence = {"after": one, "lasting": f"{draw(st.integers(1, 15))} {self.unit()}", "unless": two}
        options: list[Any] = [
            {"any_of": [one, two]},
            {"all_of": [one, two]},
            "birth",
            {"silence": silence},
            self.count_reached(),
            {"each_school_year": _choose(draw, "first_day", "last_day"), "after": one},
            {"due_of": self.others[-1]["id"]} if self.others else one,
            "hearing_scheduled",
        ]
        return draw(st.sampled_from(options))

    def count_reached(self) -> dict[str, Any]:
        draw = self.draw
        form: dict[str, Any] = {"of": _choose(draw, "removal", "removal(kind=suspension)")}
        form["within"] = _choose(draw, "school_year", "ever")
        form[_choose(draw, "at_least", "above")] = draw(st.integers(1, 12))
        if draw(st.booleans()):
            form["sum"] = "school_days"
            if draw(st.booleans()):
                form["spread"] = "school_days"
        if draw(st.booleans()):
            form["every"] = draw(st.integers(1, 6))
        return {"count_reached": form}

    def met_by(self) -> Any:
        listed = [self.draw(patterns) for _ in range(self.draw(st.integers(1, 2)))]
        return listed[0] if len(listed) == 1 else {_choose(self.draw, "any_of", "all_of"): listed}

    def extended_by(self) -> dict[str, Any]:
        draw = self.draw
        form: dict[str, Any] = {}
        if draw(st.booleans()):
            threshold = {_choose(draw, "at_least", "above"): draw(st.integers(1, 5))}
            form["absences"] = threshold | {"add": _choose(draw, "all", "excess")}
        if draw(st.booleans()):
            pause = {
                "from": _choose(draw, "pause_started", "pause_started(reason=illness)"),
                "until": "pause_ended",
            }
            other = {"from": "hearing_scheduled", "until": _choose(draw, "pause_ended", "exited")}
            form["pauses"] = _choose(draw, [pause], [pause, other])
        if draw(st.booleans()):
            form["agreement"] = {"event": "extension_agreed"}
            if draw(st.booleans()):
                form["agreement"]["made_by"] = _choose(draw, "due", "any_time")
            if draw(st.booleans()):
                form["agreement"]["cap"] = (
                    f"{self.count()} {self.unit()} after {_choose(draw, 'due', 'start')}"
                )
            if draw(st.booleans()):
                form["agreement"]["when"] = self.condition(0)
        return form

    def clock(self) -> dict[str, Any]:
        draw = self.draw
        form: dict[str, Any] = {"due": self.expression()}
        if draw(st.integers(0, 3)) == 0:
            form["counting"] = {
                "day_one": _choose(draw, "day_after", "start_day"),
                "last_day_off": _choose(draw, "stays", f"next_{self.unit()}", f"previous_{self.unit()}"),
            }
        if draw(st.integers(0, 3)) == 0:
            when = _choose(draw, "in_summer", "on_weekend", "on_legal_holiday", "on_closed_day")
            form["rolls"] = [{"when": when, "to": self.expression(1, due=True)}]
        if draw(st.booleans()):
            form["extended_by"] = self.extended_by()
            if draw(st.booleans()):
                form["extended_by"]["unit"] = self.unit()
        return form

    def version(self, number: int) -> dict[str, Any]:
        draw = self.draw
        form = self.clock()
        if draw(st.integers(0, 2)) == 0:
            form["variants"] = [
                {"id": f"variant_{number}_{index}", "when": self.condition(), **self.clock()}
                for index in range(draw(st.integers(1, 2)))
            ]
            if draw(st.booleans()):
                form["variants"][0]["extended_by"] = "none"
        self._give_units(form)
        if draw(st.integers(0, 2)) == 0:
            form["exceptions"] = [self.exception(index) for index in range(draw(st.integers(1, 2)))]
        if draw(st.integers(0, 4)) == 0:
            form["not_before"] = self.expression(1)
        form["citations"] = [{"ref": "none", "checked_on": "2026-11-23"}]
        form["verified"] = "unverified"
        return form

    def _give_units(self, version: dict[str, Any]) -> None:
        """Name a unit where days are added to a day that is no count."""
        own = version.get("extended_by", {})
        for clock in (version, *version.get("variants", [])):
            extended = clock.get("extended_by", own)
            counts = any(map(is_running, choices(parse_expression(clock["due"]))))
            if extended != "none" and extended and not counts:
                extended.setdefault("unit", self.unit())

    def exception(self, index: int) -> dict[str, Any]:
        effect = _choose(self.draw, "not_applicable", "excused", "met", "due")
        form = {
            "id": f"exception_{index}",
            "effect": effect,
            "citation": "none",
            "when": self.condition(due=True, ended=effect != "due"),
        }
        return form | ({"due": self.expression(1, due=True)} if effect == "due" else {})

    def _may_meet_itself(self, form: dict[str, Any]) -> bool:
        opening = {
            node.name for node in walk(parse_start(form["starts_on"])) if isinstance(node, EventPattern)
        }
        return bool(opening & {pattern.name for pattern in parse_met_by(form["met_by"]).patterns})

    def rule(self, name: str) -> dict[str, Any]:
        draw = self.draw
        form: dict[str, Any] = {
            "id": f"{self.state}.idea_b.{name}",
            "title": name,
            "starts_on": self.starts_on(),
        }
        form["met_by"] = self.met_by()
        form["opens"] = _choose(draw, "each", "each", "each", "first", "latest")
        form["kind"] = _choose(draw, "deadline", "deadline", "deadline", "not_before", "information")
        form["met_looking"] = _choose(draw, "forward", "forward_same_day", "backward", "in_effect")
        if form["met_looking"] == "forward_same_day" and self._may_meet_itself(form):
            form["met_looking"] = "forward"
        if form["met_looking"] == "in_effect":
            form["superseded_by"] = _choose(
                draw, "iep_meeting_held(purpose=initial|annual_review)", draw(patterns)
            )
        if draw(st.integers(0, 3)) == 0:
            form["applies_when"] = self.condition()
        if draw(st.integers(0, 2)) == 0:
            form["closed_by"] = _choose(
                draw, [], ["exited"], ["exited", "eligibility_determined(eligible=false)"]
            )
        form["version_chosen_by"] = _choose(draw, "start", "start", "due")
        begins = _choose(
            draw,
            ["unknown"],
            ["unknown"],
            ["unknown", "2025-01-15"],
            ["2024-10-01"],
            ["2024-09-01", "2025-02-01"],
        )
        form["versions"] = [{"effective_from": day} | self.version(n) for n, day in enumerate(begins)]
        if draw(st.integers(0, 5)) == 0:
            form["versions"][-1]["ends"] = "2025-08-15"
        return form


@st.composite
def random_rules(draw: st.DrawFn, state: str, *, most: int = 3) -> list[dict[str, Any]]:
    """One rule, or some of which the later look at the earlier."""
    rules: list[dict[str, Any]] = []
    for name in ("first", "second", "third")[: draw(st.integers(1, most))]:
        rules.append(RuleMaker(draw, state, tuple(rules)).rule(name))
    return rules


def names_in(rules: Sequence[dict[str, Any]]) -> list[str]:
    """The events that rules speak of."""
    text = str(rules).replace("absences", "student_absent")
    return [name for name in sorted(VALUES) if name in text]


@st.composite
def random_events(draw: st.DrawFn, low: date, high: date, wanted: Sequence[str]) -> list[Fact]:
    """A history between two days; now and then an event lacks what it ought to say."""
    days = st.integers(0, (high - low).days).map(lambda offset: low + offset * DAY)
    pool = [*(name for name in wanted for _ in range(3)), *sorted(VALUES)]
    names = draw(st.lists(st.sampled_from(pool), min_size=2, max_size=16))
    said = st.integers(1, 20).map(lambda number: number < 20)
    events: list[Fact] = []
    for name in names:
        attributes = {
            key: draw(st.sampled_from(values)) for key, values in VALUES[name].items() if draw(said)
        }
        if name in DATED and draw(said):
            attributes[DATED[name]] = str(draw(days))
        # days come back often, so that several events share one
        again = events and draw(st.integers(1, 5)) == 5
        day = draw(st.sampled_from([one.day for one in events]) if again else days)
        events.append(Fact(name, day, attributes))
    return events


@st.composite
def random_cases(
    draw: st.DrawFn, calendar: Calendar, state: str, rules: Sequence[dict[str, Any]] = (), number: int = 4
) -> list[SmallCase]:
    """Cases on one calendar (now and then on none)."""
    low, high = calendar.years[0].covers.from_ + 14 * DAY, calendar.years[-1].covers.to - 14 * DAY
    outside = draw(st.integers(1, 6)) == 6
    low, high = (low - 20 * DAY, high + 20 * DAY) if outside else (low, high)
    births = st.integers(0, 500).map(lambda offset: date(2020, 6, 1) + offset * DAY)
    facts = [{"category": "a", "grade": 2}, {"category": "b", "grade": 3}, {"category": "c", "grade": 0}]
    cases = []
    for _ in range(number):
        cases.append(
            SmallCase(
                events=draw(random_events(low, high, names_in(rules))),
                calendar=None if draw(st.integers(1, 12)) == 12 else "us.random",
                state=state,
                birth=None if draw(st.integers(1, 12)) == 12 else draw(births),
                facts=draw(st.sampled_from([*facts, {"grade": 4}])),
            )
        )
    return cases
