from __future__ import annotations

from pathlib import Path

import pytest

from compliance_engine.data_files import calendars_folder, content_hash, rules_folder
from compliance_engine.errors import FileProblem

ROOT = Path(__file__).parents[2]


def test_the_checkout_is_found_where_nothing_is_packaged() -> None:
    assert rules_folder() == ROOT / "rules"
    assert calendars_folder() == ROOT / "calendars"


def test_a_given_folder_comes_first(tmp_path: Path) -> None:
    assert rules_folder(tmp_path) == tmp_path


def test_a_given_folder_must_exist(tmp_path: Path) -> None:
    with pytest.raises(FileProblem, match="CE110 calendars"):
        calendars_folder(tmp_path / "none")


def written(folder: Path, **files: str) -> Path:
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_the_same_content_has_the_same_hash_anywhere(tmp_path: Path) -> None:
    one, two = written(tmp_path / "one", a="1", b="2"), written(tmp_path / "two", b="2", a="1")
    assert content_hash([one]) == content_hash([two])


@pytest.mark.parametrize(
    "other", [{"a": "1", "b": "3"}, {"a": "1", "c": "2"}, {"a": "12", "b": ""}, {"a": "1"}]
)
def test_other_content_has_another_hash(tmp_path: Path, other: dict[str, str]) -> None:
    one, two = written(tmp_path / "one", a="1", b="2"), written(tmp_path / "two", **other)
    assert content_hash([one]) != content_hash([two])


def test_files_of_the_same_name_all_count(tmp_path: Path) -> None:
    one, two = written(tmp_path / "one", a="1"), written(tmp_path / "two", a="2")
    both = content_hash([one / "a", two / "a"])
    assert both == content_hash([two / "a", one / "a"])
    assert both != content_hash([two / "a"])


def test_hidden_files_do_not_count(tmp_path: Path) -> None:
    one, two = written(tmp_path / "one", a="1"), written(tmp_path / "two", a="1")
    written(two / "__pycache__", x="9")
    (two / ".swap").write_text("9", encoding="utf-8")
    assert content_hash([one]) == content_hash([two])
