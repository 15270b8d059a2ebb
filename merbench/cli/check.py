"""`merbench check`: the regression gate."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from merbench.analysis.build import metrics_of
from merbench.analysis.facts import read_record
from merbench.check.gate import check as check_run
from merbench.check.reference import gate_of_run, reference_of_run
from merbench.check.reference_file import load_reference, save_reference
from merbench.check.verdicts import Checked, Rule, interval
from merbench.errors import ConfigError
from merbench.suite.gate import read_gate

_UNLIMITED = 10_000
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
def check(
    run: Path,
    reference: Path | None,
    save: Path | None,
    tolerances: Path | None,
    methods: str | None,
    *,
    strict: bool,
    every: bool,
) -> int:
    """Hold a run against a reference, and fail where accuracy dropped.

    \b
    merbench check RUN --save-reference FILE   keep a run as the reference
    merbench check RUN --reference FILE        fail where accuracy dropped

    Exit codes: 0 passed, 1 regressed, 2 wrong input, 3 incomplete or empty, 4 not comparable.
    """  # noqa: D301  # click looks for the character, not for two
    if (reference is None) == (save is None):
        raise ConfigError("expected either --reference FILE or --save-reference FILE")
    current = reference_of_run(run)
    if save is not None:
        save_reference(current, save)
        click.echo(save)
        return 0
    assert reference is not None
    found = check_run(
        current,
        load_reference(reference),
        metrics_of(read_record(run)),
        read_gate(tolerances) if tolerances else gate_of_run(run),
        methods=[name.strip() for name in (methods or "").split(",") if name.strip()],
        names=(str(run), str(reference)),
    )
    click.echo(found.headline(strict))
    console = Console()
    console.print(
        _table(found, every), width=None if console.is_terminal else _UNLIMITED, crop=False
    )
    for note in found.notes:
        click.echo(f"note: {note}", err=True)
    return found.exit_code(strict)


def _table(found: Checked, every: bool) -> Table:
    shown = found.rules if every else found.rules[:_MOST]
    left = len(found.rules) - len(shown)
    drawn = Table(
        caption=(
            f"Points; intervals hold for all {len(found.rules)} rules at once. Sees: the smallest "
            "drop that would be flagged four times in five."
            f"{f' {left} more rules: --all.' if left else ''}"
        ),
        box=SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
    )
    drawn.add_column("verdict", no_wrap=True)
    drawn.add_column("method", no_wrap=True)
    drawn.add_column("metric")
    drawn.add_column("conditions", max_width=28)
    for heading in ("before", "after", "change", "interval", "tolerance", "sees"):
        drawn.add_column(heading, justify="right", no_wrap=True)
    for rule in shown:
        drawn.add_row(*_row(rule), style=_STYLES.get(rule.verdict, ""))
    return drawn


def _row(rule: Rule) -> tuple[str, ...]:
    head = (rule.verdict, escape(rule.name), rule.metric_label, escape(rule.group))
    if rule.verdict == "not comparable":
        return head
    return (
        *head,
        f"{100 * rule.reference:.1f}",
        f"{100 * rule.value:.1f}",
        f"{100 * rule.delta:+.1f}",
        escape(interval(rule)),
        f"{100 * rule.tolerance:.1f}",
        _size(rule.detectable),
    )


def _size(value: float) -> str:
    if np.isnan(value):
        return "?"
    return f"{100 * value:.1f}" if value < 1 else "none"
