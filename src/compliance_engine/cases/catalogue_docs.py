"""The catalogue in the forms made from ``event_catalogue.yaml``: compiled for commands, tables for the docs.

``python -m compliance_engine.cases.catalogue_docs docs/cases.md`` writes both anew.
"""

from __future__ import annotations

import sys
from pathlib import Path

from compliance_engine.cases.catalogue import COMPILED, AttributeType, Catalogue, EventType, compiled
from compliance_engine.cases.catalogue_file import load_catalogue, written_catalogue
from compliance_engine.cases.importers import ed_fi_map

_MARK = "<!-- {name}: generated, do not edit -->"


def event_tables(known: Catalogue) -> str:
    """Return one Markdown table per area, numbered in process order."""
    parts = []
    for area in sorted(known.areas.values(), key=lambda one: _first(known, one.name)):
        parts.append(f"#### {area.title}\n\n| | event | attributes | meaning |\n| --- | --- | --- | --- |\n")
        for event in known:
            if event.area == area.name:
                other = event.programs != area.programs
                programs = f" ({', '.join(event.programs)} only)" if other else ""
                about = f"{_cell(event.about)}{programs}"
                parts.append(f"| {event.position} | `{event.name}` | {_attributes(event)} | {about} |\n")
        parts.append("\n")
    return "".join(parts).rstrip() + "\n"


def fact_table(known: Catalogue) -> str:
    """Return the table of case attributes."""
    rows = [f"| `{one.name}` | {one.kind} | {_cell(one.about)} |" for one in known.case_attributes.values()]
    return "\n".join(["| attribute | type | meaning |", "| --- | --- | --- |", *rows]) + "\n"


def ed_fi_table() -> str:
    """Return the table of what Ed-Fi elements become."""
    lines = ["| record | element | event | attributes | assumed |", "| --- | --- | --- | --- | --- |"]
    for record, mapped in ed_fi_map.EVENTS.items():
        for one in mapped:
            fixed = [f"{name} = {value}" for name, value in (one.fixed or {}).items()]
            read = [f"{name} from {element}" for name, element, _ in one.from_elements]
            cells = (record, one.element, f"`{one.event}`", ", ".join(fixed + read), one.note)
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def with_tables(text: str, known: Catalogue) -> str:
    """Return the page with its generated parts anew; each stands between a mark and ``<!-- end -->``."""
    parts = {"events": event_tables(known), "facts": fact_table(known), "ed_fi": ed_fi_table()}
    for name, part in parts.items():
        mark = _MARK.format(name=name)
        before, _, rest = text.partition(mark)
        _, _, after = rest.partition("<!-- end -->")
        text = f"{before}{mark}\n\n{part}\n<!-- end -->{after}"
    return text


def _first(known: Catalogue, area: str) -> int:
    return min((event.position for event in known if event.area == area), default=len(known))


def _attributes(event: EventType) -> str:
    return ", ".join(_attribute(one) for one in event.attributes.values())


def _attribute(one: AttributeType) -> str:
    return f"{one.name}: {' / '.join(one.choices) if one.choices else one.kind}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    page, written = Path(sys.argv[1]), written_catalogue()
    read = load_catalogue(written)
    written.with_name(COMPILED).write_text(compiled(read), encoding="utf-8")
    page.write_text(with_tables(page.read_text(encoding="utf-8"), read), encoding="utf-8")
