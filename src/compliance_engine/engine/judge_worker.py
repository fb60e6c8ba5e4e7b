"""The judge's child process: the only code that runs durable-rules.

Started by path with ``python -P``, so that it loads nothing but the standard library and durable-rules. It
reads one job as JSON from standard input and writes one JSON line per situation, then a closing line, to
standard output. It stays within the narrow use of durable-rules 2.0.28 that was shown to work
(`docs/findings.md` says what goes wrong outside it): flat facts, one fact a call, a rule that always fires,
one short-lived session at a time under a small id, no threads, and it ends after one job.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from collections.abc import Callable
from typing import Any, TextIO

CANNOT_IMPORT = 10
CANNOT_COMPILE = 11
GUARD_BROKEN = 12

ASKED = "asked"  # on every fact and in every rule: durable-rules' own state fact must match none
CATCH_ALL = "catch_all"
_PROPERTIES_AT_MOST = 64
_MEMORY = 4 << 30


def main(source: TextIO, sink: TextIO) -> int:
    """Judge one job; returns the exit code."""
    job = json.load(source)
    _limit(job["cpu_seconds"])
    try:
        from durable.engine import Host
    except ImportError as error:
        sys.stderr.write(f"{error}\n")
        return CANNOT_IMPORT

    class QuietHost(Host):  # type: ignore[misc]
        """A host without the two timer threads that never end."""

        def _run(self) -> None:
            return

    fired: list[str] = []
    try:
        host = QuietHost({name: _definition(name, rules, fired) for name, rules in job["rulesets"].items()})
    except Exception as error:  # noqa: BLE001 - the C code raises bare exceptions
        sys.stderr.write(f"{error}\n")
        return CANNOT_COMPILE
    conclusions = {
        name: {rule["id"]: rule["then"] for rule in rules} for name, rules in job["rulesets"].items()
    }
    for index, situation in enumerate(job["situations"]):
        ruleset = situation["ruleset"]
        judge = _Session(host, ruleset, conclusions[ruleset], fired)
        verdict = judge.verdict(situation["fact"])
        sink.write(json.dumps({"index": index} | verdict) + "\n")
    sink.write(json.dumps({"done": len(job["situations"])}) + "\n")
    sink.flush()
    return 0


def _limit(cpu_seconds: int) -> None:
    """Turn a loop without end, or memory without end, into the death of this process."""
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY if hard < 0 else min(_MEMORY, hard), hard))


def _definition(name: str, rules: list[dict[str, Any]], fired: list[str]) -> dict[str, Any]:
    """Return durable-rules' JSON ruleset, each rule with an action that notes its id."""
    limit = 4 * (len(rules) + 1)

    def noting(rule: str) -> Callable[[Any], None]:
        def note(_: Any) -> None:
            fired.append(rule)
            if len(fired) > limit:  # an exception would be swallowed, and the loop go on
                sys.stderr.write(f"{name}: a rule fires without end\n")
                os._exit(GUARD_BROKEN)

        return note

    definition = {
        f"r_{number}": {"all": [{"m": {"$and": [{ASKED: 1}, *rule["when"]]}}], "run": noting(rule["id"])}
        for number, rule in enumerate(rules)
    }
    definition[CATCH_ALL] = {"all": [{"m": {ASKED: 1}}], "run": noting(CATCH_ALL)}
    return definition


class _Session:
    """Judges one situation; every pass over the rules has a session and a fact of its own."""

    number = 0

    def __init__(self, host: Any, ruleset: str, conclusions: dict[str, list[str]], fired: list[str]) -> None:
        self.host = host
        self.ruleset = ruleset
        self.conclusions = conclusions
        self.fired = fired

    def verdict(self, fact: dict[str, Any]) -> dict[str, Any]:
        """Assert the fact, add what was concluded, and again until nothing is new."""
        fact = fact | {ASKED: 1}
        rules: list[str] = []
        while True:
            try:
                fired = self._pass(fact)
            except Exception as error:  # noqa: BLE001 - whatever it is belongs to this situation
                return {"error": f"{type(error).__name__}: {error}"}
            rules.extend(rule for rule in fired if rule not in rules)
            new = {flag: 1 for rule in fired for flag in self.conclusions[rule] if flag not in fact}
            if not new:
                return {"rules": rules, "flags": [flag for flag in fact if flag.startswith("c_")]}
            fact |= new

    def _pass(self, fact: dict[str, Any]) -> list[str]:
        if len(fact) > _PROPERTIES_AT_MOST:
            raise ValueError(f"{len(fact)} properties, more than {_PROPERTIES_AT_MOST}")
        _Session.number += 1
        session = _Session.number
        self.fired.clear()
        state = self.host.assert_fact(self.ruleset, fact | {"id": 1, "sid": session})
        if not state or state.get("exception"):
            raise RuntimeError(str(state and state["exception"]))
        if self.fired.count(CATCH_ALL) != 1:
            raise RuntimeError("the rule that always fires did not")
        self.host.delete_state(self.ruleset, session)
        return [rule for rule in self.fired if rule != CATCH_ALL]


if __name__ == "__main__":
    sys.exit(main(sys.stdin, sys.stdout))
