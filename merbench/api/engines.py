"""What does the tasks of a run: from backend, scheduler and jobs to an engine."""

from __future__ import annotations

import os

import torch

from merbench.api.backends import Backend
from merbench.errors import ConfigError
from merbench.execution.cost import Costs
from merbench.execution.device import choose_device
from merbench.execution.engine import Engine
from merbench.execution.local import LocalEngine


def check_backend(backend: Backend, scheduler: str | None, jobs: int | None) -> None:
    """Refuse what does not go together, before anything is read.

    Raises:
        ConfigError: two flags contradict each other, or Dask is not installed.
    """
    if backend == "local" and scheduler is not None:
        raise ConfigError("--scheduler: only a run with --backend dask has one")
    if scheduler is not None and jobs is not None:
        raise ConfigError(
            "--jobs: with --scheduler the cluster's workers say how many tasks run at once"
        )
    if backend == "dask":
        try:
            import distributed  # noqa: F401, PLC0415
        except ImportError as error:
            raise ConfigError(
                f"--backend dask: needs Dask, which is not installed ({error}); "
                "pip install 'merbench[dask]'"
            ) from error


def make_engine(
    backend: Backend, scheduler: str | None, jobs: int | None, device: str, costs: Costs
) -> Engine:
    """Return the engine that flags ask for.

    Args:
        backend: `local` or `dask`.
        scheduler: address of a cluster that is there, None for one of the run's own.
        jobs: tasks at once, None for the engine's own choice.
        device: that tasks run on.
        costs: of tasks, as far as they were measured.
    """
    cuda = device.startswith("cuda")
    if backend == "local":
        return LocalEngine(jobs or (1 if cuda else default_jobs()))
    # Imported here: a local run needs no Dask.
    from merbench.execution.cluster.engine import DaskEngine  # noqa: PLC0415

    most = torch.cuda.device_count() if cuda else default_jobs()
    workers = min(jobs or most, most) if cuda else jobs or most
    return DaskEngine(workers, scheduler, costs)


def device_of(backend: Backend, scheduler: str | None, wanted: str) -> str:
    """Return the device that tasks run on.

    A worker of a Dask cluster sees one GPU at most, whatever its number; where the cluster is
    elsewhere, this machine's devices say nothing of its.

    Raises:
        ConfigError: no such device, or a number where numbers mean nothing.
    """
    if backend == "dask" and wanted.startswith("cuda:"):
        raise ConfigError(
            f"--device {wanted}: with --backend dask every worker sees one GPU; say cuda, and "
            "choose among this machine's with CUDA_VISIBLE_DEVICES"
        )
    if scheduler is None or wanted not in ("auto", "cuda"):
        return choose_device(wanted)
    return "cuda:0" if wanted == "cuda" else "cpu"


def default_jobs() -> int:
    """Return the number of cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
