"""The guide for rule authors, followed to the letter: files written, commands run, output compared."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "rule-authors.md"
FENCE = re.compile(r"^```(?P<info>[^\n]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass
class Step:
    """A fenced block: its kind, its other words, what it holds."""

    kind: str
    words: dict[str, str]
    body: str
    said: list[str] = field(default_factory=list)

    @property
    def line(self) -> str:
        return f"{self.kind} {self.words} {self.body.splitlines()[0][:60]}"


def steps() -> list[Step]:
    found: list[Step] = []
    for match in FENCE.finditer(GUIDE.read_text(encoding="utf-8")):
        kind, *words = match["info"].split()
        named = dict(word.partition("=")[::2] for word in words)
        if kind == "text":
            found[-1].said += [line for line in match["body"].splitlines() if line.strip()]
        else:
            found.append(Step(kind, named, match["body"]))
    return found


def write(step: Step, folder: Path) -> None:
    (how, name), *rest = step.words.items()
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if how == "file":
        assert not path.exists(), f"{name} is written twice; say append or insert"
        path.write_text(step.body)
    elif how == "append":
        path.write_text(path.read_text() + step.body)
    else:
        ((_, mark),) = rest
        before, found, after = path.read_text().partition(f"    {mark}")
        assert found, f"{name} has no {mark}"
        path.write_text(before + step.body + found + after)


def run(step: Step, folder: Path) -> None:
    program = Path(sys.executable).parent
    where = {
        "PATH": f"{program}{os.pathsep}{os.environ['PATH']}",
        "RULES": str(ROOT / "rules"),
        "PROJECT": str(ROOT),
        "XDG_CACHE_HOME": str(folder / "cache"),
    }
    command = ["bash", "-ec", step.body]
    done = subprocess.run(
        command, cwd=folder, env=os.environ | where, capture_output=True, text=True, check=False
    )
    out = done.stdout + done.stderr
    assert (done.returncode != 0) == ("fails" in step.words), out
    missing = [line for line in step.said if line.rstrip() not in out]
    assert not missing, out


def test_the_guide_can_be_followed_to_the_letter(tmp_path: Path) -> None:
    for step in steps():
        try:
            (run if step.kind == "sh" else write)(step, tmp_path)
        except AssertionError as error:
            pytest.fail(f"{step.line}\n{error}")


def test_the_guide_has_steps_of_every_kind() -> None:
    assert {step.kind for step in steps()} == {"sh", "yaml"}
    assert sum(bool(step.said) for step in steps()) >= 8
