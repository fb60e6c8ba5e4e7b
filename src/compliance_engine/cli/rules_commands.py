"""``rules``: check, test, show and list."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from compliance_engine.cli.exit_codes import CLEAN, FINDINGS
from compliance_engine.cli.options import CALENDARS, POLICY, RULES, day_option

if TYPE_CHECKING:
    from compliance_engine.engine.rule_cases import CaseResult


@click.group()
def rules_group() -> None:
    """Check, test, show and list the rules."""


@rules_group.command()
@click.argument("folder", type=click.Path(path_type=Path), required=False)
@POLICY
def check(folder: Path | None, policy: Path | None) -> int:
    """Read every rule and report all mistakes at once."""
    from compliance_engine.cases.rule_vocabulary import load_corpus
    from compliance_engine.data_files import rules_folder
    from compliance_engine.engine.rule_cases import case_files, read_cases
    from compliance_engine.errors import error_for
    from compliance_engine.rules.lint import lint

    corpus = load_corpus(rules_folder(folder), policy=policy)
    problems = lint(corpus)
    if problems:
        raise error_for(problems)
    cases = read_cases([*case_files(corpus.folder), *(case_files(policy) if policy else ())], corpus)
    versions = sum(len(loaded.rule.versions) for loaded in corpus.rules.values())
    click.echo(
        f"{len(corpus.rules)} rules in {versions} versions, "
        f"{len(corpus.information)} provisions without a clock, "
        f"{len(corpus.states())} states besides the federal rules, {len(cases)} cases: no mistakes."
    )
    return CLEAN


@rules_group.command()
@click.argument("paths", type=click.Path(path_type=Path), nargs=-1)
@RULES
@POLICY
@CALENDARS
@click.option("--verbose", "-v", is_flag=True, help="Name the cases that passed too.")
def test(
    paths: tuple[Path, ...], rules: Path | None, policy: Path | None, calendars: Path | None, verbose: bool
) -> int:
    """Run the hand-counted cases beside the rules (of PATHS: folders or case files; all by default).

    A version, variant, exception or reading that no case exercises is a failure too.
    """
    from compliance_engine.calendars.loader import load_calendars
    from compliance_engine.cases.rule_vocabulary import load_corpus
    from compliance_engine.data_files import calendars_folder, rules_folder
    from compliance_engine.engine.exercised import unexercised
    from compliance_engine.engine.rule_cases import case_files, read_cases, rule_files_of, run_cases

    folder = rules_folder(rules)
    corpus = load_corpus(folder, jurisdictions=_jurisdictions(paths, folder), policy=policy)
    chosen = paths or (corpus.folder, *((policy,) if policy else ()))
    files = [file for path in chosen for file in case_files(path)]
    if not files:
        raise click.UsageError(f"no case files (*.cases.yaml) in {', '.join(map(str, paths))}")
    results = list(run_cases(read_cases(files, corpus), corpus, load_calendars(calendars_folder(calendars))))
    failed = [result for result in results if result.differences]
    for result in sorted(results, key=lambda one: one.located.place):
        if result.differences:
            _show_failure(result)
        elif verbose:
            click.echo(f"passed  {result.located.name}")
    beside = {file.resolve() for file in rule_files_of(chosen)}
    tested = [
        one for one in corpus.rules.values() if one.document.file and one.document.file.resolve() in beside
    ]
    missing = unexercised(tested, (part for result in results for part in result.used))
    for problem in sorted(missing):
        click.echo(str(problem))
    states = len({result.located.state for result in results})
    click.echo(
        f"{len(results) - len(failed)} passed, {len(failed)} failed: "
        f"{len(results)} cases in {states} jurisdictions; "
        f"{len(missing)} parts of rules without a case."
    )
    return FINDINGS if failed or missing else CLEAN


@rules_group.command()
@click.argument("rule_or_state")
@click.argument("topic", required=False)
@RULES
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def show(rule_or_state: str, topic: str | None, rules: Path | None, form: str) -> int:
    """Tell a rule in plain English: by its id, or by a state and a topic.

    compliance-engine rules show tx.idea_b.initial_evaluation

    compliance-engine rules show tx annual_review
    """
    from compliance_engine.cli.rules_text import shown_rules

    click.echo(shown_rules(rule_or_state, topic, rules, form))
    return CLEAN


@rules_group.command(name="list")
@click.option("--state", help="The rules in force there, federal ones included; every rule by default.")
@click.option("--program", help="idea_b, section_504 or part_c_transition.")
@RULES
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def list_command(state: str | None, program: str | None, rules: Path | None, form: str) -> int:
    """List rules with what is due and how well their source was verified."""
    from compliance_engine.cli.rules_text import listed_rules

    click.echo(listed_rules(state, program, rules, form))
    return CLEAN


@rules_group.command()
@click.argument("folders", type=click.Path(path_type=Path, exists=True, file_okay=False), nargs=-1)
@day_option("--from", "from_day", help="Compare the law of this day ...")
@day_option("--to", "to_day", help="... with the law of that day.")
@click.option("--state", help="Only the rules of this state, and the federal ones.")
@click.option("--cases", type=click.Path(exists=True), help="A folder of cases: whose dates move?")
@click.option("--store", metavar="FILE", help="A store of cases: whose dates move?")
@day_option("--as-of", help="The day on which the dates of the cases are compared.")
@CALENDARS
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def diff(**given: Any) -> int:
    """Show what changed in the law between two FOLDERS of rules, or two days, and whose dates move.

    \b
    compliance-engine rules diff --from 2023-07-17 --to 2023-07-18 --state tx
    compliance-engine rules diff rules my-rules --cases district --as-of 2026-03-02
    """
    from compliance_engine.cli.diff_command import diff as compared

    click.echo(compared(given))
    return CLEAN


@rules_group.command()
@click.option("--state", help="One jurisdiction, duty by duty.")
@click.option(
    "--pages",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Write the map, the grid and a page for each jurisdiction there.",
)
@click.option(
    "--against",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="FOLDER",
    help="Hold source notes against the rules: print what is not accounted for.",
)
@RULES
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def coverage(
    state: str | None, pages: Path | None, against: Path | None, rules: Path | None, form: str
) -> int:
    """Show which duties are encoded in which jurisdiction, and how well their sources were verified."""
    from compliance_engine.cli.coverage_command import compared, shown_coverage, write_pages

    if against is not None:
        click.echo(compared(against, rules))
    elif pages is not None:
        click.echo(f"{len(write_pages(pages, rules))} pages written to {pages}")
    else:
        click.echo(shown_coverage(state, rules, form))
    return CLEAN


@rules_group.command()
@click.argument("kind", type=click.Choice(["rules", "day_counts", "cases", "calendar"]), default="rules")
def schema(kind: str) -> int:
    """Print the JSON Schema of a kind of file, for editors that check and complete while one types."""
    import json

    from compliance_engine.reports.schema import published_schemas

    click.echo(json.dumps(published_schemas()[f"{kind}.json"], indent=2))
    return CLEAN


def _jurisdictions(paths: tuple[Path, ...], folder: Path) -> set[str] | None:
    """Return the jurisdictions that paths within the folder of rules belong to; None for all."""
    inside = [
        path.resolve().relative_to(folder.resolve())
        for path in paths
        if path.resolve().is_relative_to(folder.resolve())
    ]
    found = {path.parts[0] for path in inside if path.parts}
    return (
        found
        if len(inside) == len(paths) > 0 and "us" not in found and all(path.parts for path in inside)
        else None
    )


def _show_failure(result: CaseResult) -> None:
    click.echo(f"{result.located.place}: failed: {result.located.name}")
    click.echo(f"    why: {result.located.case.why}")
    for difference in result.differences:
        click.echo(f"    {difference}")
