"""Two runs of one suite, before and after a change of the code: do the tables say the same?

python -m tests.benchmarks.before_after runs/before runs/after
"""

from __future__ import annotations

from pathlib import Path

import click
import pandas as pd

from tests.benchmarks.markdown import table


@click.command(help=__doc__)
@click.argument("before", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("after", type=click.Path(exists=True, file_okay=False, path_type=Path))
def main(before: Path, after: Path) -> None:
    """Print the comparison."""
    one, other = (pd.read_parquet(run / "results.parquet") for run in (before, after))
    folds = {*one["fold"].astype(str)} & {*other["fold"].astype(str)}
    click.echo(f"Folds {', '.join(sorted(folds))}.\n")
    click.echo(compare(*(scores(t[t["fold"].astype(str).isin(folds)]) for t in (one, other))))


def compare(before: pd.DataFrame, after: pd.DataFrame) -> str:
    """Return a table: for each method its mean over the grid, and how far both runs are apart.

    Args:
        before: one row a method and seed, with `complete`, `partial` and `grid` UA in points.
        after: the same.
    """
    rows = []
    for method in before.index.get_level_values("method").unique():
        one, other = before.loc[method], after.loc[method]
        cells = [str(method)]
        for name in one.columns:
            spread = (one[name].var() / len(one) + other[name].var() / len(other)) ** 0.5
            apart = other[name].mean() - one[name].mean()
            cells += [f"{one[name].mean():.1f}", f"{apart:+.2f}", f"{spread:.2f}"]
        rows.append(cells)
    names = [f"{name}{what}" for name in before.columns for what in ("", ": apart", ": s.e.")]
    seeds = before.index.get_level_values("seed").nunique()
    note = f"UA in points, {seeds} seeds; s.e.: of the difference of two such means, over seeds."
    return f"{table(['', *names], iter(rows))}\n\n{note}"


def scores(results: pd.DataFrame) -> pd.DataFrame:
    """Return UA in points of each method and seed, averaged over folds and conditions."""
    modalities = results["pattern"].astype(str).str.count(r"\+")
    clean, complete = results["noise"].astype(str) == "none", modalities == modalities.max()
    parts = {"complete": clean & complete, "partial": clean & ~complete, "grid": ~clean}
    by_seed = ["method", "seed"]
    return pd.DataFrame(
        {
            name: 100 * results[rows].groupby(by_seed, observed=True)["ua"].mean()
            for name, rows in parts.items()
        }
    )


if __name__ == "__main__":
    main()
