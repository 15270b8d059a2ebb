"""Where trials are measured: ordinary cells, on a corpus that holds no test utterance."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from merbench.corpus.corpus import Corpus
from merbench.corpus.folds import Fold
from merbench.corpus.selected import selected
from merbench.corruption.grid import all_patterns, build_grid
from merbench.execution.engine import Engine, Work
from merbench.execution.keys import digest
from merbench.execution.plan import CellTask, Plan, lay_out
from merbench.execution.protocol import Protocol
from merbench.execution.sharing import shared
from merbench.store.folders import remove_drafts
from merbench.store.store import Store
from merbench.store.writing import writing
from merbench.suite.entries import MethodEntry
from merbench.suite.load import LoadedSuite
from merbench.training.config import SelectBy
from merbench.training.validate import SCORES
from merbench.tuning.study import Measured

WORK = "work"


@dataclass(frozen=True)
class _Ground:
    """A fold without its test part: the protocol of its corpus, and the fold in it.

    What an ordinary cell tests on is the validation part here, under every missing pattern and
    without noise.
    """

    protocol: Protocol
    fold: Fold


class Bench:
    """Measures methods by their validation score.

    Args:
        loaded: the suite, with the seeds that trials train with.
        plan: of that suite, for the folds that trials train on.
        engine: does the tasks.
        root: of the tuning.
    """

    def __init__(self, loaded: LoadedSuite, plan: Plan, engine: Engine, root: Path) -> None:
        self._loaded, self._engine = loaded, engine
        self._root, self._store = root, Store(root / WORK)
        self._grounds = [_ground(plan.protocol, fold) for fold in plan.folds]

    @property
    def select_by(self) -> SelectBy:
        """The score."""
        return self._loaded.suite.training.select_by or "ua"

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Lay out what trials need for as long as the block lasts.

        Raises:
            StorageError: the disk is full or closed to us.
        """
        with writing(self._root):
            remove_drafts(self._root)
            self._store.root.mkdir(exist_ok=True)
            self._store.clean()
        with ExitStack() as stack:
            if self._engine.width > 1:
                self._grounds = [
                    replace(g, protocol=stack.enter_context(shared(g.protocol, self._root)))
                    for g in self._grounds
                ]
            yield

    def depends_on(self) -> dict[str, Mapping[str, Any]]:
        """Return label -> what its scores depend on, by name, for the suite as it stands."""
        plans = self._plans({})
        common = {
            "corpus": [g.protocol.corpus.fingerprint for g in self._grounds],
            "folds": [g.fold.name for g in self._grounds],
            "seeds": list(self._loaded.suite.seeds),
            "score": self.select_by,
        }
        return {
            label: {
                **common,
                "method, training, noise or code": digest(
                    [cell.key for plan in plans for cell in plan.cells if cell.label == label]
                ),
            }
            for label in plans[0].labels
        }

    def measure(self, entries: Mapping[str, MethodEntry]) -> dict[str, Measured]:
        """Train methods with other settings, and score them.

        A method that cannot be done is told so in what it came to.

        Args:
            entries: label -> the entry to try in the place of the suite's own.

        Raises:
            StorageError: the disk is full or closed to us.
        """
        cells: dict[str, list[CellTask]] = {label: [] for label in entries}
        errors: dict[str, str] = {}
        for plan in self._plans(entries):
            own = [cell for cell in plan.cells if cell.label in entries]
            errors |= self._do(plan, own)
            for cell in own:
                cells[cell.label].append(cell)
        return {label: self._measured(found, errors) for label, found in cells.items()}

    def forget(self) -> None:
        """Remove what trials that were told have trained."""
        shutil.rmtree(self._store.root, ignore_errors=True)

    def _plans(self, entries: Mapping[str, MethodEntry]) -> list[Plan]:
        suite = self._loaded.suite
        # All methods are planned, since an equal budget depends on all.
        methods = tuple(entries.get(entry.label, entry) for entry in suite.methods)
        loaded = replace(self._loaded, suite=suite.model_copy(update={"methods": methods}))
        return [lay_out(loaded, ground.protocol, (ground.fold,)) for ground in self._grounds]

    def _do(self, plan: Plan, cells: list[CellTask]) -> dict[str, str]:
        """Do the cells that are not there, and return folder of a task -> what went wrong."""
        store = self._store
        missing = [c for c in cells if store.cell_record(c.folder, c.key) is None]
        wanted = {key for cell in missing for key in cell.stages}
        stages = [s for s in plan.stages if s.key in wanted and store.stage_record(s.key) is None]
        if not missing:
            return {}
        work = Work(plan.protocol, store, plan.folds, tuple(stages), tuple(missing))
        with closing(self._engine.outcomes(work)) as ended:
            return {o.folder: o.error for o in ended if o.error is not None}

    def _measured(self, cells: list[CellTask], errors: Mapping[str, str]) -> Measured:
        """Return the mean over folds and seeds."""
        for cell in cells:
            for folder in (*cell.stages, cell.folder):
                if folder in errors:
                    return Measured(None, error=errors[folder])
        each = [self._of_cell(cell) for cell in cells]
        return Measured(
            float(np.mean([m.score for m in each])),
            float(np.mean([m.complete for m in each])),
            sum(m.seconds for m in each),
            sum(m.epochs for m in each),
        )

    def _of_cell(self, cell: CellTask) -> Measured:
        record = self._store.cell_record(cell.folder, cell.key)
        if record is None:
            return Measured(None, error="its cell is not there")
        found = self._store.cell_predictions(cell.folder, record)
        labels = torch.from_numpy(found.labels.astype(np.int64))
        predictions = torch.from_numpy(found.predictions.astype(np.int64))
        classes = record["shape"]["classes"]
        *partial, complete = (SCORES[self.select_by](p, labels, classes) for p in predictions)
        # A stage that several trials share counts for each, as if each had trained it.
        shared_seconds = sum(s["seconds"] for s in record["stages"] if s["shared"])
        return Measured(
            sum(partial) / len(partial),
            complete,
            shared_seconds + sum(record["seconds"].values()),
            sum(len(stage["curve"]) for stage in record["stages"]),
        )


def _ground(protocol: Protocol, fold: Fold) -> _Ground:
    kept = np.sort(np.concatenate([fold.train, fold.valid]))
    train, valid = (np.searchsorted(kept, part) for part in (fold.train, fold.valid))
    corpus: Corpus = selected(protocol.corpus, kept)
    grid = build_grid(corpus, all_patterns(corpus.names), ())
    # A method that trains on the suite's noise still does; nothing is scored under it.
    grid = replace(grid, columns=protocol.grid.columns)
    return _Ground(
        replace(protocol, corpus=corpus, grid=grid, reserved=None),
        Fold(fold.name, train, valid, valid),
    )
