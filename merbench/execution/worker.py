"""Worker processes of this machine, and what becomes of tasks when one of them dies."""

from __future__ import annotations

import os
import signal
import threading
import time
import warnings
from collections.abc import Generator, Sequence
from functools import cache
from itertools import takewhile

import joblib
from joblib.externals.loky.process_executor import TerminatedWorkerError

from merbench.execution.engine import NEVER, Deadline
from merbench.execution.protocol import Protocol
from merbench.execution.tasks import Outcome, run_tasks
from merbench.execution.together import Task, units
from merbench.store.store import Store

_DIED = "its worker process died: out of memory (fewer --jobs need less), or a crash in native code"
_POLL = 0.5


def outcomes(
    tasks: Sequence[Task],
    jobs: int,
    protocol: Protocol,
    store: Store,
    deadline: Deadline = NEVER,
) -> Generator[Outcome, None, None]:
    """Do tasks that do not depend on each other, `jobs` at once, and yield outcomes as they come.

    One job works in this process. Several get the protocol sent, so that its corpus should lie in
    files (see `shared`). A worker that dies fails the task it was at, and no other. Tasks that
    train together are one piece of work. None is begun after the deadline.
    """
    pieces = units(tasks, protocol.fleet)
    # A worker that did an earlier run may be in another directory than this process is by now.
    store = Store(store.root.absolute())
    if min(jobs, len(pieces)) < 2:
        yield from _spread(pieces, 1, protocol, store, deadline)
        return
    yield from _survivors(pieces, jobs, protocol, store, deadline)


def _survivors(
    pieces: Sequence[list[Task]], jobs: int, protocol: Protocol, store: Store, deadline: Deadline
) -> Generator[Outcome, None, None]:
    left = {task.folder: task for piece in pieces for task in piece}
    try:
        for outcome in _spread(pieces, min(jobs, len(pieces)), protocol, store, deadline):
            del left[outcome.folder]
            yield outcome
    except TerminatedWorkerError:
        # Which task it was at is not known: one at a time, with a worker of its own, they tell.
        for task in left.values():
            try:
                yield from _spread([[task]], 2, protocol, store, deadline)
            except TerminatedWorkerError:
                yield Outcome(task.folder, 0.0, _DIED)


def _spread(
    pieces: Sequence[list[Task]], jobs: int, protocol: Protocol, store: Store, deadline: Deadline
) -> Generator[Outcome, None, None]:
    # A worker holds one piece and has none in waiting: what waited would begin after the deadline.
    parallel = joblib.Parallel(
        n_jobs=max(1, jobs),
        return_as="generator_unordered",
        batch_size=1,
        pre_dispatch="n_jobs",
    )
    in_time = takewhile(lambda _: not deadline.passed, pieces)
    with warnings.catch_warnings():
        # Workers that have grown are replaced, which costs nothing and concerns no one.
        warnings.filterwarnings("ignore", "A worker stopped while some jobs were given")
        for ended in parallel(
            joblib.delayed(_work)(piece, protocol, store, os.getpid()) for piece in in_time
        ):
            yield from ended


def _work(piece: list[Task], protocol: Protocol, store: Store, parent: int) -> list[Outcome]:
    if os.getpid() != parent:
        _serve(parent)
    return run_tasks(piece, protocol, store)


@cache
def _serve(parent: int) -> None:
    """Make this process end with its parent, and by nothing that is meant for the parent."""
    # Ctrl-C goes to the whole group; the parent answers it, and ends its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def follow() -> None:
        # A parent that is killed cannot tell. Its orphan would go on writing cells for minutes,
        # beside the run that takes over.
        while os.getppid() == parent:
            time.sleep(_POLL)
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
