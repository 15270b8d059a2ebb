"""Running a suite: what is missing is done, what is there is kept."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from typing import Protocol as Interface

from merbench.errors import ConfigError, MerbenchError, StorageError
from merbench.execution import provenance
from merbench.execution.engine import NEVER, Deadline, Engine, Task, Work
from merbench.execution.identity import identity_of
from merbench.execution.keys import code_of
from merbench.execution.plan import CellTask, Plan, StageTask
from merbench.execution.tasks import Outcome
from merbench.store.directory import LOG, RUN, alone, discard, read_run, refuse_strangers
from merbench.store.folders import find_damage, write_text
from merbench.store.imports import (
    FoundCell,
    describe_imports,
    imported_cells,
    read_imports,
    refuse_taken,
    seeds_by_label,
    usable,
)
from merbench.store.log import logged
from merbench.store.rebuild import rebuild_tables
from merbench.store.store import Store
from merbench.store.writing import writing

_log = logging.getLogger("merbench.run")


class Watcher(Interface):
    """Is told how a run goes."""

    def start(self, tasks: Sequence[Task], kept: int) -> None:
        """Work begins: what is to be done, and how many cells are there already."""

    def done(self, task: Task, outcome: Outcome) -> None:
        """A task ended, well or not."""


class Quiet:
    """A watcher that says nothing."""

    def start(self, tasks: Sequence[Task], kept: int) -> None:
        """Work begins."""

    def done(self, task: Task, outcome: Outcome) -> None:
        """A task ended."""


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
        left: cells that were not begun before the deadline.
        damaged: files that were not as they were written, so that their cell or stage was done
            again.
    """

    root: Path
    done: int
    total: int
    failures: tuple[Failure, ...]
    left: int = 0
    damaged: tuple[str, ...] = ()


def run_plan(
    plan: Plan,
    root: Path,
    engine: Engine,
    watcher: Watcher,
    *,
    fresh: bool = False,
    deadline: Deadline = NEVER,
) -> RunOutcome:
    """Train and evaluate every cell of a plan that is not yet in the run.

    Args:
        plan: what is to be there.
        root: the run directory.
        engine: does the tasks.
        watcher: is told how it goes.
        fresh: discard what is there first.
        deadline: after which no cell is begun.

    Raises:
        ConfigError: another run is at work there, or the directory holds something else.
        StorageError: the disk is full or closed to us.
    """
    refuse_strangers(root)
    with alone(root):
        if fresh:
            discard(root)
        _check_same_corpus(root, plan)
        refuse_taken(read_imports(Store(root)), plan.labels, root)
        return run_alone(plan, root, engine, watcher, deadline)


def run_alone(
    plan: Plan, root: Path, engine: Engine, watcher: Watcher, deadline: Deadline = NEVER
) -> RunOutcome:
    """Do what `run_plan` does, for a caller that keeps other runs out of the directory itself."""
    with logged(root / LOG):
        return _Run(plan, root, engine, watcher, deadline).run()


def _check_same_corpus(root: Path, plan: Plan) -> None:
    before = read_run(root)
    if before is None:
        return
    there, now = before["corpus"]["fingerprint"], plan.protocol.corpus.fingerprint
    if there != now:
        raise ConfigError(
            f"{root}: holds a run on corpus {before['corpus'].get('name')!r} with fingerprint "
            f"{there[:12]}, and {plan.protocol.corpus.name!r} now has {now[:12]}; "
            "use another --out, or --fresh to discard that run"
        )
    # A native corpus says itself what its files came to when they were written.
    found = replace(plan.protocol.corpus).fingerprint
    if found != there:
        raise ConfigError(
            f"{root}: holds a run on corpus {before['corpus'].get('name')!r} with fingerprint "
            f"{there[:12]}, and its files now come to {found[:12]}; `merbench data check` tells "
            "which of them changed"
        )


def _damage_of(root: Path) -> list[str]:
    """Return what an earlier start of a run has found damaged and done again."""
    found = (read_run(root) or {}).get("damaged")
    return [str(text) for text in found] if isinstance(found, list) else []


