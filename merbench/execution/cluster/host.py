"""The worker's side: what a run left with this process, and the tasks it is given."""

from __future__ import annotations

import ctypes
import pickle
import shutil
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from distributed import Worker, get_worker

from merbench.errors import ConfigError
from merbench.execution.cluster.parcel import Parcel, Piece, corpus_in
from merbench.execution.engine import Task
from merbench.execution.plan import CellTask
from merbench.execution.prepare import forget_prepared
from merbench.execution.protocol import Protocol
from merbench.execution.tasks import Outcome, run_tasks
from merbench.execution.together import _resident
from merbench.store.packed import PackedFolder, pack, unpack
from merbench.store.store import Store

_PATIENCE, _LOOK = 60.0, 0.05


@dataclass(frozen=True)
class Ended:
    """What came of one task.

    Attributes:
        outcome: as everywhere.
        made: the cell or stage, None where the task failed.
    """

    outcome: Outcome
    made: PackedFolder | None


@dataclass(frozen=True)
class Unready:
    """The answer of a worker that was never told of the run, though it waited, or is to do no more.

    Attributes:
        address: of the worker.
    """

    address: str


class _StoppedError(BaseException):
    """Raised inside a task whose run has ended."""


@dataclass
class _Run:
    """A run that this process works for.

    Attributes:
        protocol: with its corpus.
        store: in the worker's scratch, for what a task writes before it is sent.
        thread: that a task runs in, None between tasks.
        closed: whether no task is to begin any more.
    """

    protocol: Protocol
    store: Store
    thread: int | None = None
    closed: bool = False


@dataclass
class _Host:
    """This process.

    Attributes:
        runs: by token.
        change: held while a run comes, goes, or changes its thread.
        busy: held by the task that runs: torch's random state and threads are the process's, so
            two tasks cannot share it, whatever number of threads the worker has.
    """

    runs: dict[str, _Run] = field(default_factory=dict)
    change: threading.Lock = field(default_factory=threading.Lock)
    busy: threading.Lock = field(default_factory=threading.Lock)


_host = _Host()


def take_in(sent: Parcel, dask_worker: Worker) -> bool:
    """Get to know a run; True where its corpus is at hand.

    It is where it was sent before, or where the coordinator has it and this worker can read the
    same path; in either case only if its fingerprint is right.
    """
    if sent.token in _host.runs:
        return True
    own = _scratch(dask_worker) / sent.token
    try:
        own.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{own}: cannot write there ({error.strerror})") from error
    received = _received(sent.fingerprint, dask_worker)
    there = tuple(received / f"{number}.npy" for number in range(len(sent.files)))
    for files in (there, sent.files):
        corpus = corpus_in(files, sent, own)
        if corpus is not None:
            _host.runs[sent.token] = _Run(replace(sent.outline, corpus=corpus), Store(own))
            return True
    return False


def receive(fingerprint: str, piece: Piece, dask_worker: Worker) -> None:
    """Write a piece of the corpus to the worker's scratch."""
    folder = _received(fingerprint, dask_worker)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{piece.modality}.npy"
    with path.open("r+b" if piece.start else "wb") as file:
        file.seek(piece.start)
        file.write(piece.content)


def close(token: str) -> None:
    """Begin no further task of a run; the one under way is finished."""
    if token in _host.runs:
        _host.runs[token].closed = True


def leave(sent: Parcel, dask_worker: Worker) -> None:
    """Forget a run: the task it is at is stopped, what was sent is removed."""
    with _host.change:
        run = _host.runs.pop(sent.token, None)
        if run is not None and run.thread is not None:
            # A task would otherwise go on for minutes, for no one. It ends at its next Python step.
            thread, error = ctypes.c_ulong(run.thread), ctypes.py_object(_StoppedError)
            ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, error)
    if run is None or run.thread is None:
        _forget()
    shutil.rmtree(_scratch(dask_worker) / sent.token, ignore_errors=True)
    shutil.rmtree(_received(sent.fingerprint, dask_worker), ignore_errors=True)


def carry(stage: PackedFolder) -> PackedFolder:
    """Be the future of a stage that is stored: what trains from it depends on this."""
    return stage


def work(token: str, sealed: bytes, *stages: PackedFolder) -> list[Ended] | Unready:
    """Do tasks that train together.

    Args:
        token: of the run.
        sealed: tasks, pickled; one, or a fleet's.
        stages: what they need.
    """
    with _host.busy:
        run = _told_of(token)
        if run is None or run.closed:
            return Unready(get_worker().address)
        try:
            with _stoppable(token, run):
                return _ended(run, pickle.loads(sealed), stages)
        except _StoppedError:
            return []
        finally:
            # What stays is the cell that is on its way; a worker's disk does not fill.
            for folder in (run.store.cells, run.store.stages):
                shutil.rmtree(folder, ignore_errors=True)
            if token not in _host.runs:
                _forget()
                shutil.rmtree(run.store.root, ignore_errors=True)


def _told_of(token: str) -> _Run | None:
    """Return a run, once the coordinator has met this worker, which came late or was replaced.

    The task waits here and is not handed back: Dask counts the deaths of workers by task, and a
    task that kills its workers is always met by new ones.
    """
    end = time.monotonic() + _PATIENCE
    while token not in _host.runs and time.monotonic() < end:
        time.sleep(_LOOK)
    return _host.runs.get(token)


@contextmanager
def _stoppable(token: str, run: _Run) -> Iterator[None]:
    with _host.change:
        if token not in _host.runs:
            raise _StoppedError
        run.thread = threading.get_ident()
    try:
        yield
    finally:
        with _host.change:
            run.thread = None


def _ended(run: _Run, tasks: Sequence[Task], stages: Sequence[PackedFolder]) -> list[Ended]:
    try:
        for stage in stages:
            unpack(stage, run.store.stages)
        outcomes = run_tasks(tasks, run.protocol, run.store)
        return [
            Ended(outcome, None if outcome.error is not None else _made(task, run.store))
            for task, outcome in zip(tasks, outcomes, strict=True)
        ]
    except Exception as error:
        details = "".join(traceback.format_exception(error))
        text = f"{type(error).__name__}: {error}"
        return [Ended(Outcome(task.folder, 0.0, text, details), None) for task in tasks]


def _forget() -> None:
    """Let go of what tasks left in this process, on its device too."""
    forget_prepared()
    # Stages that fleets keep are those of one run: to begin another, of nothing, forgets them.
    _resident.keep(Store(Path()), "", {})


def _made(task: Task, store: Store) -> PackedFolder:
    parent = store.cells if isinstance(task, CellTask) else store.stages
    return pack(parent / task.folder, task.key)


def _scratch(worker: Worker) -> Path:
    return Path(worker.local_directory) / "merbench"


def _received(fingerprint: str, worker: Worker) -> Path:
    return _scratch(worker) / f"corpus-{fingerprint[:16]}"
