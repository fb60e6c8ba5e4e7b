"""Judges situations by the findings rules, with durable-rules, in child processes.

durable-rules is unsafe outside a narrow use and may take its process down, so it never runs in this one:
`judge_worker` judges a few hundred situations and ends. When it dies, its situations are judged again in
halves, down to one at a time; a situation that kills it twice comes back with an error. Every situation has
exactly one verdict. This module (with its worker) is the only user of durable-rules.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import IO, Any

from compliance_engine.engine import judge_worker
from compliance_engine.engine.findings_rules import FINDING, Condition, FindingRule, FindingsRules
from compliance_engine.engine.situations import PROPERTIES, Situation, Value, complete
from compliance_engine.errors import EngineProblem, Place, Problem
from compliance_engine.kept import keep, read_kept

BATCH_SIZE = 300
WORKERS = 2
WORKER = Path(judge_worker.__file__)
_WALL_SECONDS = 600  # only a stuck process takes this long; a busy one meets its limit of CPU time first
_DEATHS = 2
_PLAIN = re.compile(r"[A-Za-z0-9_.:/ -]{0,100}")
_FNV_OFFSET, _FNV_PRIME = 0x811C9DC5, 16777619
_Key = tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the findings rules say of one situation.

    Attributes:
        findings: Finding codes in the order of the findings rules; empty when there is none.
        conclusions: The other conclusions, one value each.
        rules: Ids of the rules that fired, in the order of the findings rules.
        error: Why there is no verdict; None when there is one.
    """

    findings: tuple[str, ...] = ()
    conclusions: Mapping[str, str] = field(default_factory=dict)
    rules: tuple[str, ...] = ()
    error: str | None = None


def judge(
    situations: Sequence[Situation], findings_rules: FindingsRules, *, batch_size: int = BATCH_SIZE
) -> list[Verdict]:
    """Return one verdict per situation, in their order.

    Raises: EngineProblem CE551 for situations with wrong properties, CE552 when durable-rules cannot be used,
        CE553 when it refuses the rules.
    """
    return Judge(findings_rules, batch_size=batch_size).judge(situations)


class Judge:
    """Judges many lots of situations by the same rules, each distinct situation once.

    Args:
        findings_rules: The rules.
        batch_size: Situations a child process judges at most; a few hundred.
        workers: Child processes at a time.
        worker: The program the child runs.
        kept_in: A folder in which verdicts are kept between runs, for a night judges what nights before
            judged; None keeps none.
    """

    def __init__(
        self,
        findings_rules: FindingsRules,
        *,
        batch_size: int = BATCH_SIZE,
        workers: int = WORKERS,
        worker: Path = WORKER,
        kept_in: Path | None = None,
    ) -> None:
        self.rules = findings_rules
        self.batch_size = batch_size
        self.workers = workers
        self.worker = worker
        self._rulesets: dict[str, _Ruleset] = {}
        self.kept_in = kept_in
        self._key: list[str] = []
        self._memo: dict[_Key, Verdict] = {}
        self._kept: dict[bytes, Verdict] = {}
        if kept_in is not None:
            self._key = [_durable_rules(), repr(findings_rules), worker.read_text(encoding="utf-8")]
            self._kept = read_kept(kept_in, "verdicts", self._key, dict) or {}

    def judge(self, situations: Sequence[Situation]) -> list[Verdict]:
        """Return one verdict per situation, in their order; raises as the function `judge` does."""
        whole = [self._complete(situation) for situation in situations]
        keys = [tuple(situation.values()) for situation in whole]
        asked = dict(zip(keys, whole, strict=True))
        new = {key: situation for key, situation in asked.items() if key not in self._memo}
        if self._kept:
            found = {key: self._kept[name] for key in new if (name := _name(key)) in self._kept}
            self._memo.update(found)
            new = {key: situation for key, situation in new.items() if key not in found}
        self._judge_new(new)
        if new and self.kept_in is not None:
            self._kept = read_kept(self.kept_in, "verdicts", self._key, dict) or {}  # of other processes
            self._kept |= {_name(key): self._memo[key] for key in new if self._memo[key].error is None}
            keep(self.kept_in, "verdicts", self._key, self._kept)
        return [self._memo[key] for key in keys]

    def _complete(self, situation: Situation) -> dict[str, Value]:
        whole = complete(situation)
        names = self.rules.late_bands.names
        if whole["late_band"] not in names:
            found = f"late_band is {whole['late_band']!r}"
            raise EngineProblem(Problem(Place("situation"), "CE551", "judge", found, ", ".join(names)))
        return whole

    def _judge_new(self, waiting: Mapping[_Key, dict[str, Value]]) -> None:
        asked = [_Asked(key, self._ruleset(str(one["jurisdiction"])), one) for key, one in waiting.items()]
        lots = [_Lot(asked[at : at + self.batch_size]) for at in range(0, len(asked), self.batch_size)]
        while lots:
            with ExitStack() as stack:
                running = [stack.enter_context(_Run(lot, self.worker)) for lot in lots[: self.workers]]
                lots = lots[self.workers :]
                for run in running:
                    lots.extend(self._settle(run.lot, run.answers()))

    def _settle(self, lot: _Lot, answers: list[Verdict] | None) -> list[_Lot]:
        """Keep the verdicts of a lot; return what is to be judged again because the process died."""
        if answers is not None:
            self._memo.update(zip((one.key for one in lot.asked), answers, strict=True))
            return []
        if len(lot.asked) > 1:
            return lot.halves()
        if lot.deaths + 1 < _DEATHS:
            return [_Lot(lot.asked, lot.deaths + 1)]
        self._memo[lot.asked[0].key] = Verdict(error="the judge died of it twice")
        return []

    def _ruleset(self, jurisdiction: str) -> _Ruleset:
        if jurisdiction not in self._rulesets:
            rules = self.rules.for_jurisdiction(jurisdiction)
            self._rulesets[jurisdiction] = _Ruleset(jurisdiction, rules, self.rules.conclusions)
        return self._rulesets[jurisdiction]


