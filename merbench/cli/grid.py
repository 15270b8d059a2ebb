"""`merbench grid`: corrupted features for use outside, and predictions made there."""

from __future__ import annotations

import json
from pathlib import Path

import click

from merbench.api.run import Run
from merbench.cli import completing
from merbench.cli.options import Command, SuiteChoice
from merbench.cli.run import print_tables
from merbench.exchange.export import export_grid
from merbench.exchange.importing import import_predictions
from merbench.execution.plan import Plan, make_plan
from merbench.suite.load import load_suite


def plan_options(command: Command) -> Command:
    """Add what changes the suite that is exported, and must be said again on import."""
    for add in reversed(
        (
            click.option("--corpus", help="READER:PATH, PATH, or synthetic."),
            click.option("--folds", metavar="1,2", help="Only these folds."),
            click.option(
                "--set",
                "settings",
                multiple=True,
                metavar="KEY.PATH=VALUE",
                help="Change any field of the suite (repeatable; value in YAML).",
            ),
        )
    ):
        command = add(command)
    return command


@click.group()
def grid() -> None:
    """Take the frozen corrupted features of a suite outside, and score predictions made there.

    \b
    merbench grid export quick --out exported
    merbench grid import mine.csv --suite quick --as mine
    """  # noqa: D301  # click looks for the character, not for two


@grid.command("export")
@click.argument("suite", shell_complete=completing.suites)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to write.")
@plan_options
@click.option("--force", is_flag=True, help="Replace the export that is in the folder.")
def export_command(
    *,
    suite: str,
    out: Path,
    corpus: str | None,
    folds: str | None,
    settings: tuple[str, ...],
    force: bool,
) -> None:
    """Write normalised features of SUITE: training and validation, and test under every noise.

    Each distinct input of a modality is written once; conditions.csv says which of them a
    condition shows. Test labels are left out. All of it opens with numpy alone.

    \b
    merbench grid export quick --out exported
    """  # noqa: D301  # click looks for the character, not for two
    written = export_grid(_plan(suite, corpus, folds, settings), out, replace=force)
    click.echo(
        f"{out}: {written.conditions} conditions from {written.inputs} inputs in "
        f"{written.folds} fold{'s' * (written.folds != 1)}, {written.size / 1e6:.1f} MB",
        err=True,
    )


@grid.command("import")
@click.argument("predictions", type=click.Path(path_type=Path))
@click.option(
    "--suite",
    required=True,
    help="The suite that was exported.",
    shell_complete=completing.suites,
)
@click.option("--as", "label", required=True, metavar="LABEL", help="What tables call the method.")
@click.option(
    "--run", "root", type=click.Path(path_type=Path), help="Run directory [runs/<suite name>]."
)
@plan_options
@click.option("--replace", is_flag=True, help="Replace what this label was before.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
def import_command(
    *,
    predictions: Path,
    suite: str,
    label: str,
    root: Path | None,
    corpus: str | None,
    folds: str | None,
    settings: tuple[str, ...],
    replace: bool,
    as_json: bool,
) -> None:
    """Check PREDICTIONS (CSV or Parquet), score them, and add them to a run as a method.

    Columns: utterance, condition, prediction, and where wanted protocol (which export it was made
    for), fold, seed, and p_<class> for every class. All that is wrong is said, by row, and then
    nothing is written.

    \b
    merbench grid import mine.csv --suite quick --as mine
    """  # noqa: D301  # click looks for the character, not for two
    plan = _plan(suite, corpus, folds, settings)
    target = root or Path("runs") / plan.suite.name
    outcome = import_predictions(plan, predictions, label, target, replace=replace)
    record = outcome.record
    if record.file_protocol is None:
        click.echo(
            f"note: {predictions} does not say which export it was made for (it has no column "
            "'protocol'): taken to be that of the suite and settings given here",
            err=True,
        )
    if as_json:
        found = {
            "run": str(outcome.root),
            "label": record.label,
            "rows": record.rows,
            "protocol": record.file_protocol,
            "folds": [fold.name for fold in plan.folds],
            "seeds": list(record.seeds),
            "tables": outcome.tables,
        }
        click.echo(json.dumps(found, indent=1))
        return
    click.echo(f"{record.rows} predictions as {label!r} in {outcome.root}", err=True)
    if outcome.tables:
        print_tables(Run(outcome.root), partial=True)
    else:
        click.echo("the run has no tables yet: they follow with `merbench run`", err=True)


def _plan(suite: str, corpus: str | None, folds: str | None, settings: tuple[str, ...]) -> Plan:
    choice = SuiteChoice.parse(suite, corpus, None, folds, None, settings)
    loaded = load_suite(choice.suite, choice.settings, corpus=choice.corpus, folds=choice.folds)
    return make_plan(loaded)
