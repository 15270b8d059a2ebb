"""`merbench predict`: a trained method on another corpus."""

from __future__ import annotations

import json
from pathlib import Path

import click

from merbench.cli import completing
from merbench.cli.options import read_settings, reader_settings


@click.command()
@click.argument("run", type=click.Path(path_type=Path), shell_complete=completing.runs)
@click.option(
    "--method",
    required=True,
    metavar="LABEL",
    help="Which method of the run.",
    shell_complete=completing.method,
)
@click.option(
    "--corpus",
    required=True,
    help="READER:PATH, PATH, or synthetic.",
    shell_complete=completing.corpora,
)
@reader_settings
@click.option("--fold", help="Only the cells of this fold [mean over folds].")
@click.option("--seed", type=click.IntRange(0), help="Only the cells of this seed [mean].")
@click.option("--pattern", metavar="A+B", help="Use only these modalities [all there are].")
@click.option("--out", type=click.Path(path_type=Path), help="CSV or Parquet [CSV to stdout].")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda[:i].")
@click.option(
    "--import", "trusted", multiple=True, metavar="MODULE:CLASS", help="Code that RUN may import."
)
@click.option("--json", "as_json", is_flag=True, help="Print scores as JSON; needs --out.")
def predict(
    *,
    run: Path,
    method: str,
    corpus: str,
    settings: tuple[str, ...],
    fold: str | None,
    seed: int | None,
    pattern: str | None,
    out: Path | None,
    device: str,
    trusted: tuple[str, ...],
    as_json: bool,
) -> None:
    """Apply a trained method of RUN to another corpus.

    Class probabilities are averaged over all trained folds and seeds of the method, unless --fold
    and --seed pick. The corpus is normalised by what each fold measured on its training part.

    \b
    merbench predict runs/quick --method nmer --corpus table:path/to/corpus --out mine.csv
    """  # noqa: D301  # click looks for the character, not for two
    from merbench.api.trained import load  # noqa: PLC0415 - slow, and completion does without
    from merbench.corpus.load import load_corpus  # noqa: PLC0415
    from merbench.exchange.written import check_target, table_of, write  # noqa: PLC0415

    if as_json and out is None:
        raise click.UsageError("--json needs --out: predictions would go to stdout as well")
    if out is not None:
        check_target(out)
    trained = load(run, method, fold, seed, device, trusted)
    applied = trained.apply(load_corpus(corpus, **read_settings(settings)), pattern)
    table = table_of(applied, trained.choice)
    for note in applied.notes:
        click.echo(f"note: {note}", err=True)
    if out is None:
        click.echo(table.to_csv(index=False, lineterminator="\n"), nl=False)
    else:
        write(table, out)
    if as_json:
        found = {
            "out": str(out),
            "utterances": len(table),
            "cells": applied.cells,
            "scores": applied.scores,
            "notes": list(applied.notes),
        }
        click.echo(json.dumps(found, indent=1))
        return
    averaged = f"mean of {applied.cells} cells" if applied.cells > 1 else "one cell"
    scores = ", ".join(f"{name.upper()} {value:.1%}" for name, value in applied.scores.items())
    click.echo(
        f"{len(table)} utterances, {averaged}" + (f": {scores}" if scores else ""),
        err=out is None,
    )
