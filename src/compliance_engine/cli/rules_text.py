"""What ``rules show`` and ``rules list`` print."""

from __future__ import annotations

import json
from pathlib import Path

from compliance_engine.cases.catalogue import PROGRAMS
from compliance_engine.cases.rule_vocabulary import load_corpus
from compliance_engine.cli.options import misread
from compliance_engine.data_files import rules_folder
from compliance_engine.errors import UsageProblem, did_you_mean
from compliance_engine.reports.rule_list import ListedRule, list_rules, rules_on, topics
from compliance_engine.reports.rule_text import rule_lines, rule_text
from compliance_engine.reports.state_table import GRADES
from compliance_engine.rules.loader import FEDERAL, Corpus, LoadedRule

_ID = 52


def shown_rules(rule_or_state: str, topic: str | None, folder: Path | None, form: str) -> str:
    """Return one rule, or those of a state on a topic, as text or JSON.

    Raises: UsageProblem CE702 for a rule, state or topic that does not exist.
    """
    corpus = load_corpus(rules_folder(folder))
    found = [_by_id(corpus, rule_or_state)] if topic is None else _on(corpus, rule_or_state.lower(), topic)
    if form == "json":
        return json.dumps([_as_json(loaded, corpus) for loaded in found], indent=2, ensure_ascii=False)
    return "\n\n\n".join(rule_text(loaded, corpus) for loaded in found)


def _by_id(corpus: Corpus, rule_id: str) -> LoadedRule:
    loaded = corpus.rules.get(rule_id)
    if loaded is None:
        mend = did_you_mean(rule_id, corpus.rules) or "rules list names them all"
        raise UsageProblem(misread("rules show", rule_id, "no such rule", mend=mend))
    return loaded


def _on(corpus: Corpus, state: str, topic: str) -> list[LoadedRule]:
    _known_state(corpus, state, "rules show")
    found = rules_on(corpus, state, topic)
    if not found:
        mend = did_you_mean(topic, topics(corpus, state))
        raise UsageProblem(misread("rules show", topic, f"{state} has no rule on this topic", mend=mend))
    return found


def _known_state(corpus: Corpus, state: str, command: str) -> None:
    if state != FEDERAL and state not in corpus.states():
        known = ", ".join([FEDERAL, *corpus.states()])
        raise UsageProblem(misread(command, state, "no rules for this state", known))


def _as_json(loaded: LoadedRule, corpus: Corpus) -> dict[str, object]:
    lines = [
        {"label": line.label, "text": line.text, "depth": line.depth} for line in rule_lines(loaded, corpus)
    ]
    return {"id": loaded.rule.id, "title": loaded.rule.title, "lines": lines}


def listed_rules(state: str | None, program: str | None, folder: Path | None, form: str) -> str:
    """Return a list of rules as text or JSON.

    Raises: UsageProblem CE702 for a state or program that does not exist.
    """
    corpus = load_corpus(rules_folder(folder))
    wanted = state.lower() if state else None
    if wanted:
        _known_state(corpus, wanted, "--state")
    if program is not None and program not in PROGRAMS:
        raise UsageProblem(misread("--program", program, "no such program", ", ".join(PROGRAMS)))
    found = list_rules(corpus, wanted, program)
    if form == "json":
        return json.dumps([one.as_json() for one in found], indent=2, ensure_ascii=False)
    place = f" in force in {wanted}" if wanted else ""
    head = f"{'rule':<{_ID}} {'source':<10} due"
    return "\n".join([head, *map(_line, found), "", f"{len(found)} rules{place}"])


def _line(one: ListedRule) -> str:
    remark = {"deadline": "", "not_before": "not before ", "information": "for information: "}[one.kind]
    policy = " (local policy)" if one.authority == "policy" else ""
    return f"{one.id:<{_ID}} {GRADES[one.verified]:<10} {remark}{one.due}{policy}"
