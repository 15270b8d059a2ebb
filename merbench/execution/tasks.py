"""What a worker does: train a shared stage, or train and evaluate a cell, and store it."""

from __future__ import annotations

import copy
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from merbench import seeds
from merbench.corpus.normalise import Normaliser
from merbench.errors import MerbenchError, StorageError
from merbench.evaluation.evaluator import GridEvaluator
from merbench.evaluation.fuse import fused_rows
from merbench.evaluation.memory import evaluate_as_fits, ran_out
from merbench.evaluation.predictions import Block
from merbench.execution.device import products
from merbench.execution.memory import give_back, peak_memory
from merbench.execution.plan import CellTask, StageTask
from merbench.execution.prepare import PreparedFold, forget_noise, forget_training, prepare
from merbench.execution.protocol import Protocol
from merbench.execution.together import Task, stage_record, stage_weights, train_together
from merbench.methods.base import (
    BlackBox,
    EncodeFuse,
    FitContext,
    Stage,
    trainable_parameters,
)
from merbench.store.cell import CellOutline
from merbench.store.store import Store
from merbench.training.course import TrainedStage
from merbench.training.loop import restore


@dataclass(frozen=True)
class Outcome:
    """What became of a task.

    Attributes:
        folder: of the task, which tells it from every other.
        seconds: it took.
        error: what went wrong, None where nothing did.
        details: the traceback of an unexpected error.
    """

    folder: str
    seconds: float
    error: str | None = None
    details: str | None = None


def run_tasks(tasks: Sequence[Task], protocol: Protocol, store: Store) -> list[Outcome]:
    """Do tasks that train together (see `together.units`), often one.

    An error becomes part of its task's outcome, so that other tasks go on.

    Raises:
        StorageError: what they make cannot be written.
    """
    with cpu_threads(protocol.threads), products(protocol.device):
        if protocol.device.startswith("cuda"):
            torch.cuda.init()  # a worker has not touched the device yet
            torch.cuda.reset_peak_memory_stats(protocol.device)
        started = time.perf_counter()
        with products(protocol.device, tf32=protocol.tf32):
            trained = train_together(tasks, protocol, store)
        forget_training()
        give_back()
        share = (time.perf_counter() - started) / len(tasks)
        return [_end(task, trained.get(task.folder), share, protocol, store) for task in tasks]


def run_task(task: Task, protocol: Protocol, store: Store) -> Outcome:
    """Do one task."""
    (outcome,) = run_tasks([task], protocol, store)
    return outcome


def _end(
    task: Task,
    trained: TrainedStage | Exception | None,
    seconds: float,
    protocol: Protocol,
    store: Store,
) -> Outcome:
    """Store what a task has trained; evaluate it first where it is a cell's."""
    started = time.perf_counter()
    error, details = None, None
    try:
        _store(task, trained, seconds, protocol, store)
    except StorageError:
        raise  # no other task would fare better
    except MerbenchError as known:
        error = str(known)
    except Exception as unexpected:
        error = f"{type(unexpected).__name__}: {unexpected}"
        if ran_out(unexpected):
            error = f"it does not fit into memory: {unexpected or 'MemoryError'}"
        details = "".join(traceback.format_exception(unexpected))
    return Outcome(task.folder, seconds + time.perf_counter() - started, error, details)


@contextmanager
def cpu_threads(number: int) -> Iterator[None]:
    """Let torch and BLAS use so many threads, wherever this runs: sums depend on it."""
    before = torch.get_num_threads()
    with threadpool_limits(number):
        torch.set_num_threads(number)
        try:
            yield
        finally:
            torch.set_num_threads(before)


def _store(
    task: Task,
    trained: TrainedStage | Exception | None,
    seconds: float,
    protocol: Protocol,
    store: Store,
) -> None:
    if isinstance(trained, Exception):
        raise trained
    if isinstance(task, CellTask):
        _run_cell(task, trained, seconds, protocol, store)
    elif trained is not None:
        _store_stage(task, trained, seconds, store)


def _store_stage(task: StageTask, trained: TrainedStage, seconds: float, store: Store) -> None:
    store.write_stage(
        task.key,
        {**_training_record(task.stage, trained), "seconds": seconds},
        {
            f"{criterion}/{name}": value.cpu().numpy()
            for criterion, weights in trained.weights.items()
            for name, value in weights.items()
        },
    )


def _training_record(stage: Stage, trained: TrainedStage) -> dict[str, Any]:
    return {
        "stage": stage.name,
        "recipe": stage.recipe(),
        "chosen": trained.chosen,
        "curve": [asdict(epoch) for epoch in trained.curve],
        "parameters": trained.parameters,
        "members": trained.members,
        "diagnostics": trained.diagnostics,
    }


