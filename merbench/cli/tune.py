"""`merbench tune`: the methods of a suite, tuned alike."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from merbench.cli.options import SuiteChoice, option, suite_options

if TYPE_CHECKING:
    from rich.table import Table

    from merbench.api.tune import Tuning
    from merbench.tuning.tuner import Round, Tuned


@click.command()
@suite_options
@option("--trials", type=click.IntRange(1), default=20, show_default=True, help="Of each method.")
@option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
@option("--quiet", is_flag=True, help="Print nothing but the table.")
def tune_command(
    choice: SuiteChoice,
    out: Path | None,
    device: str,
    jobs: int | None,
    trials: int,
    as_json: bool,
    quiet: bool,
) -> int:
    """Tune every method of SUITE on validation data, with the same number of trials.

    The first trial of a method has its own settings, so that the best is never worse on
    validation. Trials train on the first fold and seed, or on those that --folds and --seeds
    name; test parts are not read. The settings that won are in tuned.yaml, a suite to run. An
    interrupted tuning goes on where it was. The directory is runs/<suite name>-tune.

    \b
    merbench tune quick --trials 10
    merbench tune ravdess --corpus table:path/to/ravdess --jobs 4
    merbench run runs/quick-tune/tuned.yaml
    """  # noqa: D301  # click looks for the character, not for two
    # Slow, and neither help nor a shell that completes waits for it.
    from merbench.api.tune import tune  # noqa: PLC0415
    from merbench.cli.output import terminal  # noqa: PLC0415

    found = tune(
        choice.suite,
        **choice.changes,
        trials=trials,
        out=out,
        device=device,
        jobs=jobs,
        watch=_silent if quiet or as_json else _say,
    )
    if as_json:
        click.echo(json.dumps(_as_dict(found), indent=1))
    else:
        terminal().print(_table(found), crop=False)
    for each in found.methods:
        _warn(each)
    if found.exposed and not quiet and not as_json:
        click.echo(
            f"note: settings are shared by all folds, and trials have trained or validated on "
            f"test utterances of fold {', '.join(found.exposed)} (docs/tuning.md)",
            err=True,
        )
    if found.suite is not None and not quiet and not as_json:
        click.echo(f"next: merbench run {found.suite}", err=True)
    return 1 if any(each.error is not None for each in found.methods) else 0


def _silent(_: Round) -> None:
    """Say nothing."""


def _say(ended: Round) -> None:
    scores = ", ".join(f"{label} {100 * score:.1f}" for label, score in ended.best.items())
    click.echo(
        f"trial {ended.trial} of {ended.trials}, {ended.seconds:.1f} s; best so far: {scores}",
        err=True,
    )


def _warn(tuned: Tuned) -> None:
    if tuned.error is not None:
        click.echo(f"failed: {tuned.label}, with its own settings: {tuned.error}", err=True)
    best = {} if tuned.best is None else tuned.best.values
    for key in tuned.edges:
        click.echo(
            f"warning: {tuned.label}: the best {key}, {_shown(best[key])}, lies at the edge of its "
            "space; a better one may lie beyond",
            err=True,
        )


def _table(found: Tuning) -> Table:
    from rich.box import SIMPLE_HEAD  # noqa: PLC0415
    from rich.markup import escape  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    drawn = Table(
        caption="Validation scores in %, the best of all trials: an optimistic one.",
        box=SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
    )
    for heading in ("method", "trials", "own", "best", "seconds", "best settings"):
        left = heading in ("method", "best settings")
        drawn.add_column(heading, justify="left" if left else "right")
    for each in found.methods:
        if each.best is None:
            drawn.add_row(escape(each.label), "0", "", "", "", "failed")
            continue
        values = ", ".join(f"{key} {_shown(value)}" for key, value in each.values.items())
        drawn.add_row(
            escape(each.label),
            str(len(each.trials)),
            _percent(each.trials[0].measured.score),
            _percent(each.best.measured.score),
            f"{each.seconds:.1f}",
            escape(values) or "its own",
        )
    return drawn


def _percent(score: float | None) -> str:
    return "" if score is None else f"{100 * score:.1f}"


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _as_dict(found: Tuning) -> dict[str, Any]:
    return {
        "tuning": str(found.root),
        "suite": None if found.suite is None else str(found.suite),
        "trials": found.trials,
        "exposed_folds": list(found.exposed),
        "methods": [
            {
                "method": each.label,
                "trials": len(each.trials),
                "own": each.trials[0].measured.score if each.trials else None,
                "best": None if each.best is None else each.best.measured.score,
                "seconds": each.seconds,
                "epochs": each.epochs,
                "settings": dict(each.values),
                "edges": list(each.edges),
                "error": each.error,
            }
            for each in found.methods
        ],
    }
