"""Commands killed with SIGKILL at random moments, and taken up again as an operator would.

A night is an import, a sweep, another import, an incremental sweep and a report. Every one of these is killed
once or more: after a random time, before a random statement or commit, at a random size of the write-ahead
log, or when the report is about to be put in its place. Then it is done again, and in the end the store must
hold what a store holds that nothing disturbed.

Each night draws five such moments or more. ``COMPLIANCE_KILLS=200`` draws 200 of them on SQLite and a fifth
of that on PostgreSQL, and checks some of the stores by evaluating their sweeps again.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from typing import Any

from commands import Ended
from compliance_engine.store.connect import open_store
from compliance_engine.store.tables import sweep_lock
from fault_samples import REPORT, STEPS, Content, Site, write_site
from store_samples import address

ASKED = int(os.environ.get("COMPLIANCE_KILLS", "0"))
KILLS = {"sqlite": ASKED or 20, "postgresql": max(5, ASKED // 5)}
OLD = "the report of the night before"
Measured = dict[str, Ended]


class Night:
    """One night in which everything is killed.

    Args:
        measured: What each step takes when nothing disturbs it, and what loading the program takes.
    """

    def __init__(self, site: Site, seed: int, measured: Measured, database: str) -> None:
        self.site = site
        self.random = random.Random(seed)
        self.measured = measured
        self.kinds = ["after", "statement"] + (["log_bytes"] if database == "sqlite" else [])
        self.plain = seed % 8 == 3  # the interpreter is started anew, as in a real night
        self.kills: Counter[str] = Counter()
        self.seen: set[str] = set()

    def moment(self, name: str) -> dict[str, Any]:
        """Choose when a command is killed."""
        about = self.measured[name]
        if self.plain:
            loading = self.measured["loading"].seconds
            return {"plain": True, "after": loading + self.random.uniform(-0.2, about.seconds)}
        if name == "report" and self.random.random() < 0.5:
            return {"appears": f".{REPORT}.*"}
        kind = self.random.choice(self.kinds)
        if kind == "statement":
            return {kind: self.random.randint(1, about.statements)}
        if kind == "log_bytes" and about.log_bytes:
            return {kind: self.random.randint(1, about.log_bytes)}
        return {"after": self.random.uniform(0, about.seconds)}

    def run(self) -> None:
        (self.site.folder / REPORT).write_text(OLD, encoding="utf-8")
        for name in STEPS:
            ended = self.site.step(name, **self.moment(name))
            kills = 0
            while ended.code != 0:
                if ended.killed:
                    kills += 1
                    self.look(name)
                else:
                    assert name.startswith("sweep"), ended.err
                    assert "CE611" in ended.err, ended.err
                again = self.moment(name) if kills < 3 and self.random.random() < 0.3 else {}
                ended = self.site.run(*self.again(name, ended), **again)
            self.kills[name] += kills
            self.seen.add((self.site.folder / REPORT).read_text(encoding="utf-8"))

    def look(self, name: str) -> None:
        """Make sure that readers are well off before anything is mended."""
        self.seen.add((self.site.folder / REPORT).read_text(encoding="utf-8"))
        if name != "import" and self.random.random() < 0.3:
            self.site.verify()

    def again(self, name: str, ended: Ended) -> list[str]:
        """Return what an operator does after a command was killed, or had nothing to resume."""
        if not name.startswith("sweep"):
            return self.site.arguments(name)
        if ended.killed and self.random.random() < 0.75:
            return ["sweep", "--resume", "--take-over", "--store", self.site.store]
        return [*self.site.arguments(name), "--take-over"]

    def check(self, calm: Content) -> None:
        """Compare the store and the report with what an undisturbed night leaves."""
        assert self.site.content() == calm
        store = open_store(self.site.store)
        with store.read() as connection:
            assert connection.execute(sweep_lock.select()).all() == []
        store.close()
        self.site.verify(*(("--format", "text") if ASKED and self.random.random() < 0.2 else ()))
        report = self.site.folder / REPORT
        last = report.read_text(encoding="utf-8")
        assert last.endswith("</html>\n")
        assert self.seen <= {OLD, last}
        assert self.site.step("report").code == 0
        assert report.read_text(encoding="utf-8") == last


def measure(site: Site) -> Measured:
    """Do all steps undisturbed, and start the program once."""
    measured = {name: site.step(name) for name in STEPS}
    assert {ended.code for ended in measured.values()} == {0}
    return measured | {"loading": site.step("report", plain=True)}


def test_a_night_of_killed_commands_leaves_what_a_calm_one_does(
    site: Site, calm: dict[str, Content], database: str
):
    measured = measure(site)
    assert site.content() == calm["report"]
    kills: Counter[str] = Counter()
    for seed in range(KILLS[database] // len(STEPS)):
        folder = site.folder / f"night-{seed}"
        write_site(folder)
        night = Night(Site(folder, address(folder), site.commands), seed, measured, database)
        try:
            night.run()
            night.check(calm["report"])
        except AssertionError as error:
            error.add_note(f"the night of seed {seed}")
            raise
        kills += night.kills
    print(f"killed on {database}: {dict(kills)}")
    assert kills
