"""Past mistakes, looked for in every tracked file."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
CODE = re.compile(r"\bCE\d{3}\b")
# written apart, so that this file does not find itself
_FOLDERS = "|".join(("work", "root", "tmp", "home", "Users"))
MACHINE_PATH = re.compile(rf"(?<![\w.:/$}}*~-])/(?:{_FOLDERS})/\w")
INDEX_HOST = re.compile("py" + r"pi\.(?:org|python\.org)|python" + r"hosted|--index" + r"-url[ =]\S")


def tracked():
    """Return the tracked text files (every file where there is no repository)."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z"]
    listed = subprocess.run(command, capture_output=True, check=False)
    names = [name for name in listed.stdout.decode().split("\0") if name]
    paths = [ROOT / name for name in names] or [path for path in ROOT.rglob("*") if ".venv" not in path.parts]
    return [path for path in paths if path.is_file() and b"\0" not in path.read_bytes()[:4096]]


def found(pattern):
    hits = []
    for path in tracked():
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            if match := pattern.search(line):
                hits.append(f"{path.relative_to(ROOT)}:{number}: {match.group()}")
    return hits


def test_no_file_names_a_folder_of_one_machine():
    assert found(MACHINE_PATH) == []


def test_no_file_names_a_package_index():
    assert found(INDEX_HOST) == []


def codes_in_source():
    sources = (path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py"))
    return {code for text in sources for code in CODE.findall(text)}


def pages():
    return {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "errors").glob("CE*.md")}


def test_every_code_has_a_page():
    assert codes_in_source() - pages().keys() == set()


def test_every_page_has_a_code():
    assert pages().keys() - codes_in_source() == set()


@pytest.mark.parametrize("code", sorted(pages()))
def test_a_page_begins_with_its_code_and_shows_an_example(code):
    text = pages()[code]
    assert text.startswith(f"# {code} ")
    assert text.count("```") >= 2


def pins(name):
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    blocks = [block for block in re.split(r"\n(?=\S)", text) if block and not block.startswith("#")]
    return {canonicalize_name(block.split("==")[0].split("[")[0]): block for block in blocks}


@pytest.mark.parametrize("name", ["build", "runtime", "dev"])
def test_every_requirement_is_pinned_with_hashes(name):
    assert pins(name)
    assert not [
        block for block in pins(name).values() if not re.search(r"^\S+==\S+ \\\n +--hash=sha256:", block)
    ]


@pytest.mark.parametrize("name", ["runtime", "dev"])
def test_what_the_project_needs_is_what_is_pinned(name):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    texts = project["dependencies"] if name == "runtime" else project["optional-dependencies"]["dev"]
    wanted = [Requirement(text) for text in texts]
    lines = (ROOT / "requirements" / f"{name}.in").read_text(encoding="utf-8").splitlines()
    asked = {canonicalize_name(Requirement(line).name) for line in lines if line and line[0] not in "#-"}
    assert asked == {canonicalize_name(each.name) for each in wanted}
    pinned = {key: block.split()[0].split("==")[1] for key, block in pins(name).items()}
    assert all(each.specifier.contains(pinned[canonicalize_name(each.name)]) for each in wanted)


def test_one_version_of_a_package_is_pinned():
    versions = {}
    for name in ("build", "runtime", "dev"):
        for package, block in pins(name).items():
            versions.setdefault(package, set()).add(block.split()[0])
    assert not {package: each for package, each in versions.items() if len(each) > 1}
