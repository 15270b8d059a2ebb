"""`merbench check`: the regression gate."""

from __future__ import annotations

import os
from pathlib import Path

import click
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from merbench.analysis.summary_json import plain_json
from merbench.check.api import check_run
from merbench.check.cases import gate_junit
from merbench.check.github import job_summary, workflow_commands
from merbench.check.reference import reference_of_run
from merbench.check.reference_file import save_reference
from merbench.check.rows import EXPLAINED, HEADINGS, WORDS, row
from merbench.check.verdicts import Checked
from merbench.cli.output import terminal, write_file
from merbench.errors import ConfigError

SUMMARY = "GITHUB_STEP_SUMMARY"
_STYLES = {"regressed": "bold red", "suspect": "yellow", "improved": "green"}
_MOST = 20  # rows without --all


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--reference", type=click.Path(path_type=Path), help="A saved reference, or a run.")
@click.option("--save-reference", "save", type=click.Path(path_type=Path), help="Write one.")
@click.option("--tolerances", type=click.Path(path_type=Path), help="YAML; default: the suite's.")
@click.option("--methods", metavar="A,B", help="Only these methods.")
@click.option("--strict", is_flag=True, help="Fail on suspects, too.")
@click.option("--all", "every", is_flag=True, help="Show every rule.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--junit", type=click.Path(path_type=Path), help="Write JUnit XML.")
@click.option("--github", is_flag=True, help="Annotate a GitHub workflow, and write its summary.")
@click.option("--html", type=click.Path(path_type=Path), help="Write a page.")
def check(
    run: Path,
    reference: Path | None,
    save: Path | None,
    tolerances: Path | None,
    methods: str | None,
    junit: Path | None,
    html: Path | None,
    *,
    strict: bool,
    every: bool,
    as_json: bool,
    github: bool,
) -> int:
    """Hold a run against a reference, and fail where accuracy dropped.

    \b
    merbench check RUN --save-reference FILE   keep a run as the reference
    merbench check RUN --reference FILE        fail where accuracy dropped

    Exit codes: 0 passed, 1 regressed, 2 wrong input, 3 incomplete or empty, 4 not comparable.
    """  # noqa: D301  # click looks for the character, not for two
    if save is not None and reference is None:
        save_reference(reference_of_run(run), save)
        click.echo(save)
        return 0
    if reference is None or save is not None:
        raise ConfigError("expected either --reference FILE or --save-reference FILE")
    labels = [name.strip() for name in (methods or "").split(",") if name.strip()]
    found, current, before = check_run(run, reference, tolerances, labels)
    if junit is not None:
        write_file(junit, gate_junit(found, strict))
    if html is not None:
        from merbench.check.page import gate_page  # noqa: PLC0415  # drawing takes long to import

        write_file(html, gate_page(found, current, before, strict).encode())
    if as_json:
        outcome = {"headline": found.headline(strict), "exit_code": found.exit_code(strict)}
        click.echo(plain_json({**outcome, "strict": strict, "checked": found}), nl=False)
    else:
        _print(found, strict, every)
    if github:
        _tell_github(found, strict)
    return found.exit_code(strict)


def _print(found: Checked, strict: bool, every: bool) -> None:
    """Print the headline, and the rules where there is anything to see in them."""
    click.echo(found.headline(strict))
    if every or not found.identical:
        terminal().print(_table(found, every), crop=False)
    for note in found.notes:
        click.echo(f"note: {note}", err=True)


def _table(found: Checked, every: bool) -> Table:
    shown = found.rules if every else found.rules[:_MOST]
    left = len(found.rules) - len(shown)
    more = f" {left} more rules: --all." if left else ""
    drawn = Table(
        caption=EXPLAINED.format(number=len(found.rules)) + more,
        box=SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
    )
    for place, heading in enumerate(HEADINGS):
        words = place < WORDS
        drawn.add_column(heading, justify="left" if words else "right", no_wrap=not words)
    for rule in shown:
        drawn.add_row(*map(escape, row(rule)), style=_STYLES.get(rule.verdict, ""))
    return drawn


def _tell_github(found: Checked, strict: bool) -> None:
    """Annotate the workflow, and add to the summary of its job where there is one."""
    for line in workflow_commands(found, strict):
        click.echo(line)
    where = os.environ.get(SUMMARY)
    if where:
        write_file(Path(where), job_summary(found, strict).encode(), mode="ab")
