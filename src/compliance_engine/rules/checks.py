"""Checks across rules: names must exist, versions must join, references must not turn in circles."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from compliance_engine.errors import Place, Problem, RuleProblem, did_you_mean
from compliance_engine.rules.conditions import DaysBetween, DaysLeft, VariantOf
from compliance_engine.rules.expressions import DueOf, Offset, Snap, walk
from compliance_engine.rules.loader import FEDERAL, Corpus, LoadedRule, place_of_word, word_place
from compliance_engine.rules.models import Rule, Version
from compliance_engine.rules.rulebook import count_key, order_of_evaluation
from compliance_engine.rules.starts import OnCount, OnDue


def check_corpus(corpus: Corpus) -> list[Problem]:
    """Return every problem that one file alone does not show."""
    problems: list[Problem] = []
    for loaded in corpus.rules.values():
        problems += _overrides(corpus, loaded)
        problems += _units(corpus, loaded)
        problems += _references(corpus, loaded)
        problems += _versions(loaded)
        problems += _readings(corpus, loaded)
        problems += _program(corpus, loaded)
    problems += _double_overrides(corpus)
    problems += _delay_tables(corpus)
    return problems or _cycles(corpus)


def _delay_tables(corpus: Corpus) -> Iterator[Problem]:
    """Duties and units that reasons for lateness speak of must exist."""
    known = [duty.id for duty in corpus.duties]
    for where, tables in corpus.delay_tables.items():
        for number, table in enumerate(tables.file.tables):
            thing = f"{where} {table.id}"
            for index, name in enumerate(table.duties):
                if name not in known:
                    place, mend = tables.place(number, "duties", index), did_you_mean(name, known)
                    yield Problem(place, "CE218", thing, f"unknown duty {name!r}", ", ".join(known), mend)
            for index, code in enumerate(table.codes):
                for name in set(code.duties) - set(table.duties):
                    place = tables.place(number, "codes", index)
                    found = f"code {code.code} is for {name!r}, which its table is not for"
                    yield Problem(place, "CE218", thing, found, ", ".join(table.duties))
            conditions = [table.asked_when, *(code.proposed_when for code in table.codes)]
            for node in (node for one in conditions if one for node in walk(one)):
                unit = getattr(node, "unit", None)
                if (
                    isinstance(node, Offset | Snap | DaysBetween | DaysLeft)
                    and count_key(corpus, where, str(unit)) is None
                ):
                    place = place_of_word(tables.document, ("tables", number), str(unit))
                    yield Problem(place, "CE203", f"{where} {table.id}", f"unknown unit {unit!r}")


def _overrides(corpus: Corpus, loaded: LoadedRule) -> Iterator[Problem]:
    rule = loaded.rule
    for key, other in [
        *(("overrides", one) for one in rule.overrides),
        *((("tightens", rule.tightens),) if rule.tightens else ()),
    ]:
        if other not in corpus.rules:
            mend = did_you_mean(other, corpus.rules)
            yield Problem(
                _key_place(loaded, key), "CE205", rule.id, f"{key} {other!r}, which is no rule", mend=mend
            )
        elif key == "overrides" and corpus.rules[other].jurisdiction != FEDERAL:
            yield Problem(
                _key_place(loaded, key), "CE205", rule.id, f"overrides {other!r}, which is not a federal rule"
            )
    if rule.overrides and loaded.jurisdiction == FEDERAL:
        yield Problem(
            _key_place(loaded, "overrides"),
            "CE205",
            rule.id,
            "a federal rule overrides nothing",
            mend="use versions",
        )


def _double_overrides(corpus: Corpus) -> Iterator[Problem]:
    seen: dict[tuple[str, str], LoadedRule] = {}
    for loaded in corpus.rules.values():
        for other in loaded.rule.overrides:
            first = seen.setdefault((loaded.jurisdiction, other), loaded)
            if first is not loaded:
                found = f"overrides {other}, as {first.rule.id} at {_key_place(first, 'overrides')} does"
                mend = "make them versions or variants of one rule"
                yield Problem(_key_place(loaded, "overrides"), "CE206", loaded.rule.id, found, mend=mend)


def _units(corpus: Corpus, loaded: LoadedRule) -> Iterator[Problem]:
    nodes = loaded.rule.nodes
    words = [node.unit for node in nodes if isinstance(node, Offset | Snap | DaysBetween | DaysLeft)]
    words += [node.spread for node in nodes if isinstance(node, OnCount) and node.spread]
    for version in loaded.rule.versions:
        words += [off.partition("_")[2] for off in _last_days_off(version) if off != "stays"]
        if version.extended_by and version.extended_by.absences:
            words.append(version.extended_by.absences.unit)
    accepted = {
        key.partition(".")[2]
        for key in corpus.counts
        if key.partition(".")[0] in (FEDERAL, loaded.jurisdiction)
    }
    for word in sorted({word for word in words if count_key(corpus, loaded.jurisdiction, word) is None}):
        expected = ", ".join([*sorted(accepted), "years", "months", "weeks", "hours"])
        yield Problem(
            word_place(loaded, word),
            "CE203",
            loaded.rule.id,
            f"unknown unit {word!r}",
            expected,
            did_you_mean(word, accepted),
        )


def _last_days_off(version: Version) -> list[str]:
    return [version.counting.last_day_off, *(v.counting.last_day_off for v in version.variants if v.counting)]


def _references(corpus: Corpus, loaded: LoadedRule) -> Iterator[Problem]:
    for node in loaded.rule.nodes:
        if isinstance(node, DueOf | OnDue | VariantOf):
            other = corpus.rules.get(node.rule)
            if other is None:
                mend = did_you_mean(node.rule, corpus.rules)
                yield Problem(
                    word_place(loaded, node.rule),
                    "CE208",
                    loaded.rule.id,
                    f"{node.rule!r} is no rule",
                    mend=mend,
                )
            elif isinstance(node, VariantOf):
                known = {variant.id for version in other.rule.versions for variant in version.variants}
                for name in sorted(set(node.variants) - known):
                    found = f"{node.rule} has no variant {name!r}"
                    yield Problem(
                        word_place(loaded, name), "CE208", loaded.rule.id, found, ", ".join(sorted(known))
                    )


def _versions(loaded: LoadedRule) -> Iterator[Problem]:
    versions = loaded.rule.versions
    for index in range(1, len(versions)):
        before, version = versions[index - 1], versions[index]
        place = loaded.place("versions", index)
        if version.effective_from is None:
            yield Problem(
                place, "CE207", loaded.rule.id, "only the first version may begin on an unknown day"
            )
        elif before.effective_from and version.effective_from <= before.effective_from:
            yield Problem(
                place,
                "CE207",
                loaded.rule.id,
                f"version of {version.effective_from} stands after that of {before.effective_from}",
                "versions in order of time",
            )
        elif before.ends and before.ends >= version.effective_from:
            yield Problem(
                place,
                "CE207",
                loaded.rule.id,
                f"versions overlap: one ends {before.ends}, the next begins {version.effective_from}",
            )
        elif before.ends and before.ends + timedelta(days=1) < version.effective_from:
            first = before.ends + timedelta(days=1)
            last = version.effective_from - timedelta(days=1)
            found = f"gap between versions: nothing holds from {first} to {last}"
            yield Problem(
                place,
                "CE207",
                loaded.rule.id,
                found,
                mend="take out ends, or say in a version of its own that nothing was due",
            )


def _readings(corpus: Corpus, loaded: LoadedRule) -> Iterator[Problem]:
    for reading in loaded.rule.readings:
        for option in reading.options:
            try:
                changed = loaded.with_readings({reading.id: option})
            except RuleProblem as error:
                yield from error.problems
            else:
                yield from _units(corpus, _replaced(loaded, changed))


def _replaced(loaded: LoadedRule, rule: Rule) -> LoadedRule:
    return LoadedRule(
        rule, loaded.jurisdiction, loaded.program, loaded.district, loaded.document, loaded.index
    )


def _program(corpus: Corpus, loaded: LoadedRule) -> Iterator[Problem]:
    if loaded.program not in corpus.programs:
        expected = ", ".join(sorted(corpus.programs)) or "a programs.yaml in the federal folder"
        yield Problem(
            loaded.document.place(("program",)),
            "CE212",
            loaded.rule.id,
            f"program {loaded.program} is not defined",
            expected,
        )


def _cycles(corpus: Corpus) -> list[Problem]:
    for state in [FEDERAL, *corpus.states()]:
        for program in corpus.programs:
            cycle = order_of_evaluation(corpus, state, program)[1]
            if cycle:
                loaded = corpus.rules[cycle[0]]
                return [
                    Problem(
                        loaded.place("id"),
                        "CE209",
                        loaded.rule.id,
                        f"rules wait for one another: {' -> '.join(cycle)}",
                    )
                ]
    return []


def _key_place(loaded: LoadedRule, key: str) -> Place:
    return loaded.place(key) if key in loaded.document.data["rules"][loaded.index] else loaded.place()
