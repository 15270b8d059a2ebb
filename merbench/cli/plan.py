"""`merbench plan`: what a run would do, and how long that would take."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from merbench.api.engines import default_jobs
from merbench.api.progress import duration
from merbench.cli.options import SuiteChoice, suite_options
from merbench.execution.cost import Costs, history
from merbench.execution.device import choose_device
from merbench.execution.plan import CellTask, Plan, make_plan
from merbench.execution.probe import probe
from merbench.store.store import Store
from merbench.suite.load import load_suite


@dataclass(frozen=True)
class MethodCost:
    """One method's row.

    Attributes:
        method: label.
        cells: of the suite.
        done: that are there already.
        seconds: for those that are not, one after the other, shared stages aside.
    """

    method: str
    cells: int
    done: int
    seconds: float


@click.command()
@suite_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def plan_command(
    choice: SuiteChoice,
    out: Path | None,
    device: str,
    jobs: int | None,
    as_json: bool,
) -> None:
    """Show the cells of SUITE, which are done, and the time and memory the others would take.

    Times come from the run's own history, or from a probe of a few training steps; training that
    stops early takes less. Nothing is run or written.

    \b
    merbench plan full_grid
    merbench plan iemocap --corpus mmin:path/to/iemocap --jobs 8
    """  # noqa: D301  # click looks for the character, not for two
    loaded = load_suite(choice.suite, **choice.changes)
    plan = make_plan(loaded, choose_device(device))
    store = Store(out or Path("runs") / loaded.suite.name)
    costs = history(plan, store)
    memory = probe(plan, costs)
    workers = jobs or default_jobs()
    rows = tuple(_row(plan, store, costs, label) for label in plan.labels)
    wanted = {key for cell in plan.cells if not _done(store, cell) for key in cell.stages}
    stages = [
        task for task in plan.stages if task.key in wanted and store.stage_record(task.key) is None
    ]
    shared = costs.total(stages)
    total = (shared + sum(row.seconds for row in rows)) / workers
    if as_json:
        found = {
            "cells": [asdict(row) for row in rows],
            "shared_stages": {"to_do": len(stages), "seconds": shared},
            "conditions": len(plan.conditions),
            "jobs": workers,
            "seconds": total,
            "memory": memory * workers,
        }
        click.echo(json.dumps(found, indent=1))
        return
    _show(plan, rows, len(stages), shared, Console(emoji=False))
    click.echo(
        f"about {duration(total)} with {workers} jobs, {memory * workers / 2**30:.1f} GiB; "
        f"{len(plan.conditions)} conditions"
    )


def _done(store: Store, cell: CellTask) -> bool:
    return store.cell_record(cell.folder, cell.key) is not None


def _row(plan: Plan, store: Store, costs: Costs, label: str) -> MethodCost:
    cells = [cell for cell in plan.cells if cell.label == label]
    left = [cell for cell in cells if not _done(store, cell)]
    return MethodCost(label, len(cells), len(cells) - len(left), costs.total(left))


def _show(
    plan: Plan, rows: tuple[MethodCost, ...], stages: int, shared: float, console: Console
) -> None:
    table = Table(title=f"{plan.suite.name} on {plan.protocol.corpus.name}")
    for heading in ("method", "cells", "done", "time left"):
        table.add_column(heading, justify="left" if heading == "method" else "right")
    if stages:
        table.add_row("shared stages", str(stages), "0", duration(shared))
    for row in rows:
        table.add_row(row.method, str(row.cells), str(row.done), duration(row.seconds))
    console.print(table)
