"""What of the law is encoded, as text for a terminal and as plain data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from compliance_engine.reports.state_table import GRADES
from compliance_engine.rules.coverage import Cell, Coverage
from compliance_engine.rules.loader import Corpus

LETTERS = {
    "regulation_text": "T",
    "official_guidance": "G",
    "secondary": "S",
    "unverified": "U",
}
"""A state's own rules, by the weakest grade among them."""

SOURCES = {
    "deferred": ("d", "the federal rule; a source says that the state keeps it"),
    "federal": ("f", "the federal rule; no state rule was seen, which is not to say that there is none"),
    "information": ("i", "provisions without a clock only: shown, never a deadline"),
    "left_out": ("x", "found, and left out for a reason that stands in the state's jurisdiction.yaml"),
    "none": (".", "no clock in state or federal rules"),
}


def symbol(cell: Cell) -> str:
    """Return a cell in few signs: ``T2`` for two rules whose text was read, ``f`` for the federal rule."""
    if cell.source == "state" and cell.verified:
        return f"{LETTERS[cell.verified]}{len(cell.rules)}"
    return SOURCES[cell.source][0]


def key_lines() -> Iterator[str]:
    """Yield the meaning of each sign."""
    for grade, letter in LETTERS.items():
        yield f"{letter}n  n rules of its own, the weakest source: {GRADES[grade].lower()}"
    for sign, meaning in SOURCES.values():
        yield f"{sign:<3} {meaning}"


def grid_lines(corpus: Corpus, found: Coverage) -> Iterator[str]:
    """Yield the grid of jurisdictions and duties, its key, and the totals."""
    heads = [duty.short for duty in corpus.duties]
    yield "    " + " ".join(f"{head:<5}" for head in heads) + " rules cases provisions"
    for where in found.jurisdictions:
        row = found.row(where)
        own = [cell for cell in row if cell.source == "state"]
        marks = " ".join(f"{symbol(cell):<5}" for cell in row)
        rules, cases = sum(len(cell.rules) for cell in own), sum(cell.cases for cell in own)
        yield f"{where.upper():<3} {marks} {rules:>5} {cases:>5} {sum(cell.provisions for cell in row):>10}"
    yield ""
    yield from key_lines()
    yield ""
    yield from (f"{duty.short:<6} {duty.id}: {duty.title}" for duty in corpus.duties)
    yield ""
    yield totals(corpus, found)


def totals(corpus: Corpus, found: Coverage) -> str:
    """Return how much there is, in one sentence."""
    provisions = sum(len(one.file.provisions) for one in corpus.inventories.values())
    left = sum(len(one.left_out) for one in corpus.jurisdictions.values())
    encoded = sum(cell.cases for (_, _), cell in found.cells.items() if cell.source == "state")
    return (
        f"{len(found.jurisdictions) - 1} jurisdictions and the federal rules: {provisions} provisions found, "
        f"{left} of them left out for a reason; {len(corpus.rules)} rules, {encoded} hand-counted cases."
    )


def state_lines(corpus: Corpus, found: Coverage, where: str) -> Iterator[str]:
    """Yield one jurisdiction, duty by duty."""
    about = corpus.jurisdictions.get(where)
    yield f"{where.upper()} {about.name if about else ''}".rstrip()
    for duty, cell in zip(corpus.duties, found.row(where), strict=True):
        yield ""
        yield f"{duty.title} [{duty.id}]"
        if cell.source != "state":
            yield f"  {SOURCES[cell.source][1]}"
        for rule_id in cell.rules:
            rule = corpus.rules[rule_id].rule
            yield f"  {rule_id:<52} {GRADES[rule.versions[-1].verified]}"
        if cell.rules:
            yield f"  {cell.cases} hand-counted cases"
    for one in about.left_out if about else ():
        yield ""
        yield f"left out: {one.provision}: {one.reason}"


def as_json(corpus: Corpus, found: Coverage) -> dict[str, Any]:
    """Return the grid as plain data."""
    return {
        "duties": [duty.model_dump() for duty in corpus.duties],
        "jurisdictions": [
            {
                "jurisdiction": where,
                "duties": {
                    duty: {
                        "source": cell.source,
                        "rules": list(cell.rules),
                        "verified": cell.verified,
                        "cases": cell.cases,
                        "provisions": cell.provisions,
                    }
                    for duty, cell in zip(found.duties, found.row(where), strict=True)
                },
                "left_out": [one.model_dump() for one in about.left_out] if about else [],
            }
            for where in found.jurisdictions
            for about in [corpus.jurisdictions.get(where)]
        ],
    }
