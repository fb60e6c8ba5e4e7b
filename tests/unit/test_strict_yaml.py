from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance_engine.errors import FileProblem
from compliance_engine.strict_yaml import MAX_DEPTH, parse_yaml, read_yaml


def refused(text: str) -> list[str]:
    with pytest.raises(FileProblem) as caught:
        parse_yaml(text, "f.yaml")
    return [f"{problem.place} {problem.code}" for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", 12),
        ("-3", -3),
        ("0", 0),
        ("007", "007"),
        ("+3", "+3"),
        ("1_000", "1_000"),
        ("0x1f", "0x1f"),
        ("1.5", "1.5"),
        ("1e3", "1e3"),
        ("12:30", "12:30"),
        ("9" * 30, "9" * 30),
        ("true", True),
        ("false", False),
        ("True", "True"),
        ("null", None),
        ("", None),
        ("~", "~"),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("off", "off"),
        ("2025-01-01", "2025-01-01"),
        ('"12"', "12"),
        ("'true'", "true"),
        ('""', ""),
        ("<<", "<<"),
        ("plain text", "plain text"),
    ],
)
def test_a_scalar_is_read_as_little_as_possible(text: str, value: object) -> None:
    found = parse_yaml(f"key: {text}", "f").data["key"]
    assert found == value
    assert type(found) is type(value)


def test_a_block_of_text_is_text() -> None:
    assert parse_yaml("key: |\n  12\n", "f").data == {"key": "12\n"}


def test_places_are_those_of_keys_and_values() -> None:
    document = parse_yaml("a: 1\nb:\n  - {c: x}\n  - y\n", "f.yaml")
    assert str(document.place(("a",))) == "f.yaml:1:4"
    assert str(document.place(("a",), key=True)) == "f.yaml:1:1"
    assert str(document.place(("b", 0, "c"))) == "f.yaml:3:9"
    assert str(document.place(("b", 0, "c"), key=True)) == "f.yaml:3:6"
    assert str(document.place(("b", 1))) == "f.yaml:4:5"


def test_a_place_that_does_not_exist_is_that_of_its_nearest_ancestor() -> None:
    document = parse_yaml("a: 1\nb:\n  - {c: x}\n", "f.yaml")
    assert str(document.place(("b", 0, "z", 3))) == "f.yaml:3:5"
    assert str(document.place(("z",))) == "f.yaml:1:1"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("a: 1\nb: 2\na: 3\n", "f.yaml:3:1 CE107", id="duplicate key"),
        pytest.param("a: {b: 1, b: 2}\n", "f.yaml:1:11 CE107", id="duplicate key within"),
        pytest.param('a: 1\n"a": 2\n', "f.yaml:2:1 CE107", id="duplicate key in quotes"),
        pytest.param("a: !!str 1\n", "f.yaml:1:4 CE109", id="tag"),
        pytest.param("a: !!python/object/apply:os.system [x]\n", "f.yaml:1:4 CE109", id="python tag"),
        pytest.param("a: !own {b: 1}\n", "f.yaml:1:4 CE109", id="own tag"),
        pytest.param("1: a\n", "f.yaml:1:1 CE112", id="number as key"),
        pytest.param("true: a\n", "f.yaml:1:1 CE112", id="truth as key"),
        pytest.param("? [a, b]\n: c\n", "f.yaml:1:3 CE112", id="list as key"),
        pytest.param("? {a: b}\n: c\n", "f.yaml:1:3 CE112", id="mapping as key"),
        pytest.param("a: 1\n---\nb: 2\n", "f.yaml:2:1 CE106", id="second document"),
        pytest.param("", "f.yaml CE104", id="empty"),
        pytest.param("# only a remark\n", "f.yaml CE104", id="only a remark"),
        pytest.param("---\n", "f.yaml CE104", id="only a marker"),
        pytest.param("a:\n\t- b\n", "f.yaml:2:1 CE105", id="tab"),
        pytest.param("a: [1, 2\n", "f.yaml:2:1 CE105", id="unclosed list"),
        pytest.param("a: b: c\n", "f.yaml:1:5 CE105", id="mapping in a line"),
        pytest.param("a: *b\n", "f.yaml:1:4 CE108", id="alias of nothing"),
        pytest.param("a: 1\nb: \x01\n", "f.yaml:2 CE105", id="control character"),
        pytest.param('a: "\\ud800"\n', "f.yaml:1:7 CE105", id="surrogate escape"),
        pytest.param("a: 1\nb: \ud800\n", "f.yaml:2 CE103", id="lone surrogate"),
    ],
)
def test_what_is_not_strict_is_refused_where_it_stands(text: str, problem: str) -> None:
    assert refused(text) == [problem]


def test_anchors_and_aliases_are_refused_each() -> None:
    assert refused("a: &x 1\nb: *x\n") == ["f.yaml:1:4 CE108", "f.yaml:2:4 CE108"]


def test_a_bomb_of_aliases_is_refused_and_not_unfolded() -> None:
    lines = ["a0: &a0 [x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 40)]
    assert {problem.split()[1] for problem in refused("\n".join(lines))} == {"CE108"}


def test_nesting_has_a_limit() -> None:
    assert parse_yaml("[" * MAX_DEPTH + "]" * MAX_DEPTH, "f").data
    deep = MAX_DEPTH + 1
    assert refused("[" * deep + "]" * deep) == [f"f.yaml:1:{deep} CE111"]


def test_very_deep_nesting_is_refused_without_harm() -> None:
    assert refused("[" * 100_000)[0].endswith("CE111")


def test_all_that_can_be_seen_is_reported_at_once() -> None:
    found = refused("a: &x 1\na: 2\n3: !!int 4\n")
    assert found == ["f.yaml:1:4 CE108", "f.yaml:2:1 CE107", "f.yaml:3:1 CE112", "f.yaml:3:4 CE109"]


def test_the_second_of_equal_keys_names_the_first() -> None:
    with pytest.raises(FileProblem, match="first on line 1"):
        parse_yaml("a: 1\nb: 2\na: 3\n", "f.yaml")


def test_tabs_get_a_hint() -> None:
    with pytest.raises(FileProblem, match="spaces, not tabs"):
        parse_yaml("a:\n\tb: 1\n", "f.yaml")


def test_a_file_is_called_what_the_user_called_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.yaml").write_text("a: 1\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert read_yaml(Path("x.yaml")).name == "x.yaml"


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert read_yaml(file).data == {"a": 1}


def file_problem(file: Path, **options: int) -> str:
    with pytest.raises(FileProblem) as caught:
        read_yaml(file, **options)
    return str(caught.value).replace(str(file), "x.yaml")


def test_a_file_that_is_not_utf_8_names_the_byte_and_the_line(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_bytes(b"a: 1\nb: caf\xe9\n")
    assert file_problem(file).startswith("x.yaml:2: CE103 strict YAML: byte 11 (0xe9) is not UTF-8")


def test_a_large_file_is_refused_unread(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text("a: " + "x" * 100, encoding="utf-8")
    assert "CE102" in file_problem(file, max_bytes=50)


def test_a_missing_file_is_a_problem(tmp_path: Path) -> None:
    assert file_problem(tmp_path / "none.yaml").endswith("cannot be read: No such file or directory")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    assert "CE101" in file_problem(tmp_path)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(FileProblem):
        assert parse_yaml(text, "f.yaml").place().line >= 1
