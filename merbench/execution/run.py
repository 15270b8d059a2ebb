"""Running a suite: what is missing is done, what is there is kept."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import joblib
import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock, Timeout

from merbench.errors import ConfigError
from merbench.execution import provenance
from merbench.execution.plan import CellTask, Plan, StageTask
from merbench.execution.tasks import Outcome, run_task
from merbench.results.tables import CellPredictions, RunTables, write_tables
from merbench.store.folders import write_text
from merbench.store.store import Store

RUN = "run.json"
CELLS, CURVES = "cells.parquet", "curves.parquet"
Task = StageTask | CellTask


class Watcher(Protocol):
    """Is told how a run goes."""

    def start(self, tasks: Sequence[Task], kept: int) -> None:
        """Work begins: what is to be done, and how many cells are there already."""

    def done(self, task: Task, outcome: Outcome) -> None:
        """A task ended, well or not."""


@dataclass(frozen=True)
class Failure:
    """A cell that could not be done.

    Attributes:
        cell: method, fold and seed.
        error: why.
        details: traceback of an unexpected error.
    """

    cell: str
    error: str
    details: str | None


@dataclass(frozen=True)
class RunOutcome:
    """What a run came to.

    Attributes:
        root: the run directory.
        done: cells that are there now.
        total: cells of the suite.
        failures: cells that are not, with the reason.
    """

    root: Path
    done: int
    total: int
    failures: tuple[Failure, ...]


def run_plan(
    plan: Plan, root: Path, jobs: int, watcher: Watcher, *, fresh: bool = False
) -> RunOutcome:
    """Train and evaluate every cell of a plan that is not yet in the run.

    Args:
        plan: what is to be there.
        root: the run directory.
        jobs: how many tasks run at once.
        watcher: is told how it goes.
        fresh: discard what is there first.

    Raises:
        ConfigError: another run is at work there, or the directory holds something else.
    """
    with _alone(root):
        if fresh:
            _discard(root)
        _check_same_corpus(root, plan)
        return _Run(plan, root, jobs, watcher).run()


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock = FileLock(root / ".lock")
        lock.acquire(timeout=0)
    except Timeout as error:
        raise ConfigError(
            f"{root}: another run is at work in this directory; wait for it or use another --out"
        ) from error
    except OSError as error:
        raise ConfigError(f"{root}: cannot write there ({error.strerror})") from error
    try:
        yield
    finally:
        lock.release()


def _discard(root: Path) -> None:
    """Remove what a run writes, and nothing else."""
    for name in ("cells", "stages", "report"):
        shutil.rmtree(root / name, ignore_errors=True)
    for path in [root / RUN, *root.glob("*.parquet")]:
        path.unlink(missing_ok=True)


def read_run(root: Path) -> dict[str, Any] | None:
    """Return run.json, None where there is none or it cannot be read."""
    try:
        found: dict[str, Any] = json.loads((root / RUN).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return found


def _check_same_corpus(root: Path, plan: Plan) -> None:
    strangers = [p.name for p in root.iterdir() if p.name != ".lock"]
    before = read_run(root)
    if before is None:
        if strangers and not (root / "cells").is_dir():
            raise ConfigError(
                f"{root}: not empty and not a run (it holds {', '.join(sorted(strangers)[:3])}); "
                "use another --out"
            )
        return
    there, now = before["corpus"]["fingerprint"], plan.protocol.corpus.fingerprint
    if there != now:
        raise ConfigError(
            f"{root}: holds a run on corpus {before['corpus']['name']!r} with fingerprint "
            f"{there[:12]}, and {plan.protocol.corpus.name!r} now has {now[:12]}; "
            "use another --out, or --fresh to discard that run"
        )


class _Run:
    """One run: the state that its steps share."""

    def __init__(self, plan: Plan, root: Path, jobs: int, watcher: Watcher) -> None:
        self.plan, self.root, self.jobs, self.watcher = plan, root, jobs, watcher
        self.store = Store(root)
        self.started = provenance.now()
        self.broken: dict[str, Outcome] = {}
        self.draws_hash = plan.draws_hash()

    def run(self) -> RunOutcome:
        self.store.clean()
        missing = [c for c in self.plan.cells if self._record(c) is None]
        needed = self._needed(missing)
        self._describe("running", ())
        self.watcher.start([*needed, *missing], len(self.plan.cells) - len(missing))
        for wave in _waves(needed):
            self._work(wave)
        self._work([cell for cell in missing if self._blocked(cell) is None])
        failures = tuple(self._failures(missing))
        self._write_tables()
        self._describe("failed" if failures else "complete", failures)
        total = len(self.plan.cells)
        return RunOutcome(self.root, total - len(failures), total, failures)

    def _record(self, cell: CellTask) -> dict[str, Any] | None:
        return self.store.cell_record(cell.folder, cell.key)

    def _needed(self, cells: Sequence[CellTask]) -> list[StageTask]:
        """Return the shared stages that cells lack, teachers first."""
        wanted = {key for cell in cells for key in cell.stages}
        stages = {task.key: task for task in self.plan.stages}
        lacking = [
            task
            for task in stages.values()
            if task.key in wanted and self.store.stage_record(task.key) is None
        ]
        # What a lacking stage learns from must be there, too.
        for task in lacking:
            while task.teacher is not None:
                task = stages[task.teacher]
                if task not in lacking and self.store.stage_record(task.key) is None:
                    lacking.append(task)
        return lacking

    def _work(self, tasks: Sequence[Task]) -> None:
        by_key = {task.key: task for task in tasks}
        order = {fold.name: n for n, fold in enumerate(self.plan.folds)}
        # Tasks of a fold follow each other, so that a worker prepares it once.
        queue = sorted(tasks, key=lambda task: order[task.fold.name])
        jobs = max(1, min(self.jobs, len(queue)))
        parallel = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1)
        work = (joblib.delayed(run_task)(t, self.plan.protocol, self.store) for t in queue)
        with warnings.catch_warnings():
            # Workers that have grown are replaced, which costs nothing and concerns no one.
            warnings.filterwarnings("ignore", "A worker stopped while some jobs were given")
            for outcome in parallel(work):
                if outcome.error is not None:
                    self.broken[outcome.key] = outcome
                self.watcher.done(by_key[outcome.key], outcome)

    def _blocked(self, cell: CellTask) -> Outcome | None:
        """Return why a cell's stages are not there, None where they are."""
        return next((self.broken[key] for key in cell.stages if key in self.broken), None)

    def _failures(self, cells: Sequence[CellTask]) -> Iterator[Failure]:
        for cell in cells:
            outcome = self.broken.get(cell.key) or self._blocked(cell)
            if outcome is not None:
                name = f"{cell.label}, fold {cell.fold.name}, seed {cell.seed}"
                yield Failure(name, outcome.error or "", outcome.details)

    def _write_tables(self) -> None:
        """Rebuild the tables from the cells that are there."""
        records = {c.key: r for c in self.plan.cells if (r := self._record(c)) is not None}
        corpus = self.plan.protocol.corpus
        speakers = None if corpus.speakers is None else corpus.speakers.tolist()

        def predictions() -> Iterator[CellPredictions]:
            for cell in self.plan.cells:
                if cell.key in records:
                    yield self.store.cell_predictions(cell.folder, records[cell.key])

        write_tables(self.root, RunTables(self.plan.header(), corpus.utterances, speakers), predictions())
        ordered = [records[c.key] for c in self.plan.cells if c.key in records]
        _write_rows(self.root / CELLS, [_cell_row(record) for record in ordered])
        _write_rows(self.root / CURVES, [row for r in ordered for row in _curve_rows(r)])

    def _describe(self, status: str, failures: Sequence[Failure]) -> None:
        plan, corpus = self.plan, self.plan.protocol.corpus
        grid = plan.protocol.grid
        records = [r for cell in plan.cells if (r := self._record(cell)) is not None]
        description = {
            "suite": plan.suite.resolved(),
            "suite_hash": plan.suite.hash,
            "corpus": {
                "name": corpus.name,
                "fingerprint": corpus.fingerprint,
                "utterances": len(corpus),
                "classes": list(corpus.classes),
                "modalities": [
                    {
                        "name": m.name,
                        "kind": m.kind,
                        "width": m.width,
                        "natively_absent": int(m.absent.sum()),
                    }
                    for m in corpus.modalities
                ],
            },
            "folds": [
                {
                    "name": fold.name,
                    "train": len(fold.train),
                    "valid": len(fold.valid),
                    "test": len(fold.test),
                    "overlap": fold.overlap,
                }
                for fold in plan.folds
            ],
            "methods": list(plan.labels),
            "seeds": list(plan.suite.seeds),
            "noise_seen_in_training": {k: list(v) for k, v in plan.header().seen.items()},
            "draws_hash": self.draws_hash,
            "values_digest": {r["fold"]: r["values_digest"] for r in records},
            "versions": provenance.versions(),
            "git": provenance.git_revision(Path(__file__).parent),
            "host": provenance.host(),
            "device": provenance.device_name(plan.protocol.device),
            "started": self.started,
            "finished": provenance.now(),
            "status": status,
            "cells": {
                "done": len(records),
                "failed": len(failures),
                "total": len(plan.cells),
            },
            "failures": [{"cell": f.cell, "error": f.error} for f in failures],
            "warnings": self._warnings(records),
            "conditions": {
                "evaluated": len(grid.conditions),
                "duplicates": [f"{a} = {b}" for a, b in grid.duplicates.items()],
                "not_applicable": list(grid.not_applicable),
            },
        }
        write_text(self.root / RUN, json.dumps(description, indent=1) + "\n")

    def _warnings(self, records: Sequence[dict[str, Any]]) -> list[str]:
        found = [text for fold in self.plan.folds for text in fold.warnings]
        # Every cell of a fold says the same of its data; folds differ little, so name them.
        notes: dict[str, set[str]] = {}
        digests: dict[str, set[str]] = {}
        for record in records:
            digests.setdefault(record["fold"], set()).add(record["values_digest"])
            for note in record["notes"]:
                notes.setdefault(note, set()).add(record["fold"])
        total = len(self.plan.folds)
        for note, folds in notes.items():
            where = "every fold" if len(folds) == total else f"fold {', '.join(sorted(folds))}"
            found.append(f"{note} ({where})")
        for fold, seen in digests.items():
            if len(seen) > 1:
                found.append(
                    f"fold {fold}: cells met corruption that differs in its last bits "
                    "(they ran on different kinds of machines)"
                )
        return found


