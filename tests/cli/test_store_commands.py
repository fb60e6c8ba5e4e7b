"""``generate``, ``import``, ``sweep`` and ``explain`` as a person types them."""

from __future__ import annotations

import csv
import json
import sqlite3
from datetime import datetime
from pathlib import Path

import pytest

from compliance_engine.cli.main import cli, run
from compliance_engine.store.tables import REVISION
from store_samples import COUNTY, copy_law

INITIAL = "tx.idea_b.initial_evaluation"
CASES = "case_id,state,district,calendar,program,grade\n"
EVENTS = "case_id,event,occurred_on,attributes\n"
FIXTURES = Path(__file__).parents[2] / "fixtures"


class Desk:
    """A folder to work in, with rules and calendars, and the command line."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.capsys = capsys
        self.store = str(folder / "district.db")
        self.rules, self.calendars = copy_law(folder)
        self.records = folder / "records"
        self.records.mkdir()

    def call(self, *arguments: object) -> int:
        self.capsys.readouterr()
        return run(lambda: cli.main(args=list(map(str, arguments)), standalone_mode=False))

    def write(self, cases: str, events: str) -> None:
        (self.records / "cases.csv").write_text(CASES + cases, encoding="utf-8")
        (self.records / "events.csv").write_text(EVENTS + events, encoding="utf-8")

    def put(self, *options: object, path: object = None) -> dict[str, object]:
        code = self.call("import", path or self.records, "--store", self.store, "--json", *options)
        return {"exit": code, **json.loads(self.capsys.readouterr().out)}

    def sweep(self, *options: object, as_of: str = "2026-02-02") -> dict[str, object]:
        law = ("--rules", self.rules, "--calendars", self.calendars)
        code = self.call("sweep", "--store", self.store, "--as-of", as_of, *law, "--format", "json", *options)
        return {"exit": code, **json.loads(self.capsys.readouterr().out)}

    def explain(self, *options: object) -> dict[str, object]:
        self.call("explain", "--store", self.store, *options, "--format", "json")
        return dict(json.loads(self.capsys.readouterr().out))

    def text(self, *arguments: object) -> str:
        self.call(*arguments)
        return self.capsys.readouterr().out


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(tmp_path, capsys)


def row(case_id: str, day: str) -> str:
    return f'{case_id},consent_to_evaluate_received,{day},"{{""purpose"": ""initial""}}"\n'


def case_row(case_id: str) -> str:
    return f"{case_id},tx,tx.one,{COUNTY},idea_b,3\n"


def quarantined(path: object) -> list[dict[str, str]]:
    with Path(str(path)).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_the_counts_of_an_import_add_up_and_the_quarantine_holds_the_rest(desk: Desk):
    desk.write(case_row("a") + ",tx,tx.one,,idea_b,3\n", row("a", "2026-01-05") + row("a", "2026-02-30"))
    counts = desk.put()
    assert (counts["exit"], counts["read"], counts["accepted"], counts["refused"]) == (0, 4, 2, 2)
    assert (counts["cases"]["new"], counts["events"]["new"]) == (1, 1)
    rows = quarantined(counts["quarantine"])
    assert sorted((Path(one["file"]).name, one["line"], one["code"]) for one in rows) == [
        ("cases.csv", "3", "CE414"),
        ("events.csv", "3", "CE415"),
    ]
    assert sum(sum(reasons.values()) for reasons in counts["reasons"].values()) == len(rows)


def test_rows_that_contradict_the_store_are_in_the_quarantine_too(desk: Desk):
    desk.write(case_row("a"), row("a", "2026-01-05"))
    desk.put()
    desk.write("a,tx,tx.two,,idea_b,3\n", row("a", "2026-01-05"))
    counts = desk.put("--quarantine", desk.folder / "refused.csv")
    assert (counts["cases"]["conflicting"], counts["events"]["conflicting"]) == (1, 1)
    assert [one["code"] for one in quarantined(desk.folder / "refused.csv")] == ["CE605", "CE605"]


def test_the_text_of_an_import_says_where_the_quarantine_is(desk: Desk):
    desk.write(case_row("a"), row("b", "2026-01-05"))
    lines = desk.text("import", desk.records, "--store", desk.store).splitlines()
    assert lines[:3] == [
        "read 2: 1 accepted, 1 refused",
        "cases 1: 1 new, 0 changed, 0 known",
        "events 0: 0 new, 0 known",
    ]
    assert lines[-1] == f"quarantine: {desk.store}.import-1.quarantine.csv (1 rows)"


def test_an_import_of_which_nothing_can_be_read_is_bad_input_and_makes_no_store(desk: Desk):
    desk.write(",tx,tx.one,,idea_b,3\n", row("a", "2026-01-05"))
    counts = desk.put()
    assert (counts["exit"], counts["accepted"], Path(desk.store).exists()) == (2, 0, False)


def test_a_dry_run_makes_no_store(desk: Desk):
    desk.write(case_row("a"), row("a", "2026-01-05"))
    counts = desk.put("--dry-run")
    assert (counts["number"], counts["events"]["new"], Path(desk.store).exists()) == (None, 1, False)


def test_the_ed_fi_sample_is_known_for_what_it_is(desk: Desk):
    options = ("--state", "tx", "--district", "tx.gb", "--calendar", COUNTY)
    counts = desk.put(*options, path=FIXTURES / "ed-fi-5.2-sample")
    assert (counts["exit"], counts["refused"]) == (0, 0)
    assert counts["cases"]["new"] > 0
    again = desk.put(*options, path=FIXTURES / "ed-fi-5.2-sample")
    assert (again["cases"]["new"], again["events"]["new"]) == (0, 0)


def test_ed_fi_needs_to_be_told_the_district(desk: Desk):
    assert desk.call("import", FIXTURES / "ed-fi-5.2-sample", "--store", desk.store, "--state", "tx") == 2
    assert "give --district, --calendar" in desk.capsys.readouterr().err


def test_generated_cases_can_be_imported_and_swept(desk: Desk):
    folder = desk.folder / "made"
    about = ("--state", "tx", "--district", "tx.one", "--calendar", COUNTY)
    desk.call("generate", folder, *about, "--cases", 20, "--seed", 3, "--until", "2026-02-02")
    counts = desk.put(path=folder)
    assert (counts["refused"], counts["cases"]["new"]) == (0, 20)
    assert desk.sweep()["counts"]["totals"]["cases"] == 20


def test_a_sweep_after_one_more_snow_day_lists_the_dates_that_moved(desk: Desk):
    """Dec 16-19 4, Jan 5-30 19 -> 23, Feb 19 -> 42, Mar 2, 3, 4 -> 45; without Jan 26 the 45th is Mar 5."""
    desk.write(case_row("a") + case_row("b"), row("a", "2025-09-02") + row("b", "2025-12-15"))
    desk.put()
    assert desk.sweep()["compared_with"] is None
    path = desk.calendars / "us" / "example_county" / "2025-26.yaml"
    snow = "unplanned: [{date: 2026-01-26, kind: weather, name: Snow}]\nstated_"
    path.write_text(path.read_text(encoding="utf-8").replace("stated_", snow, 1), encoding="utf-8")
    changes = desk.sweep()["changes"]
    assert [(one["case_id"], one["rule"], one["old_due"], one["new_due"]) for one in changes["moved"]] == [
        ("b", INITIAL, "2026-03-04", "2026-03-05")
    ]
    assert [kind for kind, found in changes.items() if found] == ["moved"]


def test_violations_are_an_exit_code_only_where_asked(desk: Desk):
    desk.write(case_row("a"), row("a", "2025-09-02"))
    desk.put()
    assert [desk.sweep()["exit"], desk.sweep("--fail-on-violations")["exit"]] == [0, 1]


def test_the_text_of_a_sweep_shows_statuses_findings_and_what_is_late(desk: Desk):
    desk.write(case_row("a"), row("a", "2025-09-02"))
    desk.put()
    law = ("--rules", desk.rules, "--calendars", desk.calendars)
    text = desk.text("sweep", "--store", desk.store, "--as-of", "2026-02-02", *law)
    assert text.startswith("sweep 1 as of 2026-02-02: 1 cases, ")
    for title in ("status of deadlines", "findings", "most often late", "the first sweep of this store"):
        assert f"\n{title}" in text
    assert f"         1  {INITIAL}\n" in text


@pytest.mark.parametrize("options", [(), ("--resume", "--as-of", "2026-02-02")])
def test_a_sweep_is_begun_with_a_day_and_resumed_without(desk: Desk, options: tuple[str, ...]):
    assert desk.call("sweep", "--store", desk.store, *options) == 2


def test_there_is_one_place_to_evaluate(desk: Desk):
    where = ("--workers", 2, "--scheduler", "tcp://127.0.0.1:9")
    assert desk.call("sweep", "--store", desk.store, "--as-of", "2026-02-02", *where) == 2
    assert "give --workers or --scheduler, not both" in desk.capsys.readouterr().err


def test_explain_lists_every_day_of_the_count(desk: Desk):
    """Consent Tue 2025-09-02; day 1 Sep 3, the weekend of Sep 6 passed over, day 45 on Nov 5."""
    desk.write(case_row("a"), row("a", "2025-09-02"))
    desk.put()
    desk.sweep()
    (one,) = desk.explain("a", "--rule", INITIAL)["deadlines"]
    (count,) = (count for count in one["counts"] if count["leads_to_due_day"])
    days = {day["day"]: (day["number"], day["why"]) for day in count["days"]}
    assert (min(days), max(days), len(days)) == ("2025-09-03", "2025-11-05", 64)
    assert [days[day] for day in ("2025-09-03", "2025-09-06", "2025-10-13", "2025-11-05")] == [
        (1, ""),
        (None, "weekend"),
        (None, "staff day: Staff day"),
        (45, ""),
    ]
    assert [(found["finding"], found["basis"]) for found in one["findings"]] == [
        ("noncompliance", "no_reason_given")
    ]
    assert one["differs"] == {}


def test_explain_uses_the_facts_and_calendars_of_the_sweep_asked(desk: Desk):
    desk.write(case_row("b"), row("b", "2025-12-15"))
    desk.put()
    desk.sweep()
    path = desk.calendars / "us" / "example_county" / "2025-26.yaml"
    snow = "unplanned: [{date: 2026-01-26, kind: weather, name: Snow}]\nstated_"
    path.write_text(path.read_text(encoding="utf-8").replace("stated_", snow, 1), encoding="utf-8")
    desk.write(case_row("b"), row("b", "2025-12-15") + row("b", "2026-01-20"))
    desk.put()
    desk.sweep()
    found = [desk.explain("b", "--rule", INITIAL, "--sweep", number)["deadlines"] for number in (1, 2)]
    dates = [[(one["opened_on"], one["due_on"], one["differs"]) for one in each] for each in found]
    # Jan 20: Jan 21-30 7 (Jan 26 snow), Feb 19 -> 26, Mar 2-24 17 -> 43, Mar 25, 26 -> 45
    assert dates == [
        [("2025-12-15", "2026-03-04", {})],
        [("2025-12-15", "2026-03-05", {}), ("2026-01-20", "2026-03-26", {})],
    ]


def test_the_text_of_explain_numbers_the_days(desk: Desk):
    desk.write(case_row("a"), row("a", "2025-09-02"))
    desk.put()
    desk.sweep()
    text = desk.text("explain", "--store", desk.store, "a", "--rule", INITIAL)
    assert "      45  Wed 2025-11-05" in text
    assert "          Mon 2025-10-13  not counted: staff day: Staff day" in text
    assert "180 school days after Tue 2025-09-02\n" not in text  # how much of the year is left is a condition


@pytest.mark.parametrize("arguments", [("b",), ("a", "--rule", "tx.idea_b.eligibility_determination")])
def test_explain_of_what_was_not_found_is_bad_input(desk: Desk, arguments: tuple[str, ...]):
    desk.write(case_row("a"), row("a", "2025-09-02"))
    desk.put()
    desk.sweep()
    assert desk.call("explain", "--store", desk.store, *arguments) == 2
    assert "CE615" in desk.capsys.readouterr().err


@pytest.mark.parametrize("command", [("sweep", "--as-of", "2026-02-02"), ("explain", "a")])
def test_only_an_import_makes_a_store(desk: Desk, command: tuple[str, ...]):
    assert desk.call(*command, "--store", desk.store) == 2
    assert not Path(desk.store).exists()


def altered(desk: Desk) -> None:
    """Make a late deadline look met, behind the program's back."""
    with sqlite3.connect(desk.store) as connection:
        connection.execute("UPDATE deadlines SET status = 0, days_late = 0 WHERE status IN (1, 3)")
    connection.close()


