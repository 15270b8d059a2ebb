"""`merbench compare`: two runs, or methods of one run, on the terminal."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from merbench.analysis.comparison import Comparison
from merbench.analysis.summary_json import plain_json
from merbench.api.run import NEITHER, Run
from merbench.cli import completing
from merbench.cli.output import terminal
from merbench.errors import ConfigError
from merbench.statistics.outcome import ALPHA


@click.command()
@click.argument(
    "runs",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path),
    shell_complete=completing.runs,
)
@click.option(
    "--methods",
    metavar="A,B",
    help="Methods of one run: the first against the others.",
    shell_complete=completing.methods,
)
@click.option("--metric", default="ua", show_default=True, help="A metric of a confusion matrix.")
@click.option("--partial", is_flag=True, help="Compare runs with holes.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def compare(
    runs: tuple[Path, ...], methods: str | None, metric: str, *, partial: bool, as_json: bool
) -> None:
    """Show paired differences between two runs, or between methods of one.

    \b
    merbench compare RUN_A RUN_B                 every method of B against that of A
    merbench compare RUN --methods nmer,if_mmin  nmer against if_mmin
    """  # noqa: D301  # click looks for the character, not for two
    if len(runs) > 2:
        raise ConfigError(NEITHER)
    labels = [name.strip() for name in (methods or "").split(",") if name.strip()]
    other = runs[1] if len(runs) == 2 else None
    found = Run(runs[0]).compare(other, methods=labels, metric=metric, partial=partial)
    if as_json:
        click.echo(plain_json(found), nl=False)
        return
    terminal().print(_table(found), crop=False)
    for note in found.notes:
        click.echo(f"note: {note}", err=True)


def _table(found: Comparison) -> Table:
    inference = found.inference
    basis = "; no clusters are known, so there is no interval"
    if inference.scope != "none":
        basis = (
            f"; 95 % intervals over {inference.clusters} {inference.unit}s and {inference.seeds} "
            f"seed{'' if inference.seeds == 1 else 's'}, p by Holm over the rows of a quantity"
        )
    first, second = found.sides
    drawn = Table(
        title=escape(found.title),
        caption=f"{found.metric.label} in %{basis}.",
        box=SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
    )
    drawn.add_column("quantity", max_width=24)
    drawn.add_column("method" if second == "A" else "against", no_wrap=True)
    for heading in (first, second, "difference", "interval", "p"):
        drawn.add_column(escape(heading), justify="right", no_wrap=True)
    for quantity, rows in found.frame.groupby("quantity", sort=False):
        for place, row in enumerate(rows.to_dict("records")):
            drawn.add_row(
                "" if place else escape(str(quantity)),
                escape(row["pair"]),
                f"{100 * row['value']:.1f}",
                f"{100 * row['value_against']:.1f}",
                f"{100 * row['difference']:+.1f}",
                _interval(row["low"], row["high"]),
                _p(row["p_holm"]),
                style="bold" if row["p_holm"] < ALPHA else "",
                end_section=place == len(rows) - 1,
            )
    return drawn


def _p(value: float) -> str:
    if np.isnan(value):
        return ""
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def _interval(low: float, high: float) -> str:
    return "" if np.isnan(low) else f"[{100 * low:+.1f}, {100 * high:+.1f}]"
