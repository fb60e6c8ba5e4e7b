"""A rule in plain English: what starts it, what meets it, when it is due, and where the law says so."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from compliance_engine.cases.catalogue import catalogue
from compliance_engine.reports.text import VERIFIED
from compliance_engine.rules.loader import Corpus, LoadedRule
from compliance_engine.rules.models import ExtendedBy, Roll, Rule, Variant, Version
from compliance_engine.rules.words import Words, listed, plain

_WIDTH = 100
_LABEL = 14
_ROLLS = {
    "in_summer": "if it falls between school years",
    "on_weekend": "if it falls on a weekend",
    "on_legal_holiday": "if it falls on a legal holiday",
    "on_closed_day": "if it falls on a day without school",
}
_OPENS = {
    "each": "each time anew",
    "first": "the first time only",
    "latest": "the latest time only",
}
_LOOKING = {
    "forward": "",
    "forward_same_day": "on the day of the start or later",
    "backward": "the first one since the start before, up to this start",
    "in_effect": "the plan in effect on the due day",
}
_KINDS = {
    "deadline": "due",
    "not_before": "not before",
    "information": "window ends",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One statement about a rule.

    Attributes:
        label: What it is about; empty when it goes on with the line before.
        depth: 0 for the rule, 1 for a version of it, 2 for a part of a version.
    """

    label: str
    text: str
    depth: int = 0


def titled_words(corpus: Corpus | None = None) -> Words:
    """Return words that call events, and rules of the corpus, by their titles."""

    def event(name: str) -> str:
        found = catalogue().find(name)
        if found is None:
            return plain(name)
        return found.title if _acronym(found.title) else found.title[:1].lower() + found.title[1:]

    def rule(rule_id: str) -> str:
        loaded = corpus.rules.get(rule_id) if corpus else None
        return f"“{loaded.rule.title}” ({rule_id})" if loaded else rule_id

    return Words(event, rule)


def _acronym(title: str) -> bool:
    """Tell whether a title begins with a word that keeps its capitals: IEP, IFSP, Part C, Section 504."""
    first = title.split()[0]
    return first.isupper() or first in ("Part", "Section")


def rule_lines(loaded: LoadedRule, corpus: Corpus) -> Iterator[Line]:
    """Yield what a rule says, line by line."""
    rule, words = loaded.rule, titled_words(corpus)
    yield Line("rule", f"{rule.id} ({loaded.document.name})")
    if rule.authority == "policy":
        yield Line("authority", "local policy, not law: a breach is not noncompliance")
    if rule.kind == "information":
        yield Line("kind", "for information: a window that is nobody's duty, never a violation")
    if rule.overrides:
        yield Line("replaces", listed([words.rule(other) for other in rule.overrides]))
    if rule.tightens:
        yield Line("tightens", words.rule(rule.tightens))
    yield Line("starts on", f"{words.start(rule.starts_on)}; {_OPENS[rule.opens]}")
    if rule.applies_when:
        yield Line("applies when", words.condition(rule.applies_when))
    looking = _LOOKING[rule.met_looking]
    yield Line("met by", words.met_by(rule.met_by) + (f"; {looking}" if looking else ""))
    if rule.superseded_by:
        yield Line("superseded by", words.pattern(rule.superseded_by))
    yield Line("closed by", _closed_by(rule, loaded, corpus, words))
    for index, version in enumerate(rule.versions):
        yield from _version_lines(rule, index, version, words)
    yield from _closing_lines(rule)


def _closed_by(rule: Rule, loaded: LoadedRule, corpus: Corpus, words: Words) -> str:
    if rule.closed_by is not None:
        return words.patterns(rule.closed_by) or "nothing"
    program = corpus.programs.get(loaded.program)
    patterns = words.patterns(program.closed_by) if program else ""
    return f"{patterns or 'nothing'} (as all duties of the program)"


