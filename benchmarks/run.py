"""``make bench``: runs every benchmark and writes `RESULTS.md` with the commands that were run."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
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
    stored = max(1000, cases // 10)
    print(f"nights of a store of {stored:,} cases ...", flush=True)
    text = report(cases, duties, preview) + nights(stored, figures_of("nights.py", cases=stored))
    (HERE / "RESULTS.md").write_text(text)
    print(text)


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


def nights(cases: int, found: dict[str, float]) -> str:
    """Return the figures of a store's nights as a section."""

    def row(what: str, name: str, evaluated: float) -> str:
        ratio = 100 * found[name] / found["full"]
        return f"| {what} | {evaluated:,.0f} | {found[name]:,.1f} s | {ratio:.1f} % |"

    lines = [
        "",
        "## Nights of a store",
        "",
        f"`python benchmarks/nights.py --cases {cases}`: a SQLite store of {cases:,} Texan cases in 20 districts with",
        f"{found['events']:,.0f} events and {found['deadlines']:,.0f} deadlines, under the federal and Texan rulebooks. The last",
        "sweep evaluates every case and finds that the incremental ones before it missed nothing.",
        "",
        "| | cases evaluated | time | of a full sweep |",
        "| --- | --- | --- | --- |",
        f"| import | | {found['import']:,.1f} s | |",
        row("first sweep", "first", cases),
        row("again, nothing changed", "quiet", 0),
        row("1 % of the cases have a new fact", "changed", found["evaluated"]),
        row("the next day", "next", found["next_evaluated"]),
        row("full sweep", "full", cases),
        "",
        f"Peak memory of the whole program, the generator included: {found['peak_mib']:,.0f} MiB.",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