def _durable_rules() -> str:
    """Return the version of durable-rules; where there is none, the worker says so when it is asked."""
    try:
        return version("durable-rules")
    except PackageNotFoundError:
        return "none"


def _name(key: _Key) -> bytes:
    """Return the name of a situation among verdicts that are kept: no text of a record can be read there."""
    return hashlib.sha256(repr(key).encode("utf-8", "surrogatepass")).digest()


class _Ruleset:
    """The rules of one jurisdiction in durable-rules' JSON, and back."""

    def __init__(
        self,
        name: str,
        rules: Sequence[FindingRule],
        conclusions: Mapping[str, Mapping[str, str]],
    ) -> None:
        self.name = name
        self.rules = rules
        pairs = [(prop, word) for prop, words in conclusions.items() for word in words]
        self.flags = {pair: f"c_{number}" for number, pair in enumerate(pairs)}
        self.pairs = {flag: pair for pair, flag in self.flags.items()}
        _check_names([*PROPERTIES, *self.pairs, judge_worker.ASKED])
        self.job = [
            {
                "id": rule.id,
                "when": [self._condition(test) for test in rule.conditions],
                "then": [self.flags[pair] for pair in rule.conclusions],
            }
            for rule in rules
        ]

    def fact(self, situation: Situation) -> dict[str, Value]:
        """Return the flat fact of a situation: texts and whole numbers only."""
        return {name: _encoded(value) for name, value in situation.items()}

    def _condition(self, test: Condition) -> dict[str, Any]:
        if test.property not in PROPERTIES:
            atoms: list[dict[str, Any]] = [
                {self.flags[test.property, str(value)]: 1} for value in test.values
            ]
        elif test.operator == "is":
            atoms = [{test.property: _encoded(value)} for value in test.values]
        elif test.operator == "is_not":
            differ = [{"$neq": {test.property: _encoded(value)}} for value in test.values]
            return differ[0] if len(differ) == 1 else {"$and": differ}
        else:
            return {{"at_least": "$gte", "below": "$lt"}[test.operator]: {test.property: test.values[0]}}
        return atoms[0] if len(atoms) == 1 else {"$or": atoms}

    def verdict(self, answer: Mapping[str, Any]) -> Verdict:
        """Read one line of the worker."""
        if "error" in answer:
            return Verdict(error=str(answer["error"]))
        fired = tuple(rule.id for rule in self.rules if rule.id in set(answer["rules"]))
        findings: list[str] = []
        others: dict[str, str] = {}
        for flag in sorted(answer["flags"], key=lambda flag: int(flag[2:])):
            prop, word = self.pairs[flag]
            if prop == FINDING:
                findings.append(word)
            elif others.setdefault(prop, word) != word:
                clash = f"contradiction: {prop} is {others[prop]} and {word}"
                return Verdict(rules=fired, error=clash)
        return Verdict(tuple(findings), others, fired)


