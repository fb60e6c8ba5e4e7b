"""What of the law is encoded: the provisions that were found, held against the rules; each duty by state."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from compliance_engine.errors import Problem, did_you_mean
from compliance_engine.rules.jurisdictions import Provision
from compliance_engine.rules.loader import FEDERAL, Corpus, Inventory, LoadedRule
from compliance_engine.rules.models import Information, Rule, Verified

STRENGTH: dict[Verified, int] = {
    "unverified": 0,
    "secondary": 1,
    "official_guidance": 2,
    "regulation_text": 3,
}
"""Grades of verification, the weakest first."""

_AT_MOST = {"unverified": 0, "low": 1, "medium": 2, "high": 3}
"""The strongest grade that a reading of the source bears out."""

Source = Literal["state", "deferred", "federal", "information", "left_out", "none"]


def accounting(corpus: Corpus) -> Iterator[Problem]:
    """Yield what does not add up between the provisions that were found and the rules.

    CE217: a provision that neither a rule nor an information encodes and that is not left out for a reason.
    CE218: a provision named that was not found, or a duty that does not exist.
    CE219: a rule or an information graded above what its provisions' sources bear out.
    """
    for jurisdiction, inventory in sorted(corpus.inventories.items()):
        provisions = {one.id: one for one in inventory.file.provisions}
        named = _named(corpus, jurisdiction)
        for index, one in enumerate(inventory.file.provisions):
            if one.id not in named:
                mend = "encode it, or say in jurisdiction.yaml why it is left_out"
                found = f"provision {one.id} is not accounted for"
                yield Problem(inventory.place(index), "CE217", jurisdiction, found, mend=mend)
            if one.duty not in {duty.id for duty in corpus.duties}:
                mend = did_you_mean(one.duty, [duty.id for duty in corpus.duties])
                yield Problem(
                    inventory.place(index), "CE218", jurisdiction, f"unknown duty {one.duty!r}", mend=mend
                )
        for name in sorted(named.keys() - provisions.keys()):
            mend = did_you_mean(name, provisions)
            found = f"{named[name]} encodes {name!r}, which is no provision of {inventory.document.name}"
            yield Problem(inventory.document.place(), "CE218", jurisdiction, found, mend=mend)
        yield from _grades(corpus, jurisdiction, provisions)
        yield from _without_duty(corpus, jurisdiction)


def _without_duty(corpus: Corpus, jurisdiction: str) -> Iterator[Problem]:
    known = [duty.id for duty in corpus.duties]
    for loaded in _rules_of(corpus, jurisdiction):
        if duty_of(corpus, loaded) not in known:
            found = (
                f"unknown duty {loaded.rule.duty!r}"
                if loaded.rule.duty
                else "nothing says what duty it is about"
            )
            mend = "name its provisions, or its duty"
            yield Problem(loaded.place("id"), "CE218", loaded.rule.id, found, ", ".join(known), mend)


def _named(corpus: Corpus, jurisdiction: str) -> dict[str, str]:
    """Return the provisions that something accounts for, and by what."""
    found = {
        name: f"information {one.id}"
        for where, _, one in corpus.information
        if where == jurisdiction
        for name in one.provisions
    }
    for loaded in _rules_of(corpus, jurisdiction):
        found |= dict.fromkeys(loaded.rule.provisions, f"rule {loaded.rule.id}")
    about = corpus.jurisdictions.get(jurisdiction)
    return found | {one.provision: "left_out" for one in (about.left_out if about else ())}


def _rules_of(corpus: Corpus, jurisdiction: str) -> Iterator[LoadedRule]:
    for loaded in corpus.rules.values():
        if loaded.jurisdiction == jurisdiction and loaded.district is None:
            yield loaded


def _grades(corpus: Corpus, jurisdiction: str, provisions: Mapping[str, Provision]) -> Iterator[Problem]:
    for loaded in _rules_of(corpus, jurisdiction):
        for index, version in enumerate(loaded.rule.versions):
            found = _too_strong(version.verified, loaded.rule, provisions)
            if found:
                yield Problem(loaded.place("versions", index, "verified"), "CE219", loaded.rule.id, found)
    inventory = corpus.inventories[jurisdiction]
    for where, _, one in corpus.information:
        found = _too_strong(one.verified, one, provisions) if where == jurisdiction else None
        if found:
            yield Problem(inventory.document.place(), "CE219", f"{jurisdiction} {one.id}", found)


def _too_strong(
    verified: Verified, one: Rule | Information, provisions: Mapping[str, Provision]
) -> str | None:
    found = [provisions[name] for name in one.provisions if name in provisions]
    if not found or STRENGTH[verified] <= max(_AT_MOST[each.confidence] for each in found):
        return None
    read = ", ".join(f"{each.id} with {each.confidence} confidence" for each in found)
    return f"graded {verified}, but its source was read as {read}"


@dataclass(frozen=True, slots=True)
class Cell:
    """One duty in one jurisdiction.

    Attributes:
        source: ``state``: rules of its own; ``deferred`` or ``federal``: the federal rules apply, because a
            source says so or because no rule of its own was seen; ``information``: provisions without a
            clock only; ``left_out``: found, and not encoded for a reason; ``none``: no clock at all.
        rules: Ids of the rules in force on the duty.
        verified: The weakest grade among them; None without rules.
        cases: Hand-counted cases of these rules.
        provisions: How many provisions on the duty were found in the jurisdiction's own law.
    """

    source: Source
    rules: tuple[str, ...]
    verified: Verified | None
    cases: int
    provisions: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """Every duty in every jurisdiction; the federal one first."""

    duties: tuple[str, ...]
    jurisdictions: tuple[str, ...]
    cells: Mapping[tuple[str, str], Cell]
    """(jurisdiction, duty)"""

    def row(self, jurisdiction: str) -> list[Cell]:
        """Return the cells of a jurisdiction in the order of the duties."""
        return [self.cells[jurisdiction, duty] for duty in self.duties]


def duty_of(corpus: Corpus, loaded: LoadedRule) -> str | None:
    """Return the duty of a rule: named, by its provisions, or by what it replaces; None if nothing tells."""
    if loaded.rule.duty:
        return loaded.rule.duty
    inventory = corpus.inventories.get(loaded.jurisdiction)
    by_id = {one.id: one.duty for one in inventory.file.provisions} if inventory else {}
    for name in loaded.rule.provisions:
        if name in by_id:
            return by_id[name]
    for other in loaded.rule.overrides:
        if other in corpus.rules:
            return duty_of(corpus, corpus.rules[other])
    return None


def coverage(corpus: Corpus, cases: Mapping[str, int]) -> Coverage:
    """Return what is encoded.

    Args:
        cases: Rule id to the number of its hand-counted cases.
    """
    jurisdictions = tuple(sorted({*corpus.inventories, *corpus.states()} - {FEDERAL}))
    duties = tuple(duty.id for duty in corpus.duties)
    by_duty: dict[tuple[str, str], list[Rule]] = {}
    for loaded in corpus.rules.values():
        duty = duty_of(corpus, loaded)
        if duty and loaded.district is None:
            by_duty.setdefault((loaded.jurisdiction, duty), []).append(loaded.rule)
    cells = {
        (where, duty): _cell(corpus, where, duty, by_duty, cases)
        for where in (FEDERAL, *jurisdictions)
        for duty in duties
    }
    return Coverage(duties, (FEDERAL, *jurisdictions), cells)


def _cell(
    corpus: Corpus,
    where: str,
    duty: str,
    by_duty: Mapping[tuple[str, str], list[Rule]],
    cases: Mapping[str, int],
) -> Cell:
    inventory, about = corpus.inventories.get(where), corpus.jurisdictions.get(where)
    found = [one for one in inventory.file.provisions if one.duty == duty] if inventory else []
    own = by_duty.get((where, duty), [])
    if own:
        return _of_rules("state", own, cases, len(found))
    if found:
        left = {one.provision for one in about.left_out} if about else set()
        only = all(one.id in left for one in found)
        return Cell("left_out" if only else "information", (), None, 0, len(found))
    federal = by_duty.get((FEDERAL, duty), [])
    if not federal:
        return Cell("none", (), None, 0, 0)
    deferred = about is not None and _names(about.defers_to_federal, duty)
    return _of_rules("deferred" if deferred else "federal", federal, cases, 0)


def _names(listed: Collection[str], duty: str) -> bool:
    return any(name == duty or name.startswith(f"{duty}_") for name in listed)


def weakest(grades: Iterable[Verified]) -> Verified:
    """Return the weakest of some grades."""
    return min(grades, key=lambda grade: STRENGTH[grade])


def _of_rules(source: Source, rules: list[Rule], cases: Mapping[str, int], found: int) -> Cell:
    grades = [version.verified for rule in rules for version in rule.versions]
    return Cell(
        source,
        tuple(rule.id for rule in rules),
        weakest(grades),
        sum(cases.get(rule.id, 0) for rule in rules),
        found,
    )


def unlisted(inventory: Inventory, ids: Collection[str]) -> tuple[list[str], list[str]]:
    """Return the ids that the inventory lacks, and those it has beyond them, for a check against a source."""
    own = {one.id for one in inventory.file.provisions}
    return sorted(set(ids) - own), sorted(own - set(ids))