def _waves(tasks: Sequence[StageTask]) -> Iterator[list[StageTask]]:
    """Yield tasks in rounds: everything a round needs was in an earlier one."""
    left = list(tasks)
    while left:
        waiting = {task.key for task in left}
        wave = [task for task in left if task.teacher not in waiting]
        yield wave
        left = [task for task in left if task not in wave]


def _cell_row(record: dict[str, Any]) -> dict[str, Any]:
    last = record["stages"][-1] if record["stages"] else None
    shared = sum(s["seconds"] for s in record["stages"] if s["shared"])
    diagnostics = last["diagnostics"] if last else {}
    return {
        "method": record["method"],
        "fold": record["fold"],
        "seed": record["seed"],
        "parameters": record["parameters"],
        "epoch": last["chosen"]["partial"] if last else None,
        "epochs": sum(len(s["curve"]) for s in record["stages"]),
        "shared_seconds": shared,
        "train_seconds": record["seconds"]["train"],
        "evaluate_seconds": record["seconds"]["evaluate"],
        "peak_memory": record["peak_memory"],
        "device": record["device"],
        "diagnostics": json.dumps(diagnostics, sort_keys=True),
        "warnings": "; ".join(record["notes"]),
    }


def _curve_rows(record: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for stage in record["stages"]:
        for epoch in stage["curve"]:
            yield {
                "method": record["method"],
                "fold": record["fold"],
                "seed": record["seed"],
                "stage": stage["stage"],
                "epoch": epoch["epoch"],
                "lr": epoch["lr"],
                "loss": epoch["loss"],
                "terms": json.dumps(epoch["terms"], sort_keys=True),
                "valid_ua_complete": epoch["complete"],
                "valid_ua_partial": epoch["partial"],
                "chosen_complete": stage["chosen"].get("complete") == epoch["epoch"],
                "chosen_partial": stage["chosen"].get("partial") == epoch["epoch"],
                "seconds": epoch["seconds"],
            }


def _write_rows(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    draft = path.with_name(f".{path.name}.part")
    pq.write_table(pa.Table.from_pylist(list(rows)), draft)
    draft.replace(path)