def _encoded(value: Value) -> Value:
    """Return a value that durable-rules compares as we do.

    It takes ``true``, ``1`` and ``"1"`` for the same thing, so truth values become words (a property never
    mixes kinds). Long or unusual texts become a digest; only equality is ever asked of texts.
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str) and not _PLAIN.fullmatch(value):
        return "~" + hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()
    return value


def _check_names(names: Iterable[str]) -> None:
    """Make sure that names which durable-rules knows by a 32-bit hash alone stay apart."""
    seen = {_fnv(name): name for name in ("id", "sid", "$s")}
    for name in names:
        other = seen.setdefault(_fnv(name), name)
        if other != name:
            found, mend = f"{name} and {other} cannot be told apart by their hashes", "rename one of them"
            raise EngineProblem(Problem(Place("findings"), "CE553", "judge", found, mend=mend))


def _fnv(name: str) -> int:
    digest = _FNV_OFFSET
    for byte in name.encode():
        digest = (digest ^ byte) * _FNV_PRIME & 0xFFFFFFFF
    return digest


@dataclass(frozen=True, slots=True)
class _Asked:
    key: _Key
    ruleset: _Ruleset
    situation: dict[str, Value]


@dataclass(frozen=True, slots=True)
class _Lot:
    """Situations that one process judges, and how often they killed one before."""

    asked: Sequence[_Asked]
    deaths: int = 0

    def halves(self) -> list[_Lot]:
        middle = len(self.asked) // 2
        return [_Lot(self.asked[:middle]), _Lot(self.asked[middle:])]

    def job(self) -> dict[str, Any]:
        return {
            "rulesets": {one.ruleset.name: one.ruleset.job for one in self.asked},
            "situations": [
                {"ruleset": one.ruleset.name, "fact": one.ruleset.fact(one.situation)} for one in self.asked
            ],
            "cpu_seconds": 20 + len(self.asked) // 10,
        }


class _Run:
    """One child process at work on a lot; files rather than pipes, so that none waits for another."""

    def __init__(self, lot: _Lot, worker: Path) -> None:
        self.lot = lot
        with ExitStack() as stack:
            self.output: IO[bytes] = stack.enter_context(tempfile.TemporaryFile())
            self.errors: IO[bytes] = stack.enter_context(tempfile.TemporaryFile())
            with tempfile.TemporaryFile() as job:
                job.write(json.dumps(lot.job()).encode())
                job.seek(0)
                self.process = subprocess.Popen(
                    [sys.executable, "-P", "-W", "ignore", str(worker)],
                    stdin=job,
                    stdout=self.output,
                    stderr=self.errors,
                    start_new_session=True,
                )
            self.files = stack.pop_all()

    def __enter__(self) -> _Run:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self.files.close()

    def answers(self) -> list[Verdict] | None:
        """Wait for the end; return the verdicts in the lot's order, None if the process died."""
        try:
            code = self.process.wait(timeout=_WALL_SECONDS)
        except subprocess.TimeoutExpired:
            return None
        _check_usable(code, _read(self.errors).decode(errors="replace").strip())
        return self._verdicts(_read(self.output)) if code == 0 else None

    def _verdicts(self, lines: bytes) -> list[Verdict] | None:
        answers = [json.loads(line) for line in lines.splitlines()]
        number = len(self.lot.asked)
        if answers[-1:] != [{"done": number}]:
            return None
        if [answer.get("index") for answer in answers[:-1]] != list(range(number)):
            return None
        return [one.ruleset.verdict(answer) for one, answer in zip(self.lot.asked, answers, strict=False)]


def _read(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()


def _check_usable(code: int, complaint: str) -> None:
    if code == judge_worker.CANNOT_IMPORT:
        found, mend = f"durable-rules cannot be imported: {complaint}", "install the project's requirements"
        raise EngineProblem(Problem(Place("findings"), "CE552", "judge", found, mend=mend))
    if code == judge_worker.CANNOT_COMPILE:
        found = f"durable-rules refuses the findings rules: {complaint}"
        raise EngineProblem(Problem(Place("findings"), "CE553", "judge", found))
