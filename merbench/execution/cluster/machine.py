"""A cluster of this machine alone, which a run starts and ends."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from distributed import Nanny, Scheduler, SpecCluster

GPU = "GPU"
_LOOPBACK = "127.0.0.1"
# Ctrl-C goes to the whole group; the coordinator answers it, and ends its workers.
_DEAF = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"
_VISIBLE = "CUDA_VISIBLE_DEVICES"
_PATIENCE = 2.0
# Of workers at one task: twice is no accident, and then it is tried alone.
_DEATHS = 2


def devices(count: int, environment: Mapping[str, str]) -> tuple[str, ...]:
    """Name the GPUs of this machine as `CUDA_VISIBLE_DEVICES` does.

    Args:
        count: that torch sees here.
        environment: of this process, which may see some of them only.
    """
    named = [name.strip() for name in environment.get(_VISIBLE, "").split(",") if name.strip()]
    return tuple(named[:count]) if named else tuple(map(str, range(count)))


@contextmanager
def own_cluster(workers: int, gpus: Sequence[str] = ()) -> Iterator[SpecCluster]:
    """Start a scheduler in this process and workers beside it, on the loopback interface.

    Args:
        workers: processes of one thread each; with GPUs, at most one for each.
        gpus: one process sees one of them, as `cuda:0`, and offers it as the resource `GPU`.
    """
    options = {
        # What a cell needs it needs; Dask's limits would end workers that the system lets live.
        "memory_limit": 0,
        "nthreads": 1,
        "host": _LOOPBACK,
        "preload": [_DEAF],
        "silence_logs": logging.CRITICAL,
    }
    each: list[dict[str, object]] = [{} for _ in range(workers)]
    if gpus:
        each = [{"env": {_VISIBLE: name}, "resources": {GPU: 1}} for name in gpus[:workers]]
    cluster = SpecCluster(
        scheduler={
            "cls": Scheduler,
            "options": {
                "host": _LOOPBACK,
                "port": 0,
                "dashboard": False,
                "allowed_failures": _DEATHS - 1,
            },
        },
        workers={
            number: {"cls": Nanny, "options": {**options, **some}}
            for number, some in enumerate(each)
        },
        silence_logs=logging.CRITICAL,
        name="merbench",
    )
    try:
        yield cluster
    finally:
        _end(cluster)


def _end(cluster: SpecCluster) -> None:
    """End the workers at once: what they are at is of no use, and may take minutes."""
    for nanny in cluster.workers.values():
        nanny.auto_restart = False
        if nanny.pid:
            with suppress(ProcessLookupError):
                os.kill(nanny.pid, signal.SIGKILL)
    with suppress(TimeoutError, OSError, EOFError):
        cluster.close(timeout=_PATIENCE)
