"""``make bench``: runs every benchmark and writes `RESULTS.md` with the commands that were run."""

from __future__ import annotations

import json
import math
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
PREVIEW = [
    "preview",
    "--state",
    "tx",
    "--calendar",
    "tx.lubbock_cooper_isd",
    "--event",
    "consent_to_evaluate_received=2026-03-23,purpose=initial",
    "--as-of",
    "2026-03-23",
]


def figures_of(program: str, **options: int) -> dict[str, float]:
    """Return the figures of another benchmark, run in a process of its own."""
    given = [text for name, value in options.items() for text in (f"--{name}", str(value))]
    done = subprocess.run(
        [sys.executable, str(HERE / program), *given], check=True, capture_output=True, text=True
    )
    return dict(json.loads(done.stdout))


def preview_seconds() -> dict[str, float] | None:
    """Return median, fastest and slowest time of a preview from the shell by hyperfine; None without it."""
    tool = shutil.which("hyperfine")
    if tool is None:
        return None
    program = Path(sys.executable).parent / "compliance-engine"
    target = ROOT / "build" / "preview.json"
    target.parent.mkdir(exist_ok=True)
    line = " ".join([str(program), *PREVIEW])
    command = [tool, "--warmup", "3", "--runs", "15", "--shell", "none", "--export-json", str(target), line]
    subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
    result = json.loads(target.read_text())["results"][0]
    return {name: result[name] for name in ("median", "min", "max")}


def main() -> None:
    """Measure and write the results."""
    cases = int(os.environ.get("BENCH_CASES", "1000000"))
    print(f"five duties over {cases:,} generated cases in 50 districts ...", flush=True)
    duties = figures_of("five_duties.py", cases=cases, rounds=7)
    print("preview from the shell ...", flush=True)
    preview = preview_seconds()
    text = report(cases, duties, preview)
    measured: dict[str, list[dict[str, float]]] = {}
    for database, option in (("SQLite", 0), ("PostgreSQL", 1)):
        for size in sizes(cases):
            print(f"nights of a store of {size:,} cases in {database} ...", flush=True)
            found = figures_of("nights.py", cases=size, postgresql=option)
            measured.setdefault(database, []).append(found)
        text += nights(database, measured[database])
    text += CHART
    print(f"partitions of {cases:,} cases ...", flush=True)
    text += partitions([figures_of("scale.py", cases=cases, rounds=3)])
    (HERE / "nights.svg").write_text(chart(measured))
    (HERE / "RESULTS.md").write_text(text)
    print(text)


def sizes(cases: int) -> list[int]:
    """Return the sizes of stores to measure: tenfold steps from 10,000, and the largest asked for."""
    given = os.environ.get("BENCH_STORES")
    if given:
        return [int(one) for one in given.split(",")]
    return [size for size in (10_000, 100_000, 1_000_000) if size < cases] + [cases]


CHART = """
![Seconds of a sweep against the number of cases](nights.svg)
"""


def report(cases: int, duties: dict[str, float], preview: dict[str, float] | None) -> str:
    """Return the results as a page."""
    lines = [
        "# Results",
        "",
        f"Written by `make bench` (Python {platform.python_version()}, {os.cpu_count()} cores). Ratios are medians of rounds",
        "in which both programs ran in turn in one process; times on a shared machine are indications.",
        "",
        "## Five duties",
        "",
        f"`python benchmarks/five_duties.py --cases {cases} --rounds {duties['rounds']:.0f}`: initial evaluation (the earlier of 45 school and 90",
        "calendar days), IEP after eligibility, annual review, triennial and transition at 16, from batch to due day, what met",
        "it, status and days late. `benchmarks/handwritten.py` does the same with NumPy for just these five; every row of both",
        "is compared in the run.",
        "",
        "| | engine | by hand | ratio |",
        "| --- | --- | --- | --- |",
        f"| cases a second | {duties['engine_cases_per_second']:,.0f} | {duties['by_hand_cases_per_second']:,.0f} | {duties['time_ratio']:.2f} x the time |",
        f"| peak memory of the computation | {duties['engine_peak_mib']:,.0f} MiB | {duties['by_hand_peak_mib']:,.0f} MiB | {duties['memory_ratio']:.2f} x |",
        f"| cases, deadlines | {duties['cases']:,.0f} | {duties['deadlines']:,.0f} | |",
        "",
        "## Preview from the shell",
        "",
        f"`compliance-engine {' '.join(PREVIEW)}`",
        "",
    ]
    if preview is None:
        lines.append("Not measured: hyperfine is not installed (`apt-get install hyperfine`).")
    else:
        lines.append(
            f"hyperfine, 15 runs after 3 warm-ups: median {preview['median']:.2f} s"
            f" (fastest {preview['min']:.2f} s, slowest {preview['max']:.2f} s)."
        )
    return "\n".join(lines) + "\n"


