"""``rules coverage``: what of the law is encoded, where, and how sure we are."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from compliance_engine.cases.rule_vocabulary import load_corpus
from compliance_engine.cli.options import misread
from compliance_engine.data_files import rules_folder
from compliance_engine.engine.rule_cases import case_files, read_cases
from compliance_engine.errors import Place, Problem, UsageProblem, error_for
from compliance_engine.reports.coverage_text import as_json, grid_lines, state_lines
from compliance_engine.rules.coverage import Coverage, accounting, coverage, unlisted
from compliance_engine.rules.loader import Corpus
from compliance_engine.strict_yaml import read_yaml


def covered(folder: Path | None) -> tuple[Corpus, Coverage]:
    """Return the rules and what they cover, hand-counted cases included."""
    corpus = load_corpus(rules_folder(folder))
    cases = Counter(one.rule for one in read_cases(case_files(corpus.folder), corpus))
    return corpus, coverage(corpus, cases)


def shown_coverage(state: str | None, folder: Path | None, form: str) -> str:
    """Return the grid, or one state, as text or JSON.

    Raises: UsageProblem CE702 for a state that does not exist.
    """
    corpus, found = covered(folder)
    if state is not None and state.lower() not in found.jurisdictions:
        known = ", ".join(found.jurisdictions)
        raise UsageProblem(misread("--state", state, "no rules for this state", known))
    if form == "json":
        return json.dumps(as_json(corpus, found), indent=2, ensure_ascii=False)
    lines = grid_lines(corpus, found) if state is None else state_lines(corpus, found, state.lower())
    return "\n".join(lines)


def write_pages(target: Path, folder: Path | None) -> list[Path]:
    """Write the pages on the law into a folder, which is made if need be, and return them."""
    from compliance_engine.reports.coverage_pages import pages

    target.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in pages(*covered(folder)).items():
        (target / name).write_text(text, encoding="utf-8")
        written.append(target / name)
    return written


def compared(notes: Path, folder: Path | None) -> str:
    """Hold source notes against the rules: every provision they name must be listed and accounted for.

    Args:
        notes: A folder of YAML files, each with a ``jurisdiction`` and ``provisions`` with an ``id``.

    Raises: RuleProblem with everything that is not explained.
    """
    corpus = load_corpus(rules_folder(folder))
    problems: list[Problem] = list(accounting(corpus))
    count = 0
    files = sorted(notes.glob("*.yaml"))
    for path in files:
        data = read_yaml(path).data
        where = str(data["jurisdiction"]).lower()
        ids = [str(one["id"]) for key in ("provisions", "indicators") for one in data.get(key, [])]
        count += len(ids)
        if where not in corpus.inventories:
            problems.append(
                Problem(Place(path.name), "CE217", where, "no provisions.yaml lists its provisions")
            )
            continue
        missing, unknown = unlisted(corpus.inventories[where], ids)
        problems += [
            Problem(Place(path.name), "CE217", where, f"provision {name} is not in provisions.yaml")
            for name in missing
        ]
        problems += [
            Problem(
                corpus.inventories[where].document.place(), "CE218", where, f"{name} is not in {path.name}"
            )
            for name in unknown
        ]
    if problems:
        raise error_for(problems)
    left = sum(len(one.left_out) for one in corpus.jurisdictions.values())
    return (
        f"{count} provisions in {len(files)} jurisdictions: {count - left} encoded or told as information, "
        f"{left} left out for a reason, none unexplained."
    )