def test_a_store_that_nobody_changed_is_verified(desk: Desk):
    desk.write(case_row("a"), row("a", "2025-09-02"))
    desk.put()
    desk.sweep()
    assert desk.call("audit", "verify", "--store", desk.store) == 0
    out = desk.capsys.readouterr()
    assert out.out == "1 sweep made again: nothing is wrong\n"
    assert out.err.splitlines()[-1] == "checking sweep 1 as of 2026-02-02"


def test_a_changed_deadline_is_named_and_not_reported(desk: Desk):
    desk.write(case_row("a"), row("a", "2025-09-02"))
    desk.put()
    desk.sweep()
    altered(desk)
    assert desk.call("audit", "verify", "--store", desk.store, "--format", "json") == 1
    (fault, *_) = json.loads(desk.capsys.readouterr().out)["faults"]
    assert fault["thing"] == f"sweep 1, tx.one: a {INITIAL} of 2025-09-02"
    assert fault["found"].startswith("status is met and should be overdue")
    output = desk.folder / "report.html"
    report = ("report", "violations", "--store", desk.store, "--sweep", 1, "--output", output)
    assert desk.call(*report) == 2
    assert "CE616 sweep 1: it comes out otherwise when made again: deadline" in desk.capsys.readouterr().err
    assert not output.exists()


