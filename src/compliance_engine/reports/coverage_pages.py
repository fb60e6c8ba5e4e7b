"""Pages on the law for people who read on the web: a map, a grid, and a page for each jurisdiction."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined

from compliance_engine.reports.coverage_text import LETTERS, SOURCES, key_lines, symbol, totals
from compliance_engine.reports.rule_text import Line, rule_lines
from compliance_engine.reports.text import VERIFIED
from compliance_engine.rules.coverage import STRENGTH, Cell, Coverage
from compliance_engine.rules.jurisdictions import Duty, JurisdictionFile
from compliance_engine.rules.loader import Corpus, LoadedRule
from compliance_engine.rules.models import Information, Verified

_ROWS = """
AK .  .  .  .  .  .  .  .  .  .  ME
.  .  .  .  .  .  WI .  .  .  VT NH
.  WA ID MT ND MN IL MI .  NY MA .
.  OR NV WY SD IA IN OH PA NJ CT RI
.  CA UT CO NE MO KY WV VA MD DE .
.  .  AZ NM KS AR TN NC SC DC .  .
.  .  .  .  OK LA MS AL GA .  .  .
HI .  .  .  TX .  .  .  .  FL .  .
"""
_TILES = {
    code.lower(): (column, row)
    for row, line in enumerate(_ROWS.strip().splitlines())
    for column, code in enumerate(line.split())
    if code != "."
}
"""Column and row of each jurisdiction's tile, roughly where it lies on the map."""

GRADED: tuple[Verified, ...] = ("regulation_text", "official_guidance", "secondary", "unverified")


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a tile's bar: so many rules of one grade, as shares of the bar's width."""

    grade: str
    rules: int
    start: float
    width: float


@dataclass(frozen=True, slots=True)
class Tile:
    """A jurisdiction on the map."""

    code: str
    name: str
    column: int
    row: int
    rules: int
    duties: int
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class DutySection:
    """A duty on a jurisdiction's page."""

    duty: Duty
    cell: Cell
    rules: tuple[LoadedRule, ...]
    information: tuple[Information, ...]


def pages(corpus: Corpus, found: Coverage) -> dict[str, str]:
    """Return every page by file name: ``README.md``, ``coverage.svg``, and ``<jurisdiction>.md``."""
    environment = _environment()
    tiles = [_tile(corpus, found, where) for where in found.jurisdictions if where in _TILES]
    shared = {
        "corpus": corpus,
        "found": found,
        "totals": totals(corpus, found),
        "symbol": symbol,
        "key": list(key_lines()),
        "verified": VERIFIED,
        "sources": SOURCES,
        "letters": LETTERS,
        "grades": GRADED,
    }
    made = {
        "README.md": environment.get_template("law/index.md.j2").render(shared),
        "coverage.svg": environment.get_template("law/coverage.svg.j2").render(
            shared, tiles=tiles, columns=max(x for x, _ in _TILES.values()) + 1
        ),
    }
    template = environment.get_template("law/jurisdiction.md.j2")
    for where in found.jurisdictions:
        sections, other = _sections(corpus, found, where)
        about = corpus.jurisdictions.get(where) or _unknown(where)
        text = template.render(
            shared, where=where, about=about, sections=sections, other=other, lines=_lines(corpus)
        )
        made[f"{where}.md"] = re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"
    return made


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("compliance_engine.reports"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=lambda name: bool(name) and ".svg" in str(name),
    )
    environment.filters["md"] = markdown
    return environment


def markdown(text: str) -> str:
    """Return a text in which Markdown sees no marks of its own."""
    return re.sub(r"([\\`*_\[\]<>|])", r"\\\1", text)


def _unknown(where: str) -> JurisdictionFile:
    return JurisdictionFile(schema_version=1, jurisdiction=where, name=where.upper(), agency="not recorded")


def _tile(corpus: Corpus, found: Coverage, where: str) -> Tile:
    own = [
        corpus.rules[rule_id].rule
        for cell in found.row(where)
        if cell.source == "state"
        for rule_id in cell.rules
    ]
    counts = Counter(rule.versions[-1].verified for rule in own)
    segments, start = [], 0.0
    for grade in sorted(counts, key=lambda one: -STRENGTH[one]):
        width = counts[grade] / len(own)
        segments.append(Segment(grade, counts[grade], start, width))
        start += width
    about = corpus.jurisdictions.get(where)
    duties = sum(cell.source == "state" for cell in found.row(where))
    name = about.name if about else where.upper()
    return Tile(where.upper(), name, *_TILES[where], len(own), duties, tuple(segments))


def _sections(
    corpus: Corpus, found: Coverage, where: str
) -> tuple[list[DutySection], tuple[Information, ...]]:
    """Return a jurisdiction's duties, and the information that belongs to none of them."""
    inventory = corpus.inventories.get(where)
    duties = {one.id: one.duty for one in inventory.file.provisions} if inventory else {}
    told: dict[str | None, list[Information]] = {}
    for jurisdiction, _, one in corpus.information:
        if jurisdiction == where:
            about = next((duties[name] for name in one.provisions if name in duties), None)
            told.setdefault(about, []).append(one)
    sections = []
    for duty, cell in zip(corpus.duties, found.row(where), strict=True):
        rules = tuple(corpus.rules[rule_id] for rule_id in cell.rules)
        sections.append(DutySection(duty, cell, rules, tuple(told.get(duty.id, ()))))
    return sections, tuple(told.get(None, ()))


def _lines(corpus: Corpus) -> Callable[[LoadedRule], Iterator[Line]]:
    def lines(loaded: LoadedRule) -> Iterator[Line]:
        return (one for one in rule_lines(loaded, corpus) if not _goes_without_saying(one))

    return lines


def _goes_without_saying(line: Line) -> bool:
    return line.label == "rule" or line.text.endswith("(as all duties of the program)")
