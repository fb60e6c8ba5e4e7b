"""What changed in the law between two rulebooks, rule by rule, in plain English."""

from __future__ import annotations

import difflib
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from compliance_engine.engine.changes import Change
from compliance_engine.reports.rule_text import Line, rule_lines
from compliance_engine.rules.loader import Corpus

Kind = Literal["added", "removed", "changed"]
_WIDTH = 110


@dataclass(frozen=True, slots=True)
class RuleChange:
    """A rule that is not what it was.

    Attributes:
        lines: Statements that went (``-``) and came (``+``), each under the version it belongs to (a blank
            sign); of a rule that came or went, all that it says.
    """

    rule: str
    title: str
    kind: Kind
    lines: tuple[tuple[str, Line], ...]

    def as_json(self) -> dict[str, Any]:
        """Return the change as plain data."""
        gone, come = (
            [{"label": line.label, "text": line.text} for sign, line in self.lines if sign == wanted]
            for wanted in "-+"
        )
        return {"rule": self.rule, "title": self.title, "kind": self.kind, "was": gone, "is": come}


def rule_changes(old: Corpus, new: Corpus, *, state: str | None = None) -> list[RuleChange]:
    """Return the rules that differ, sorted by id.

    Args:
        state: Only its rules and the federal ones.
    """
    found = []
    for rule_id in sorted({*old.rules, *new.rules}):
        one = new.rules.get(rule_id) or old.rules[rule_id]
        if state is not None and one.jurisdiction not in (state, "us"):
            continue
        before, after = (_lines(corpus, rule_id) for corpus in (old, new))
        if before == after:
            continue
        kind: Kind = "added" if not before else "removed" if not after else "changed"
        found.append(RuleChange(rule_id, one.rule.title, kind, tuple(_differences(before, after))))
    return found


def _lines(corpus: Corpus, rule_id: str) -> list[Line]:
    loaded = corpus.rules.get(rule_id)
    if loaded is None:
        return []
    # where a rule's file lies is no part of the law
    return [line for line in rule_lines(loaded, corpus) if line.label != "rule"]


def _differences(before: Sequence[Line], after: Sequence[Line]) -> Iterator[tuple[str, Line]]:
    """Yield the lines that went and came, each under the head of its version."""
    head: Line | None = None
    shown: Line | None = None
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for tag, low, high, first, last in matcher.get_opcodes():
        if tag == "equal":
            for line in before[low:high]:
                head = line if line.depth == 0 else head
            continue
        for sign, lines in (("-", before[low:high]), ("+", after[first:last])):
            for line in lines:
                if line.depth == 0:
                    head = shown = line
                elif head is not None and head is not shown:
                    yield " ", head
                    shown = head
                yield sign, line


def change_lines(change: RuleChange) -> Iterator[str]:
    """Yield a change as text for a terminal."""
    yield f"{change.kind:<8} {change.rule}: {change.title}"
    for sign, line in change.lines:
        head = (
            f"  {sign} {'  ' * line.depth}{line.label}: " if line.label else f"  {sign} {'  ' * line.depth}"
        )
        yield from textwrap.wrap(
            line.text,
            _WIDTH,
            initial_indent=head,
            subsequent_indent=" " * len(head),
            break_long_words=False,
            break_on_hyphens=False,
        )


def moved_line(change: Change) -> str:
    """Return one moved date as a line: from what to what, in which case, by which rule."""
    old, new = (day.isoformat() if day else "no date   " for day in (change.old_due, change.new_due))
    rule = f"{change.old_rule} -> {change.rule}" if change.old_rule else change.rule
    return f"  {old} -> {new}  {change.case_id}  {rule}  opened {change.opened_on}"
