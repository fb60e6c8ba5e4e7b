"""What a report needs to know of the rules beside the deadlines themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from compliance_engine.rules.starts import OnBirth

if TYPE_CHECKING:
    from compliance_engine.engine.findings_rules import FindingsRules
    from compliance_engine.rules.loader import Corpus


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """An open question of law with its answers.

    Attributes:
        options: What each answer means.
    """

    question: str
    default: str = ""
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReportContext:
    """Words of the law for a report.

    Attributes:
        meanings: Finding codes with what they mean, in the order in which the report lists them.
        questions: Open questions by rule id and reading id.
        opens_at_birth: Rules whose day of opening is the birth date, which a report never shows.
    """

    meanings: Mapping[str, str] = field(default_factory=dict)
    questions: Mapping[tuple[str, str], OpenQuestion] = field(default_factory=dict)
    opens_at_birth: frozenset[str] = frozenset()


def report_context(corpus: Corpus, findings: FindingsRules | None = None) -> ReportContext:
    """Return the context of the rules, and of the findings rules where there are any."""
    questions = {
        (rule_id, reading.id): OpenQuestion(
            reading.question, reading.default, {name: option.note for name, option in reading.options.items()}
        )
        for rule_id, loaded in corpus.rules.items()
        for reading in loaded.rule.readings
    }
    born = [rule_id for rule_id, one in corpus.rules.items() if isinstance(one.rule.starts_on, OnBirth)]
    meanings = dict(findings.conclusions["finding"]) if findings else {}
    return ReportContext(meanings, questions, frozenset(born))