def test_a_report_of_a_named_sweep_is_made_after_the_sweep_came_out_the_same(desk: Desk):
    desk.write(case_row("a"), row("a", "2025-09-02"))
    desk.put()
    digest = desk.sweep()["digest"]
    output = desk.folder / "report.html"
    assert desk.call("report", "violations", "--store", desk.store, "--sweep", 1, "--output", output) == 0
    assert f"sweep 1 made again: digest {str(digest)[:12]} as stored" in desk.capsys.readouterr().err
    assert output.exists()


def test_two_sweeps_are_told_apart_by_what_made_them_differ(desk: Desk):
    desk.write(case_row("a"), row("a", "2025-09-02"))
    desk.put()
    desk.sweep(as_of="2025-10-01")
    desk.sweep(as_of="2026-02-02")
    assert desk.call("audit", "diff", 1, 2, "--store", desk.store) == 0
    text = desk.capsys.readouterr().out
    assert f"a {INITIAL} of 2025-09-02: pending, due " in text
    assert "    as of 2026-02-02 instead of 2025-10-01\n" in text
    assert desk.call("audit", "diff", 2, 1, "--store", desk.store) == 2


def test_a_store_of_an_earlier_version_is_brought_up(desk: Desk):
    desk.write(case_row("a"), row("a", "2025-09-02"))
    desk.put()
    desk.sweep()
    assert f"brought from version {REVISION} to 0001" in desk.text(
        "store", "downgrade", "--store", desk.store, "--to", "0001"
    )
    assert desk.call("audit", "verify", "--store", desk.store) == 2
    assert "CE603" in desk.capsys.readouterr().err
    assert f": version 0001; this program uses {REVISION}" in desk.text(
        "store", "version", "--store", desk.store
    )
    assert f"brought from version 0001 to {REVISION}" in desk.text("store", "upgrade", "--store", desk.store)
    assert f"is of version {REVISION} already" in desk.text("store", "upgrade", "--store", desk.store)
    assert desk.call("audit", "verify", "--store", desk.store) == 0


