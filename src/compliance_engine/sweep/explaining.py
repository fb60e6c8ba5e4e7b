"""The working of stored deadlines: one case evaluated again from the facts and the law of its sweep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from compliance_engine.cases.batch import build_batch
from compliance_engine.engine.deadline import Deadline
from compliance_engine.engine.delay_reasons import Proposal, proposals
from compliance_engine.engine.derivation import Step
from compliance_engine.store.connect import Store
from compliance_engine.store.facts import read_facts
from compliance_engine.store.results import read_deadlines, read_findings
from compliance_engine.store.sweeps import Sweep
from compliance_engine.sweep.law import law_of

_COMPARED = ("due_on", "met_on", "closed_on", "status", "days_late", "variant", "excuse")


@dataclass(frozen=True, slots=True)
class Explained:
    """One stored deadline with its working.

    Attributes:
        deadline: As evaluated again.
        steps: Its working.
        differs: What the store says otherwise, by name; empty when it says the same.
        findings: The findings stored for it.
        proposals: The state's codes for lateness that its facts fit.
    """

    deadline: Deadline
    steps: tuple[Step, ...]
    differs: Mapping[str, Any]
    findings: tuple[Mapping[str, Any], ...]
    proposals: tuple[Proposal, ...]


def explain(store: Store, sweep: Sweep, case_id: str, *, rule: str | None = None) -> list[Explained]:
    """Return every deadline of a case as a sweep found it, by rule and opening.

    Args:
        sweep: A finished one.
        rule: Only deadlines of this rule.

    Raises: StoreProblem CE615 for a case or rule without a deadline in that sweep.
    """
    with store.read() as connection:
        stored = read_deadlines(connection, sweep, case_id=case_id).to_pylist()
        findings = read_findings(connection, sweep, case_id=case_id).to_pylist()
    wanted = [row for row in stored if rule in (None, row["rule"])]
    if not wanted:
        rules = ", ".join(sorted({row["rule"] for row in stored}))
        about = f"sweep {sweep.number} found no deadline" + (
            f" of {rule}" if rule and stored else " of this case"
        )
        mend = "check the id; a case imported later needs another sweep" if not stored else ""
        raise store.problem("CE615", about, thing=case_id, expected=rules, mend=mend)
    by_key = {_key(row): row for row in wanted}
    found = []
    for key, deadline, steps, fitting in _again(
        store, sweep, case_id, frozenset(row["rule"] for row in wanted)
    ):
        row = by_key.get(key)
        own = tuple(one for one in findings if _key(one) == key)
        found.append(Explained(deadline, steps, _differences(row, deadline), own, fitting))
    return sorted(found, key=lambda one: (one.deadline.rule, str(one.deadline.opened_on)))


def _key(row: Mapping[str, Any]) -> tuple[str, Any, int]:
    return row["rule"], row["opened_on"], row["nth"]


def _again(
    store: Store, sweep: Sweep, case_id: str, rules: frozenset[str]
) -> list[tuple[tuple[str, Any, int], Deadline, tuple[Step, ...], tuple[Proposal, ...]]]:
    question = sweep.question
    with store.read() as connection:
        facts = read_facts(connection, case_id, known_at=question.known_at, until_import=sweep.last_import)
    batch = build_batch(
        facts.cases, facts.events, as_of=question.as_of, known_at=question.known_at, where=case_id
    )
    found = []
    with law_of(store, sweep) as law:
        evaluation = law.engine(question).evaluate(batch, rules=rules)
        for block in evaluation.blocks:
            if block.rule.id not in rules:
                continue
            seen: dict[Any, int] = {}
            for row in range(len(block)):
                steps = evaluation.working(block, row)
                deadline = evaluation.describe(block, row, working=False)
                deadline = deadline.model_copy(update={"derivation": tuple(step.as_json() for step in steps)})
                nth = seen[deadline.opened_on] = seen.get(deadline.opened_on, -1) + 1
                fitting = proposals(evaluation, block, row)
                found.append(((deadline.rule, deadline.opened_on, nth), deadline, steps, fitting))
    return found


def _differences(row: Mapping[str, Any] | None, deadline: Deadline) -> dict[str, Any]:
    if row is None:
        return {"deadline": "not stored"}
    return {name: row[name] for name in _COMPARED if row[name] != getattr(deadline, name)}
