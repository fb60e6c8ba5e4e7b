"""A package imports only from those above it in the list, and some libraries have one user."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "compliance_engine"
FOUNDATION = {
    "errors",
    "dates",
    "data_files",
    "strict_yaml",
    "strict_models",
    "kept",
    "memory",
    "whole_files",
}
LAYERS = ["calendars", "rules", "cases", "engine", "store", "sweep", "scale", "reports", "web", "cli"]
MODULES = sorted(SOURCE.rglob("*.py"))
ONE_USER = {
    "adbc_driver_sqlite": {"store/arrow.py"},
    "distributed": {"scale/cluster.py", "sweep/cluster.py"},
    "durable": {"engine/judge_worker.py"},
    "holidays": {"calendars/legal_holidays.py"},
    "pyspark": {"scale/spark.py"},
    "yaml": {"strict_yaml.py"},
}
CLOCK = {"now", "utcnow", "today", "time_ns"}  # of datetime, date and time
NETWORK = {"socket", "urllib", "http", "requests", "httpx", "ftplib", "smtplib"}


def name(module):
    return module.relative_to(SOURCE).as_posix()


def part_of(module):
    return module.relative_to(SOURCE).parts[0].removesuffix(".py")


def height(part):
    """Return how far down the list a part of the package stands; the package itself is at its end."""
    if part in FOUNDATION:
        return 0
    return LAYERS.index(part) + 1 if part in LAYERS else len(LAYERS) + 1


def imports(module):
    """Return the dotted names a module imports, wherever in it."""
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{name(module)} imports relatively"
            yield from (f"{node.module}.{each.name}" for each in node.names)


def libraries(module):
    return {imported.split(".")[0] for imported in imports(module)}


def own_parts(module):
    for imported in imports(module):
        words = imported.split(".")
        if words[0] == "compliance_engine" and words[1] in FOUNDATION | set(LAYERS):
            yield words[1]


@pytest.mark.parametrize("module", MODULES, ids=name)
def test_a_module_imports_only_from_layers_above_it(module):
    below = {other for other in own_parts(module) if height(other) > height(part_of(module))}
    assert not below


def test_every_part_of_the_package_has_a_layer():
    parts = {part_of(module) for module in MODULES}
    assert parts - FOUNDATION - set(LAYERS) <= {"__init__", "__main__"}


@pytest.mark.parametrize("library", ONE_USER)
def test_a_library_has_one_user(library):
    assert {name(module) for module in MODULES if library in libraries(module)} == ONE_USER[library]


@pytest.mark.parametrize("module", MODULES, ids=name)
def test_a_module_is_shorter_than_400_lines(module):
    assert len(module.read_text(encoding="utf-8").splitlines()) < 400


@pytest.mark.parametrize("module", MODULES, ids=name)
def test_a_function_is_shorter_than_45_lines(module):
    tree = ast.parse(module.read_text(encoding="utf-8"))
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    assert not [(each.name, length(each)) for each in functions if length(each) >= 45]


def length(function):
    """Return the lines of a function's body after its docstring."""
    first = function.body[0]
    if ast.get_docstring(function) is not None:
        first = function.body[1] if len(function.body) > 1 else first
    return function.end_lineno - first.lineno + 1


def above(part):
    """Return the modules of the parts that stand above a part in the list."""
    return [module for module in MODULES if height(part_of(module)) < height(part)]


@pytest.mark.parametrize("module", above("cli"), ids=name)
def test_nothing_but_the_command_line_asks_the_clock(module):
    nodes = ast.walk(ast.parse(module.read_text(encoding="utf-8")))
    assert not {node.attr for node in nodes if isinstance(node, ast.Attribute)} & CLOCK


@pytest.mark.parametrize("module", above("web"), ids=name)
def test_nothing_but_the_web_and_the_command_line_knows_the_network(module):
    assert not libraries(module) & NETWORK
