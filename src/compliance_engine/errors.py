"""The exceptions of Compliance Engine: every one carries located problems, text is built from them.

    ComplianceError
    ├── FileProblem       CE1xx  a file cannot be read, or is not the strict YAML we accept
    ├── RuleProblem       CE2xx  rules, day counts, case files beside rules
    ├── CalendarProblem   CE3xx  school calendars
    ├── CaseProblem       CE4xx  case histories and imports
    ├── EngineProblem     CE5xx  evaluation
    ├── StoreProblem      CE6xx  databases and sweeps
    └── UsageProblem      CE7xx  arguments of a command or call

All problems of a run are collected and raised once. Every code has a page, ``docs/errors/<code>.md``.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "advice"]


@dataclass(frozen=True, order=True, slots=True)
class Place:
    """Where something stands: a file, with 1-based line and column where they are known (else 0)."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        if not self.line:
            return self.file
        if not self.column:
            return f"{self.file}:{self.line}"
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, order=True, slots=True)
class Problem:
    """One mistake, as fields; ``str()`` is the only text made from it.

    Attributes:
        place: Where it was found.
        code: The stable code, ``CE`` and three digits.
        thing: What it is about (a rule id, a calendar id); may be empty.
        found: What was found, a clause without a full stop.
        expected: What is accepted instead; may be empty.
        mend: How to mend it; may be empty.
        severity: ``error`` stops the run, ``advice`` does not.
    """

    place: Place
    code: str
    thing: str
    found: str
    expected: str = ""
    mend: str = ""
    severity: Severity = "error"

    def __str__(self) -> str:
        about = f"{self.code} {self.thing}".rstrip()
        clauses = [self.found]
        if self.expected:
            clauses.append(f"expected {self.expected}")
        if self.mend:
            clauses.append(self.mend)
        text = f"{self.place}: {about}: {'; '.join(clauses)}"
        return text if self.severity == "error" else f"{text} (advice)"


class ComplianceError(Exception):
    """Base of all errors a caller can act on.

    Args:
        problems: One problem or several; kept sorted by place, without duplicates.

    Attributes:
        kept: What was kept of the command's work all the same, a clause; empty when nothing was changed.
    """

    problems: tuple[Problem, ...]
    kept: str = ""

    def __init__(self, problems: Problem | Iterable[Problem]) -> None:
        given = (problems,) if isinstance(problems, Problem) else tuple(problems)
        self.problems = tuple(sorted(set(given)))
        super().__init__(self.problems)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


class FileProblem(ComplianceError):
    """A file cannot be read, or is not strict YAML (CE1xx)."""


class RuleProblem(ComplianceError):
    """Rules, day counts or the cases beside them are wrong (CE2xx)."""


class CalendarProblem(ComplianceError):
    """A school calendar is wrong or unknown (CE3xx)."""


class CaseProblem(ComplianceError):
    """Case histories cannot be used (CE4xx)."""


class EngineProblem(ComplianceError):
    """Evaluation cannot go on (CE5xx)."""


class StoreProblem(ComplianceError):
    """A database or a sweep is not in the state it must be in (CE6xx)."""


class UsageProblem(ComplianceError):
    """A command or call was given arguments it cannot use (CE7xx)."""


_CLASSES: dict[str, type[ComplianceError]] = {
    "CE1": FileProblem,
    "CE2": RuleProblem,
    "CE3": CalendarProblem,
    "CE4": CaseProblem,
    "CE5": EngineProblem,
    "CE6": StoreProblem,
    "CE7": UsageProblem,
}


def error_for(problems: Problem | Iterable[Problem]) -> ComplianceError:
    """Return the exception whose class fits the codes; the base class when they are mixed."""
    error = ComplianceError(problems)
    classes = {_CLASSES.get(problem.code[:3], ComplianceError) for problem in error.problems}
    return classes.pop()(error.problems) if len(classes) == 1 else error


def did_you_mean(word: str, accepted: Iterable[str]) -> str:
    """Return ``did you mean X?`` for the accepted word most like `word`, or an empty text."""
    close = difflib.get_close_matches(word, sorted(set(accepted)), n=1, cutoff=0.6)
    return f"did you mean {close[0]}?" if close else ""
