"""Long lists are written as they come, and read back as any JSON."""

from __future__ import annotations

import json

import pytest

from compliance_engine.cli.long_json import echo_json


def test_iterators_are_read_back_as_lists(capsys: pytest.CaptureFixture[str]):
    plain = {"a": 1, "none": [], "nested": {"rows": [{"x": "é\n"}, {"x": None}], "no": [], "empty": {}}}
    nested = plain["nested"] | {"rows": iter(plain["nested"]["rows"]), "no": iter(())}
    echo_json(plain | {"nested": nested})
    written = capsys.readouterr().out
    assert json.loads(written) == plain
    assert '\n      {"x": null}\n' in written  # an item, a line


def test_an_item_is_written_before_the_next_is_made(capsys: pytest.CaptureFixture[str]):
    def rows():
        yield 1
        assert capsys.readouterr().out == '{\n  "rows": [\n    1'
        yield 2

    echo_json({"rows": rows()})
    assert capsys.readouterr().out == ",\n    2\n  ]\n}\n"