def test_a_sweep_that_is_resumed_goes_on_as_it_began(desk: Desk):
    assert desk.call("sweep", "--store", desk.store, "--resume", "--full") == 2
    assert "leave out --full" in desk.capsys.readouterr().err


def steps(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_the_log_of_sweeps_has_a_line_for_each_step(desk: Desk):
    desk.write(case_row("a"), row("a", "2026-01-05"))
    desk.put()
    log = desk.folder / "sweeps.jsonl"
    first = desk.sweep("--log", log)
    assert [one["step"] for one in steps(log)] == ["begun", "committed", "finished"]
    begun, committed, finished = steps(log)
    assert all(datetime.fromisoformat(str(one["at"])).tzinfo for one in steps(log))
    hashes = {name: first[name] for name in ("rules", "calendars", "data", "engine_version")}
    asked = {"sweep": 1, "as_of": "2026-02-02", "districts": 1, "cases": 1, "last_import": 1}
    assert begun.items() >= (hashes | asked).items()
    assert len(str(first["data"])) == 64
    assert committed["districts"] == {"tx.one": first["counts"]["written"]}
    assert (finished["digest"], finished["counts"]) == (first["digest"], first["counts"])
    desk.write(case_row("a"), row("a", "2026-01-06"))
    desk.put()
    again = desk.sweep("--log", log)
    assert [one["sweep"] for one in steps(log)] == [1, 1, 1, 2, 2, 2]
    assert again["data"] != first["data"]


def test_a_log_that_cannot_be_written_is_told_before_anything_is_done(desk: Desk):
    desk.write(case_row("a"), row("a", "2026-01-05"))
    desk.put()
    law = ("--rules", desk.rules, "--calendars", desk.calendars)
    missing = desk.folder / "no" / "log"
    assert desk.call("sweep", "--store", desk.store, "--as-of", "2026-02-02", *law, "--log", missing) == 2
    assert "--log: CE703" in desk.capsys.readouterr().err
    assert desk.sweep()["sweep"] == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_log_for_which_there_is_no_room_does_not_stop_the_sweep(desk: Desk):
    desk.write(case_row("a"), row("a", "2026-01-05"))
    desk.put()
    law = ("--rules", desk.rules, "--calendars", desk.calendars)
    code = desk.call("sweep", "--store", desk.store, "--as-of", "2026-02-02", *law, "--log", "/dev/full")
    assert (code, desk.capsys.readouterr().err.count("--log: No space left on device")) == (0, 1)
