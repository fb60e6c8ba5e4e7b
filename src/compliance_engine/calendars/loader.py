"""Reads calendar files and finds calendars by reference; all problems of a run are raised at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from compliance_engine.calendars.checks import check_year
from compliance_engine.calendars.models import Calendar, SchoolYear, join_years
from compliance_engine.errors import CalendarProblem, ComplianceError, Place, Problem, did_you_mean
from compliance_engine.kept import kept_or_made
from compliance_engine.strict_models import validate
from compliance_engine.strict_yaml import Document, read_yaml


@dataclass(frozen=True)
class CalendarLibrary:
    """The calendars that were loaded.

    Attributes:
        years: Every school year by the id of its file.
        places: The file of each id.
    """

    years: Mapping[str, SchoolYear]
    places: Mapping[str, Place]

    @property
    def references(self) -> tuple[str, ...]:
        """Every reference that `resolve` knows, sorted."""
        return tuple(sorted({*self.years, *self._by_calendar()}))

    @property
    def calendar_ids(self) -> tuple[str, ...]:
        """The districts, and ``district/track`` where there are tracks, sorted."""
        return tuple(sorted(self._by_calendar()))

    def _by_calendar(self) -> dict[str, list[SchoolYear]]:
        found: dict[str, list[SchoolYear]] = {}
        for year in self.years.values():
            found.setdefault(calendar_id(year), []).append(year)
        return found

    def resolve(self, reference: str) -> Calendar:
        """Return a calendar.

        Args:
            reference: The id of a file (that school year only), of a district, or ``district/track`` (all
                its school years joined).

        Raises: CalendarProblem CE311 for an unknown reference, CE314 for a district that has only tracks.
        """
        if reference in self.years:
            return join_years(reference, [self.years[reference]])
        by_calendar = self._by_calendar()
        if reference in by_calendar:
            return join_years(reference, by_calendar[reference])
        tracks = sorted(name for name in by_calendar if name.startswith(f"{reference}/"))
        place = Place("calendars")
        if tracks:
            found = f"{reference} has no calendar of its own, only tracks"
            raise CalendarProblem(Problem(place, "CE314", reference, found, ", ".join(tracks)))
        found = f"no calendar {reference!r}"
        if not self.years:
            raise CalendarProblem(Problem(place, "CE311", reference, found, mend="no calendar is loaded"))
        hint = did_you_mean(reference, self.references)
        expected = "the id of a district or of a calendar file"
        raise CalendarProblem(Problem(place, "CE311", reference, found, expected, hint))


def calendar_id(year: SchoolYear) -> str:
    """Return the reference of the calendar that a school year is part of."""
    return f"{year.district}/{year.track}" if year.track else year.district


def load_calendars(source: Path | Sequence[Path], *, cache: Path | None = None) -> CalendarLibrary:
    """Read calendar files.

    Args:
        source: A folder (all ``.yaml`` files below it), a file, or several of either.
        cache: A folder in which calendars without problems are kept between runs; None keeps nothing.

    Raises: CalendarProblem with every problem of every file.
    """
    given = [source] if isinstance(source, Path) else list(source)
    problems: list[Problem] = []
    files = _files(given, problems)
    return kept_or_made(cache, CalendarLibrary, files, lambda: _load(files, problems))


def _load(files: Sequence[Path], problems: list[Problem]) -> CalendarLibrary:
    read: list[tuple[SchoolYear, Document]] = []
    for path in files:
        try:
            document = read_yaml(path)
            year = validate(document, SchoolYear, code="CE301", thing=_thing(document))
        except ComplianceError as error:
            problems.extend(error.problems)
            continue
        problems.extend(check_year(year, document))
        read.append((year, document))
    problems.extend(_between_files(read))
    if problems:
        raise CalendarProblem(problems)
    places = {year.id: document.place() for year, document in read}
    return CalendarLibrary({year.id: year for year, _ in read}, places)


def _files(given: Iterable[Path], problems: list[Problem]) -> list[Path]:
    found: list[Path] = []
    for path in given:
        if path.is_dir():
            inside = sorted(path.rglob("*.yaml"))
            if not inside:
                problems.append(
                    Problem(Place(str(path)), "CE312", "calendars", "no .yaml file in this folder")
                )
            found.extend(inside)
        else:
            found.append(path)
    return list(dict.fromkeys(found))


def _thing(document: Document) -> str:
    name = document.data.get("id") if isinstance(document.data, dict) else None
    return name if isinstance(name, str) else "calendar"


def _between_files(read: list[tuple[SchoolYear, Document]]) -> list[Problem]:
    problems: list[Problem] = []
    by_id: dict[str, Document] = {}
    by_calendar: dict[str, list[tuple[SchoolYear, Document]]] = {}
    for year, document in read:
        first = by_id.setdefault(year.id, document)
        if first is not document:
            found = f"the id stands in {first.name} too"
            problems.append(Problem(document.place(("id",)), "CE310", year.id, found))
            continue
        by_calendar.setdefault(calendar_id(year), []).append((year, document))
    for name, years in by_calendar.items():
        years.sort(key=lambda pair: pair[0].covers.from_)
        for (earlier, _), (later, document) in pairwise(years):
            if later.covers.from_ <= earlier.covers.to:
                found = f"covers of {later.id} overlap those of {earlier.id} ({name})"
                mend = f"let them begin after {earlier.covers.to}"
                problems.append(Problem(document.place(("covers",)), "CE310", later.id, found, mend=mend))
    return problems