def nights(database: str, measured: Sequence[dict[str, float]]) -> str:
    """Return the figures of the nights of some stores as a section."""
    option = " --postgresql 1" if database == "PostgreSQL" else ""
    lines = [
        "",
        f"## Nights of a store in {database}",
        "",
        f"`python benchmarks/nights.py --cases N{option}`: Texan cases in districts of up to 50,000, under the federal",
        "and Texan rulebooks; every sweep is the command as a user runs it, its start included, and beneath it the",
        "sweep alone by its record in the store (the law is read in it, Python is not started). The limit is what the",
        "same database does at best in the same run: the facts read by ADBC, and the rows of the first sweep written",
        "by bulk ingest into tables with the same keys. The full sweep at the end evaluates every case and finds",
        "that the incremental one before it missed nothing: little is written then. Shares of nights are of the first",
        "sweep, which reads, evaluates, judges and stores everything, and of the full one again. Memory is the largest",
        "sum over all processes of a sweep.",
        "",
        "| " + " | ".join(["cases", *(f"{one['cases']:,.0f}" for one in measured)]) + " |",
        "| --- " * (len(measured) + 1) + "|",
    ]
    rows: list[tuple[str, Callable[[dict[str, float]], str]]] = [
        ("events, deadlines", lambda one: f"{one['events']:,.0f}, {one['deadlines']:,.0f}"),
        ("import", lambda one: f"{one['import']:,.1f} s"),
        ("limit: read + write", lambda one: f"{one['read']:,.1f} + {one['write']:,.1f} s"),
        ("first sweep", lambda one: f"{one['first']:,.1f} s"),
        ("of the limit", lambda one: f"{one['first'] / (one['read'] + one['write']):.2f} x"),
        ("memory", lambda one: f"{max(one['first_mib'], one['full_mib']):,.0f} MiB"),
        ("full sweep again", lambda one: f"{one['full']:,.1f} s"),
        ("nothing changed", lambda one: of_full(one, "quiet")),
        ("1 % have a new fact", lambda one: of_full(one, "changed")),
        ("the sweep alone", lambda one: of_full(one, "changed", "_alone")),
        ("the next day", lambda one: of_full(one, "next")),
    ]
    lines += ["| " + " | ".join([name, *map(show, measured)]) + " |" for name, show in rows]
    return "\n".join(lines) + "\n"


def partitions(measured: Sequence[dict[str, float]]) -> str:
    """Return the figures of folders of partitions as a section."""
    lines = [
        "",
        "## Partitions without a store",
        "",
        "`python benchmarks/scale.py --cases N`: cases of ten states as Parquet in partitions of 25,000, evaluated in turn by",
        "two processes of this machine and by a Dask cluster of two workers on it, all rules of the states.",
        "",
        "| cases | two processes | Dask, two workers | Dask beside processes | memory of a worker |",
        "| --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {one['cases']:,} | {one['local_cases_per_second']:,} cases/s | {one['dask_cases_per_second']:,} cases/s "
        f"| {one['dask_speed_of_local']:.2f} | {one['local_worker_peak_mib']}, {one['dask_worker_peak_mib']} MiB |"
        for one in measured
    ]
    return "\n".join(lines) + "\n"


def of_full(found: dict[str, float], name: str, what: str = "") -> str:
    """Return how long a sweep took, and how much that is of the first one and of a full one later."""
    seconds = found[name + what]
    first, full = (100 * seconds / found[other + what] for other in ("first", "full"))
    return f"{seconds:,.1f} s; {first:.1f} %, {full:.1f} %"


def chart(measured: Mapping[str, Sequence[dict[str, float]]]) -> str:
    """Return a picture of the seconds of sweeps against the number of cases, both on logarithmic scales."""
    lines = {
        f"{what}, {database}": [(one["cases"], one[name]) for one in found]
        for database, found in measured.items()
        for what, name in (("first sweep", "first"), ("1 % changed", "changed"))
    }
    points = [point for line in lines.values() for point in line]
    (left, right), (low, high) = (
        (math.floor(math.log10(min(side))), math.ceil(math.log10(max(side))))
        for side in zip(*points, strict=True)
    )
    right, high = max(right, left + 1), max(high, low + 1)

    def place(cases: float, seconds: float) -> tuple[float, float]:
        return (
            70 + 420 * (math.log10(cases) - left) / (right - left),
            300 - 270 * (math.log10(seconds) - low) / (high - low),
        )

    made = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 350" font-family="sans-serif" font-size="12">'
    ]
    made.append("<title>Seconds of a sweep against the number of cases</title>")
    made.append('<rect width="720" height="350" fill="white"/>')
    for power in range(left, right + 1):
        x, _ = place(10**power, 10**low)
        made.append(
            f'<path d="M{x:.0f} 30V300" stroke="#ddd"/><text x="{x:.0f}" y="318" text-anchor="middle">{10**power:,}</text>'
        )
    for power in range(low, high + 1):
        _, y = place(10**left, 10**power)
        made.append(
            f'<path d="M70 {y:.0f}H490" stroke="#ddd"/><text x="62" y="{y + 4:.0f}" text-anchor="end">{10**power:g} s</text>'
        )
    made.append('<text x="280" y="340" text-anchor="middle">cases</text>')
    for number, (name, line) in enumerate(lines.items()):
        colour, dash = COLOURS[number % len(COLOURS)], "" if "first" in name else ' stroke-dasharray="5 3"'
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in line))
        made.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>')
        made += [
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>'
            for x, y in (place(*point) for point in line)
        ]
        y = 50 + 22 * number
        made.append(
            f'<path d="M510 {y}H540" stroke="{colour}" stroke-width="2"{dash}/><text x="548" y="{y + 4}">{name}</text>'
        )
    return "\n".join([*made, "</svg>"]) + "\n"


COLOURS = ("#0b5cad", "#0b5cad", "#a33b00", "#a33b00")


if __name__ == "__main__":
    main()
