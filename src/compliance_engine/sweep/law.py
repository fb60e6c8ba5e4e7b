"""The rules and calendars a sweep works with, read from folders or from what the store kept."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path

from compliance_engine import __version__
from compliance_engine.calendars.loader import CalendarLibrary, load_calendars
from compliance_engine.calendars.models import Calendar
from compliance_engine.cases.rule_vocabulary import load_corpus
from compliance_engine.engine.evaluate import Engine
from compliance_engine.engine.findings_rules import FindingsRules, load_findings_rules
from compliance_engine.engine.judge import WORKERS, Judge
from compliance_engine.errors import CalendarProblem
from compliance_engine.rules.loader import FEDERAL, Corpus
from compliance_engine.store.connect import Store
from compliance_engine.store.contents import (
    Snapshot,
    read_snapshot,
    snapshot_of,
    take_snapshot,
    write_snapshot,
)
from compliance_engine.store.sweeps import Question, Sweep


@dataclass(frozen=True, slots=True)
class Law:
    """Rules, findings rules and calendars, with the bytes they were read from.

    Attributes:
        kept_in: A folder in which verdicts are kept between runs; None keeps none.
    """

    corpus: Corpus
    findings: FindingsRules
    library: CalendarLibrary
    rules: Snapshot
    calendars: Snapshot
    kept_in: Path | None = None

    def judge(self, workers: int = WORKERS) -> Judge:
        """Return a judge by the findings rules, with so many child processes at a time."""
        return Judge(self.findings, workers=workers, kept_in=self.kept_in)

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


class LawHashes:
    """Hashes of what decides about the dates and findings of a state's cases with one calendar."""

    def __init__(self, law: Law) -> None:
        self._law = law
        self._found: dict[tuple[str, str | None], str] = {}
        self._folders: dict[str, str] = {}

    def of(self, state: str, calendar: str | None) -> str:
        """Return the hash: program, holidays, federal and state rules, local policy, and the calendar."""
        if (state, calendar) not in self._found:
            parts = [__version__, version("holidays"), state, self._calendar(calendar)]
            parts += [self._folder(name) for name in (FEDERAL, state, "local_policy")]
            self._found[state, calendar] = hashlib.sha256("\n".join(parts).encode()).hexdigest()
        return self._found[state, calendar]

    def _folder(self, name: str) -> str:
        if name not in self._folders:
            files = self._law.rules.files.items()
            own = {path: content for path, content in files if path.split("/", 1)[0] == name}
            self._folders[name] = snapshot_of("rules", own).hash
        return self._folders[name]

    def _calendar(self, name: str | None) -> str:
        if name is None:
            return "none"
        try:
            return f"{name} {self._law.library.resolve(name)!r}"
        except CalendarProblem:
            return f"{name} unknown"


def read_law(rules: Path, calendars: Path, policy: Path | None = None, *, cache: Path | None = None) -> Law:
    """Read a folder of rules and one of calendars, and perhaps one of local policy.

    Args:
        cache: A folder in which what was checked and judged is kept between runs; None keeps nothing.

    Raises: ComplianceError with all problems of the rules, or of the findings rules, or of the calendars.
    """
    snapshots = take_snapshot("rules", rules, policy), take_snapshot("calendars", calendars)
    return Law(
        load_corpus(rules, policy=policy, cache=cache),
        load_findings_rules(rules),
        load_calendars(calendars, cache=cache),
        *snapshots,
        cache,
    )


@contextmanager
def law_of(store: Store, sweep: Sweep) -> Iterator[Law]:
    """Give the rules and calendars that a sweep used."""
    with store.read() as connection:
        rules = read_snapshot(connection, "rules", sweep.rules)
        calendars = read_snapshot(connection, "calendars", sweep.calendars)
    with law_of_snapshots(rules, calendars) as law:
        yield law


@contextmanager
def law_of_snapshots(rules: Snapshot, calendars: Snapshot) -> Iterator[Law]:
    """Give the law that some files say."""
    with tempfile.TemporaryDirectory(prefix="compliance-engine-") as folder:
        for snapshot in (rules, calendars):
            write_snapshot(snapshot, Path(folder) / snapshot.kind)
        yield read_law(Path(folder) / "rules", Path(folder) / "calendars")


def _projection(until: date | None) -> Callable[[Calendar], Calendar] | None:
    if until is None:
        return None
    from compliance_engine.calendars.projection import project

    return lambda calendar: project(calendar, until)
