"""What the page on calendars shows can be used as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from compliance_engine.calendars.checks import check_year
from compliance_engine.calendars.day_counts import DayCount
from compliance_engine.calendars.models import SchoolYear
from compliance_engine.strict_models import validate
from compliance_engine.strict_yaml import Document, parse_yaml

PAGE = Path(__file__).parents[2] / "docs" / "calendars.md"
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture(name="calendar_file")
def _calendar_file() -> Document:
    return parse_yaml(EXAMPLES[0], "docs/calendars.md")


def test_the_calendar_of_the_page_has_no_problem(calendar_file: Document) -> None:
    year = validate(calendar_file, SchoolYear, code="CE301")
    assert check_year(year, calendar_file) == []


def test_the_day_count_of_the_page_is_one() -> None:
    (form,) = parse_yaml(EXAMPLES[1], "docs/calendars.md").data["day_counts"]
    assert DayCount.model_validate(form).needs_calendar


@pytest.mark.parametrize(
    "key", sorted(set(SchoolYear.model_fields) - {"schema_version", "id", "jurisdiction"})
)
def test_every_key_of_a_calendar_file_is_explained(key: str) -> None:
    assert f"`{key}`" in PAGE.read_text(encoding="utf-8") or f"\n{key}:" in EXAMPLES[0]