class _Run:
    """One run: the state that its steps share."""

    def __init__(
        self, plan: Plan, root: Path, engine: Engine, watcher: Watcher, deadline: Deadline
    ) -> None:
        self.plan, self.root, self.engine, self.watcher = plan, root, engine, watcher
        self.deadline = deadline
        self.store = Store(root)
        self.started = provenance.now()
        self.damaged: list[str] = []
        self.damaged_before = _damage_of(root)
        self.broken: dict[str, Outcome] = {}
        self.records: dict[str, dict[str, Any]] = {}
        self.draws_hash = plan.draws_hash()
        self.identity = identity_of(plan, self.draws_hash)
        self.imports = usable(read_imports(self.store), self.identity)
        self.git = provenance.git_revision(Path(__file__).parent)

    def run(self) -> RunOutcome:
        with writing(self.root):
            self.store.clean()
        missing = [c for c in self.plan.cells if self._record(c) is None]
        needed = self._needed(missing)
        self._note_damage(needed, missing)
        self._describe("running", ())
        total = len(self.plan.cells)
        self.watcher.start([*needed, *missing], total - len(missing))
        _log.info(
            "%s on %s: %d stages and %d cells to do, %d cells are there",
            *(self.plan.suite.name, self.plan.protocol.corpus.name),
            *(len(needed), len(missing), total - len(missing)),
        )
        try:
            self._work(needed, missing)
            failures = tuple(self._failures(missing))
            done = sum(self._record(cell) is not None for cell in self.plan.cells)
            left = total - done - len(failures)
            self._write_tables()
        except (KeyboardInterrupt, MerbenchError) as error:
            with suppress(StorageError):  # then the record goes on saying that it runs
                self._describe("interrupted", ())
            _log.warning("interrupted: %s", error or type(error).__name__)
            raise
        status = "failed" if failures else "interrupted" if left else "complete"
        self._describe(status, failures)
        _log.info("%s: %d of %d cells are there", status, done, total)
        return RunOutcome(self.root, done, total, failures, left, tuple(self.damaged))

    def _note_damage(self, stages: Sequence[StageTask], cells: Sequence[CellTask]) -> None:
        """Note which of what is to be done is there already, and damaged."""
        for parent, tasks in ((self.store.stages, stages), (self.store.cells, cells)):
            for task in tasks:
                file = find_damage(parent / task.folder)
                if file is not None:
                    text = f"{parent.name}/{task.folder}/{file} was damaged or missing"
                    self.damaged.append(text)
                    _log.warning("%s; done again", text)

    def _record(self, cell: CellTask) -> dict[str, Any] | None:
        """Return the record of a cell that is there; its files are checked once in a run."""
        if cell.folder not in self.records:
            record = self.store.cell_record(cell.folder, cell.key)
            if record is None:
                return None
            self.records[cell.folder] = record
        return self.records[cell.folder]

    def _needed(self, cells: Sequence[CellTask]) -> list[StageTask]:
        """Return the shared stages that cells lack, teachers first."""
        wanted = {key for cell in cells for key in cell.stages}
        return [
            task
            for task in self.plan.stages
            if task.key in wanted and self.store.stage_record(task.key) is None
        ]

    def _work(self, stages: Sequence[StageTask], cells: Sequence[CellTask]) -> None:
        if not cells:
            return
        tasks: list[Task] = [*stages, *cells]
        by_folder = {task.folder: task for task in tasks}
        work = Work(
            self.plan.protocol,
            self.store,
            self.plan.folds,
            tuple(stages),
            tuple(cells),
            self.deadline,
        )
        # Closed at once where the run is interrupted: closing is what stops the engine.
        with closing(self.engine.outcomes(work)) as ended:
            for outcome in ended:
                if outcome.error is not None:
                    self.broken[outcome.folder] = outcome
                    _log.error("%s: %s", outcome.folder, outcome.details or outcome.error)
                else:
                    _log.info("%s: %.1f s", outcome.folder, outcome.seconds)
                self.watcher.done(by_folder[outcome.folder], outcome)

    def _blocked(self, cell: CellTask) -> Outcome | None:
        """Return why a cell's stages are not there, None where they are."""
        return next((self.broken[key] for key in cell.stages if key in self.broken), None)

    def _failures(self, cells: Sequence[CellTask]) -> Iterator[Failure]:
        for cell in cells:
            outcome = self.broken.get(cell.folder) or self._blocked(cell)
            if outcome is not None:
                name = f"{cell.label}, fold {cell.fold.name}, seed {cell.seed}"
                yield Failure(name, outcome.error or "", outcome.details)

    def _write_tables(self) -> None:
        """Rebuild the tables from the cells that are there."""
        corpus, imports = self.plan.protocol.corpus, self.imports.imports
        header = self.plan.header().with_imports(seeds_by_label(imports))
        own = [
            FoundCell(cell.folder, record)
            for cell in self.plan.cells
            if (record := self._record(cell)) is not None
        ]
        cells = [*own, *imported_cells(self.store, imports, header.cells)]
        rebuild_tables(self.store, header, corpus, cells, self.plan.suite.metrics)

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
            "folds_chosen": list(plan.chosen),
            "methods": list(plan.labels),
            "code": {cell.label: code_of(cell.method) for cell in plan.cells},
            "seeds": list(plan.suite.seeds),
            "noise_seen_in_training": {k: list(v) for k, v in plan.header().seen.items()},
            "draws_hash": self.draws_hash,
            "protocol": self.identity.model_dump(mode="json"),
            "donors_trained_on": {r["fold"]: r["donors_trained_on"] for r in records},
            "values_digest": {_division(r): r["values_digest"] for r in records},
            "versions": provenance.versions(),
            "git": self.git,
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
            "failures": [asdict(failure) for failure in failures],
            "damaged": [*self.damaged_before, *self.damaged],
            "folders": [cell.folder for cell in plan.cells],
            "warnings": self._warnings(records),
            "conditions": {
                "evaluated": len(grid.conditions),
                "duplicates": [f"{a} = {b}" for a, b in grid.duplicates.items()],
                "not_applicable": list(grid.not_applicable),
            },
        }
        description = describe_imports(description, self.imports.imports)
        write_text(self.root / RUN, json.dumps(description, indent=1) + "\n")

    def _warnings(self, records: Sequence[dict[str, Any]]) -> list[str]:
        found = [text for fold in self.plan.folds for text in fold.warnings]
        found += self.imports.left_out
        # Every cell of a fold says the same of its data; folds differ little, so name them.
        notes: dict[str, set[str]] = {}
        digests: dict[str, set[str]] = {}
        for record in records:
            digests.setdefault(_division(record), set()).add(record["values_digest"])
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


def _division(record: dict[str, Any]) -> str:
    """Name what a cell's features depend on: the fold, and how much of its training is withheld."""
    rate: float = record.get("missing_rate", 0.0)
    return f"{record['fold']}, {rate:.0%} of training incomplete" if rate else str(record["fold"])
