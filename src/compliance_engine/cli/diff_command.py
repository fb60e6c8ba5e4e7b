"""``rules diff``: what changed in the law, and whose dates move."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from compliance_engine.calendars.loader import load_calendars
from compliance_engine.cases.batch import build_batch
from compliance_engine.cases.rule_vocabulary import load_corpus
from compliance_engine.data_files import calendars_folder, rules_folder
from compliance_engine.engine.changes import KINDS, Change, changes_between
from compliance_engine.engine.evaluate import Engine
from compliance_engine.reports.rule_diff import RuleChange, change_lines, moved_line, rule_changes
from compliance_engine.rules.as_of import law_of_day
from compliance_engine.rules.loader import Corpus

if TYPE_CHECKING:
    from compliance_engine.cases.columns import CaseBatch


def compared_laws(given: dict[str, Any]) -> tuple[Corpus, Corpus]:
    """Return the two rulebooks to compare: of two folders, or of two days in one folder.

    Raises: click.UsageError when the arguments name neither.
    """
    folders, first, last = given["folders"], given["from_day"], given["to_day"]
    if first is None and last is None and len(folders) == 2:
        old, new = (load_corpus(folder) for folder in folders)
        return old, new
    if first is None or last is None or len(folders) > 1:
        raise click.UsageError("give two folders of rules, or --from and --to with at most one folder")
    corpus = load_corpus(rules_folder(folders[0] if folders else None))
    return law_of_day(corpus, first), law_of_day(corpus, last)


def diff(given: dict[str, Any]) -> str:
    """Return the differences as text or JSON."""
    state = given["state"].lower() if given["state"] else None
    old, new = compared_laws(given)
    changes = rule_changes(old, new, state=state)
    moved = None
    if given["cases"] is not None or given["store"] is not None:
        if given["as_of"] is None:
            raise click.UsageError("give --as-of, the day on which the dates are compared")
        moved = _moved(old, new, given)
    if given["form"] == "json":
        content: dict[str, Any] = {"rules": [one.as_json() for one in changes]}
        if moved is not None:
            content["dates"] = {kind: [one.as_json() for one in moved if one.kind == kind] for kind in KINDS}
        return json.dumps(content, indent=2, ensure_ascii=False)
    return "\n".join(_text(changes, moved))


def _text(changes: list[RuleChange], moved: list[Change] | None) -> Iterator[str]:
    for change in changes:
        yield from change_lines(change)
        yield ""
    counts = {kind: sum(one.kind == kind for one in changes) for kind in ("added", "removed", "changed")}
    yield ", ".join(f"{number} rules {kind}" for kind, number in counts.items())
    if moved is None:
        return
    yield ""
    dates = {kind: [one for one in moved if one.kind == kind] for kind in KINDS}
    yield (
        f"{len(dates['moved'])} due dates move, {len(dates['status'])} change status only, "
        f"{len(dates['appeared'])} appear, {len(dates['disappeared'])} disappear"
    )
    yield from map(moved_line, dates["moved"])
    for kind in ("appeared", "disappeared"):
        for one in dates[kind]:
            yield f"  {kind:<11}  {one.new_due or one.old_due or 'no date'}  {one.case_id}  {one.rule}"


def _moved(old: Corpus, new: Corpus, given: dict[str, Any]) -> list[Change]:
    library = load_calendars(calendars_folder(given["calendars"]))
    as_of: date = given["as_of"]
    before, after = (Engine(corpus, library, as_of) for corpus in (old, new))
    found: list[Change] = []
    for batch in _batches(given):
        found += changes_between(before.evaluate(batch), after.evaluate(batch))
    return found


def _batches(given: dict[str, Any]) -> Iterator[CaseBatch]:
    as_of: date = given["as_of"]
    if given["cases"] is not None:
        from compliance_engine.cases.importers import read_folder

        imported = read_folder(Path(given["cases"]), received_on=as_of)
        if imported.quarantine:
            click.echo(f"{len(imported.quarantine)} rows could not be used and are left out", err=True)
        yield build_batch(imported.cases, imported.events, as_of=as_of)
        return
    from compliance_engine.store.connect import open_store
    from compliance_engine.store.facts import last_import, read_districts, read_facts
    from compliance_engine.sweep.lots import lots, whole_parts

    store = open_store(given["store"])
    try:
        with store.read() as connection:
            until = last_import(connection)
            todo = list(lots(connection, whole_parts(connection, read_districts(connection))))
        for chunk in (chunk for lot in todo for chunk in lot.chunks):
            with store.read() as connection:
                facts = read_facts(connection, chunk, known_at=None, until_import=until)
            yield build_batch(facts.cases, facts.events, as_of=as_of)
    finally:
        store.close()
