"""Compliance Engine: due dates and violations under IDEA and Section 504, with their working."""

from __future__ import annotations

from typing import TYPE_CHECKING

__version__ = "0.1.0"
__all__ = ["__version__", "evaluate"]

if TYPE_CHECKING:
    from datetime import date

    from compliance_engine.calendars.loader import CalendarLibrary
    from compliance_engine.cases.columns import CaseBatch
    from compliance_engine.engine.evaluate import Evaluation
    from compliance_engine.rules.loader import Corpus
    from compliance_engine.rules.rulebook import Readings


def evaluate(
    batch: CaseBatch,
    rules: Corpus,
    calendars: CalendarLibrary,
    *,
    as_of: date,
    known_on: date | None = None,
    readings: Readings | None = None,
) -> Evaluation:
    """Evaluate cases against rules and calendars as of a day.

    Args:
        batch: Cases and events as believed, from `compliance_engine.cases.batch.build_batch`.
        rules: From `compliance_engine.cases.rule_vocabulary.load_corpus`.
        calendars: From `compliance_engine.calendars.loader.load_calendars`.
        as_of: The day whose truth is asked; never the clock.
        known_on: Closures announced later are not known; None knows them all.
        readings: Answers to open questions of law: rule id to question to option.
    """
    from compliance_engine.engine.evaluate import Engine

    return Engine(rules, calendars, as_of, known_on, readings or {}).evaluate(batch)
