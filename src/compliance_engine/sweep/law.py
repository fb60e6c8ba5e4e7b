"""The rules and calendars a sweep works with, read from folders or from what the store kept."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from compliance_engine.calendars.loader import CalendarLibrary, load_calendars
from compliance_engine.calendars.models import Calendar
from compliance_engine.cases.rule_vocabulary import load_corpus
from compliance_engine.engine.evaluate import Engine
from compliance_engine.engine.findings_rules import FindingsRules, load_findings_rules
from compliance_engine.rules.loader import Corpus
from compliance_engine.store.connect import Store
from compliance_engine.store.contents import Snapshot, read_snapshot, take_snapshot, write_snapshot
from compliance_engine.store.sweeps import Question, Sweep


@dataclass(frozen=True, slots=True)
class Law:
    """Rules, findings rules and calendars, with the bytes they were read from."""

    corpus: Corpus
    findings: FindingsRules
    library: CalendarLibrary
    rules: Snapshot
    calendars: Snapshot

    def engine(self, question: Question) -> Engine:
        """Return an evaluator for what a sweep asks."""
        return Engine(
            self.corpus,
            self.library,
            question.as_of,
            known_on=None if question.known_at is None else question.known_at.date(),
            readings=question.readings,
            project=_projection(question.project_until),
        )


def read_law(rules: Path, calendars: Path, policy: Path | None = None) -> Law:
    """Read a folder of rules and one of calendars, and perhaps one of local policy.

    Raises: ComplianceError with all problems of the rules, or of the findings rules, or of the calendars.
    """
    snapshots = take_snapshot("rules", rules, policy), take_snapshot("calendars", calendars)
    return Law(
        load_corpus(rules, policy=policy), load_findings_rules(rules), load_calendars(calendars), *snapshots
    )


@contextmanager
def law_of(store: Store, sweep: Sweep) -> Iterator[Law]:
    """Give the rules and calendars that a sweep used."""
    with store.read() as connection:
        rules = read_snapshot(connection, "rules", sweep.rules)
        calendars = read_snapshot(connection, "calendars", sweep.calendars)
    with tempfile.TemporaryDirectory(prefix="compliance-engine-") as folder:
        for snapshot in (rules, calendars):
            write_snapshot(snapshot, Path(folder) / snapshot.kind)
        yield read_law(Path(folder) / "rules", Path(folder) / "calendars")


def _projection(until: date | None) -> Callable[[Calendar], Calendar] | None:
    if until is None:
        return None
    from compliance_engine.calendars.projection import project

    return lambda calendar: project(calendar, until)
