"""A cluster that is not the run's: a scheduler and workers, each a process of its own."""

import itertools
import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

from distributed import Client

from tests.execution.test_processes import wait_for

SLOW_START = 120.0


class Cluster:
    """Starts and kills processes of a cluster on the loopback interface."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.file = folder, folder / "scheduler.json"
        self.workers: list[subprocess.Popen[bytes]] = []
        self.scheduler = self._start(
            "dask_scheduler", "--host", "127.0.0.1", "--port", 0, "--no-dashboard",
            "--scheduler-file", self.file,
        )  # fmt: skip
        wait_for(self.file.exists, SLOW_START)
        self.address = wait_for(self._written, SLOW_START)

    def _written(self):
        text = self.file.read_text()
        return json.loads(text)["address"] if text.endswith("}") else None

    def _start(self, what: str, *arguments: object, env=None):
        with (self.folder / f"{what}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.{what}", *map(str, arguments)],
                cwd=self.folder,
                env={**os.environ, "OMP_NUM_THREADS": "1", **(env or {})},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def add(self, number: int, *arguments: object, nanny: bool = False, env=None, wait=True):
        """Start workers of one thread each."""
        settings = ["--nthreads", 1, "--no-dashboard", "--nanny" if nanny else "--no-nanny"]
        settings += ["--local-directory", self.folder / "scratch", *arguments]
        for _ in range(number):
            self.workers.append(self._start("dask_worker", self.address, *settings, env=env))
        if wait:
            with self.client() as client:
                client.wait_for_workers(len(self.workers), timeout=SLOW_START)

    @contextmanager
    def client(self):
        """Connect beside the run."""
        client = Client(self.address, set_as_default=False, timeout=SLOW_START)
        try:
            yield client
        finally:
            client.close()

    def leftovers(self):
        """Return tasks, data and files of a run that are still with the cluster."""
        with self.client() as client:
            tasks = client.run_on_scheduler(lambda dask_scheduler: [*dask_scheduler.tasks])
            kept = client.run(lambda dask_worker: [*dask_worker.data, *dask_worker.state.executing])
        files = [str(p) for p in (self.folder / "scratch").rglob("merbench/*")]
        return [*tasks, *itertools.chain(*kept.values()), *files]

    def close(self) -> None:
        """End every process."""
        for process in (*self.workers, self.scheduler):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextmanager
def cluster(folder: Path, workers: int, *arguments: object, **settings):
    """Give a cluster with so many workers."""
    folder.mkdir(parents=True, exist_ok=True)
    started = Cluster(folder)
    try:
        if workers:
            started.add(workers, *arguments, **settings)
        yield started
    finally:
        started.close()