def _version_lines(rule: Rule, index: int, version: Version, words: Words) -> Iterator[Line]:
    since = version.effective_from.isoformat() if version.effective_from else "an unknown day"
    last = version.ends
    following = rule.versions[index + 1].effective_from if index + 1 < len(rule.versions) else None
    if last is None and following is not None:
        last = following - timedelta(days=1)
    until = f" until {last.isoformat()}" if last else ", in force"
    chosen = "the start" if rule.version_chosen_by == "start" else "the due day"
    yield Line(
        "version", f"from {since}{until}" + (f" (chosen by {chosen})" if len(rule.versions) > 1 else "")
    )
    yield Line(_KINDS[rule.kind], words.day(version.due), 1)
    yield from _counting_lines(version, words)
    for variant in version.variants:
        yield from _variant_lines(variant, words)
    yield from _extension_lines(version.extended_by, words, 1)
    if version.not_before:
        yield Line("not before", words.day(version.not_before), 1)
    for one in version.exceptions:
        effect = {
            "not_applicable": "the duty falls away",
            "excused": "lateness is excused",
            "met": "the duty counts as met in time",
            "due": f"due instead: {words.day(one.due)}" if one.due else "",
        }[one.effect]
        title = f"{one.title}: " if one.title else ""
        yield Line("exception", f"{title}{effect}, when {words.condition(one.when)} [{one.citation}]", 1)
    for citation in version.citations:
        link = f" {citation.url}" if citation.url else ""
        note = f" {citation.note}" if citation.note else ""
        yield Line("law", f"{citation.ref}, looked at on {citation.checked_on}.{note}{link}", 1)
    yield Line("verified", f"{plain(version.verified)}: {VERIFIED[version.verified]}", 1)
    for text in version.notes:
        yield Line("note", text, 1)


def _counting_lines(part: Version | Variant, words: Words, depth: int = 1) -> Iterator[Line]:
    counting = part.counting
    if counting and counting.day_one == "start_day":
        yield Line("day 1", "the day counted from is itself day 1, if it counts", depth)
    if counting and counting.last_day_off != "stays":
        direction, _, unit = counting.last_day_off.partition("_")
        to = f"the {direction} {plain(unit).removesuffix('s')}"
        yield Line("last day", f"when it is none, the period ends on {to}", depth)
    for roll in part.rolls or ():
        yield _roll_line(roll, words, depth)


def _roll_line(roll: Roll, words: Words, depth: int) -> Line:
    return Line("moves", f"{_ROLLS[roll.when]}, to {words.day(roll.to)}", depth)


def _variant_lines(variant: Variant, words: Words) -> Iterator[Line]:
    title = f"{variant.title}: " if variant.title else ""
    yield Line("variant", f"{plain(variant.id)}. {title}{words.day(variant.due)}", 1)
    yield Line("when", words.condition(variant.when), 2)
    yield from _counting_lines(variant, words, 2)
    if variant.extended_by == "none":
        yield Line("extended by", "nothing", 2)
    elif variant.extended_by is not None:
        yield from _extension_lines(variant.extended_by, words, 2)


def _extension_lines(extended: ExtendedBy | None, words: Words, depth: int) -> Iterator[Line]:
    if extended is None:
        return
    if absences := extended.absences:
        bound = (
            f"at least {absences.at_least}"
            if absences.at_least is not None
            else f"more than {absences.above}"
        )
        added = "all of them" if absences.add == "all" else "those beyond"
        when = f", when {words.condition(absences.when)}" if absences.when else ""
        text = f"absences of the child on {bound} school days: {added} in {plain(absences.unit)}{when}"
        yield Line("extended by", text, depth)
    for pause in extended.pauses:
        text = f"the time from {words.pattern(pause.from_)} until {words.pattern(pause.until)}"
        yield Line("extended by", text, depth)
    if agreement := extended.agreement:
        limits = "" if agreement.made_by == "any_time" else ", made by the due day"
        cap = f", at most to {words.day(agreement.cap)}" if agreement.cap else ""
        when = f", when {words.condition(agreement.when)}" if agreement.when else ""
        text = f"a later day by {words.met_by(agreement.event)}{limits}{cap}{when}"
        yield Line("extended by", text, depth)


def _closing_lines(rule: Rule) -> Iterator[Line]:
    for reading in rule.readings:
        yield Line("open question", f"{reading.question} [{reading.id}]")
        for name, option in reading.options.items():
            mark = " (default)" if name == reading.default else ""
            yield Line("", f"{name}{mark}: {option.note}", 1)
    for text in rule.notes:
        yield Line("note", text)


def rule_text(loaded: LoadedRule, corpus: Corpus) -> str:
    """Return a rule as text for a terminal."""
    lines = [loaded.rule.title, ""]
    for line in rule_lines(loaded, corpus):
        indent = "  " * line.depth
        head = f"{indent}{line.label:<{_LABEL}} "
        lines += textwrap.wrap(
            line.text,
            _WIDTH + len(head),
            initial_indent=head,
            subsequent_indent=" " * len(head),
            break_long_words=False,
            break_on_hyphens=False,
        )
    return "\n".join(lines)