@dataclass(frozen=True)
class _Learnt:
    """A cell's trained predictor and what is to be recorded of it."""

    predictor: EncodeFuse | BlackBox
    weights: dict[str, NDArray[Any]]
    parameters: int
    stages: list[dict[str, Any]]


def _run_cell(
    task: CellTask,
    trained: TrainedStage | None,
    seconds: float,
    protocol: Protocol,
    store: Store,
) -> None:
    started = time.perf_counter()
    # Cells share their method's object. In a worker it is a copy by itself; here, too, what one
    # cell learns must not reach the next.
    task = replace(task, method=copy.deepcopy(task.method))
    fold = prepare(protocol, task.division)
    evaluator = fold.evaluator
    with seeds.torch_scope(torch.device(protocol.device), "cell", task.fold.name, task.seed):
        learnt = (
            fit_black_box(task, fold)
            if isinstance(task.method, BlackBox)
            else _of_network(task, trained, fold, protocol, store)
        )
        fitted = time.perf_counter()
        with store.new_cell(task.folder, task.key, _outline(task, evaluator)) as cell:

            def keep(block: Block) -> None:
                cell.add(block.conditions, block.predictions, block.probabilities)

            key = (task.fold.name, task.seed)
            share = evaluate_as_fits(
                evaluator,
                task.method,
                learnt.predictor,
                key,
                keep,
                lambda: forget_noise(but=evaluator),
            )
            evaluated = time.perf_counter()
            spent = {"train": seconds + fitted - started, "evaluate": evaluated - fitted}
            cell.finish(
                _record(task, fold, learnt, protocol, spent, share),
                learnt.weights,
                _arrays(evaluator.corruptor.normaliser, fold.shape.names),
            )
    if protocol.fleet == 1:
        # The next cell of this fold trains first, and then draws it again in a moment.
        evaluator.forget()


def _record(
    task: CellTask,
    fold: PreparedFold,
    learnt: _Learnt,
    protocol: Protocol,
    seconds: Mapping[str, float],
    share: int,
) -> dict[str, Any]:
    notes = list(fold.notes)
    if share > 1:
        notes.append(
            f"{task.label}, seed {task.seed}: memory did not suffice, evaluated with 1/{share} of "
            "the batch"
        )
    return {
        "name": task.method.__class__.__name__,
        "parameters": learnt.parameters,
        "stages": learnt.stages,
        "seconds": seconds,
        "peak_memory": peak_memory(protocol.device),
        "device": protocol.device,
        "threads": protocol.threads,
        "form": protocol.form,
        "fused_rows": fused_rows(learnt.predictor),
        "batch_share": share,
        "notes": notes,
        "donors_trained_on": fold.evaluator.donors_from(task.fold.train),
        "missing_rate": task.division.missing_rate,
        "values_digest": fold.evaluator.values_digest,
        "shape": asdict(fold.shape),
    }


def _outline(task: CellTask, evaluator: GridEvaluator) -> CellOutline:
    test = evaluator.part
    return CellOutline(
        method=task.label,
        fold=task.fold.name,
        seed=task.seed,
        utterances=test.positions.astype(np.int32),
        labels=test.labels.cpu().numpy().astype(np.int16),
        conditions=len(evaluator.grid.conditions),
        classes=evaluator.shape.classes,
    )


def _arrays(normaliser: Normaliser, names: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Return what features were normalised by: other data will have to be, too."""
    return {
        f"{name}/{key}": getattr(modality, key)
        for name, modality in zip(names, normaliser.modalities, strict=True)
        for key in ("keep", "mean", "sd")
    }


def fit_black_box(task: CellTask, fold: PreparedFold) -> _Learnt:
    """Let a black box learn its fold."""
    method = task.method
    if not isinstance(method, BlackBox):
        raise TypeError(f"{method!r} is not a black box")
    seed = seeds.torch_seed("black box", task.fold.name, task.seed) % 2**31
    method.fit(fold.train.loaded(), fold.valid, FitContext(fold.shape, seed, task.class_weights))
    arrays = method.arrays()
    return _Learnt(method, arrays, sum(a.size for a in arrays.values()), [])


def _of_network(
    task: CellTask,
    trained: TrainedStage | None,
    fold: PreparedFold,
    protocol: Protocol,
    store: Store,
) -> _Learnt:
    stage = task.last
    if stage is None:
        raise TypeError(f"{task.method!r} has no stage")
    shared = task.stages if trained is None else task.stages[:-1]
    records = [{**stage_record(store, key), "shared": True} for key in shared]
    if trained is None:
        weights = stage_weights(store, task.stages[-1], "partial")
    else:
        weights = trained.weights["partial"]
        records.append({**_training_record(stage, trained), "shared": False})
    network = restore(stage, fold.shape, weights, torch.device(protocol.device))
    return _Learnt(
        network,
        {name: value.cpu().numpy() for name, value in weights.items()},
        trainable_parameters(network),
        records,
    )
