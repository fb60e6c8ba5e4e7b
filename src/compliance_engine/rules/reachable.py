"""Whether a condition can hold, and whether it holds only where another does: enough to find dead variants.

A condition is taken apart into facts that must all hold. What cannot be taken apart (any, not, days between)
is a fact of its own, equal only to itself, so nothing is called unreachable that may be reached.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from compliance_engine.rules.conditions import (
    Absences,
    AgeTest,
    AllOf,
    CaseFact,
    Condition,
    DaysBetween,
    DaysLeft,
    NumberTest,
    StartFact,
    ValueTest,
)


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers between two bounds, both included; None leaves a side open."""

    low: int | None
    high: int | None

    @property
    def empty(self) -> bool:
        """Whether no number lies within."""
        return self.low is not None and self.high is not None and self.low > self.high

    def within(self, other: Range) -> bool:
        """Tell whether every number of this range lies in the other."""
        low = other.low is None or (self.low is not None and self.low >= other.low)
        high = other.high is None or (self.high is not None and self.high <= other.high)
        return low and high

    def common(self, other: Range) -> Range:
        """Return the numbers that lie in both."""
        lows = [bound for bound in (self.low, other.low) if bound is not None]
        highs = [bound for bound in (self.high, other.high) if bound is not None]
        return Range(max(lows, default=None), min(highs, default=None))

    def __str__(self) -> str:
        if self.low == self.high:
            return f"at {self.low}"
        return (
            f"from {'any' if self.low is None else self.low} to {'any' if self.high is None else self.high}"
        )


Fact = Range | ValueTest | None
"""What must hold of one subject: a number, a value, or (None) the subject itself."""


def facts_of(condition: Condition) -> dict[object, Fact] | None:
    """Return what must hold, by subject; None if it can never hold."""
    members = condition.of if isinstance(condition, AllOf) else (condition,)
    found: dict[object, Fact] = {}
    for member in members:
        inner = facts_of(member) if isinstance(member, AllOf) else dict([_fact(member)])
        if inner is None:
            return None
        for subject, fact in inner.items():
            known = found.get(subject)
            if isinstance(known, Range) and isinstance(fact, Range):
                fact = known.common(fact)
            elif isinstance(known, ValueTest) and isinstance(fact, ValueTest) and known != fact:
                fact = _both(known, fact)
            if _nothing(fact):
                return None
            found[subject] = fact
    return found


def _nothing(fact: Fact) -> bool:
    return fact.empty if isinstance(fact, Range) else isinstance(fact, ValueTest) and not fact.values


def implies(facts: dict[object, Fact], others: dict[object, Fact]) -> bool:
    """Tell whether all of `others` hold wherever `facts` do."""
    return all(subject in facts and _narrower(facts[subject], fact) for subject, fact in others.items())


def overlap(facts: dict[object, Fact], others: dict[object, Fact]) -> tuple[object, Range] | None:
    """Return the one number in which two conditions differ, neither within the other, and what they share."""
    if facts.keys() != others.keys():
        return None
    different = [subject for subject in facts if facts[subject] != others[subject]]
    if len(different) != 1:
        return None
    one, other = facts[different[0]], others[different[0]]
    if not isinstance(one, Range) or not isinstance(other, Range) or one.within(other) or other.within(one):
        return None
    common = one.common(other)
    return None if common.empty else (different[0], common)


def _narrower(fact: Fact, other: Fact) -> bool:
    if isinstance(fact, Range) and isinstance(other, Range):
        return fact.within(other)
    if isinstance(fact, ValueTest) and isinstance(other, ValueTest):
        one, two = set(fact.values), set(other.values)
        if fact.negated or other.negated:
            return one >= two if fact.negated and other.negated else not fact.negated and not one & two
        return one <= two
    return fact == other


def _both(one: ValueTest, other: ValueTest) -> ValueTest:
    if one.negated and other.negated:
        return ValueTest((*one.values, *other.values), negated=True)
    if one.negated:
        one, other = other, one
    kept = [value for value in one.values if (value in other.values) != other.negated]
    return ValueTest(tuple(kept))


_OPEN = NumberTest()


def _fact(condition: Condition) -> tuple[object, Fact]:
    """Return a condition's subject, the condition without its test, and the test."""
    if isinstance(condition, AgeTest):
        below = None if condition.below is None else condition.below - 1
        return replace(condition, at_least=None, below=None), Range(condition.at_least, below)
    if isinstance(condition, DaysLeft | Absences | DaysBetween):
        return replace(condition, test=_OPEN), _range(condition.test)
    if isinstance(condition, CaseFact | StartFact):
        test = condition.test
        return replace(condition, test=_OPEN), test if isinstance(test, ValueTest) else _range(test)
    return condition, None


def _range(test: NumberTest) -> Range:
    return Range(test.at_least, test.at_most)
