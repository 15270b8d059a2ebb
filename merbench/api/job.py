"""Running a suite from Python; `merbench run` is this with flags."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from merbench import registry
from merbench.api.backends import Backend
from merbench.api.engines import check_backend, device_of, make_engine
from merbench.api.progress import ProgressWatcher
from merbench.api.run import Run
from merbench.errors import CellError, ConfigError
from merbench.execution.cost import history
from merbench.execution.engine import NEVER, Deadline
from merbench.execution.plan import make_plan
from merbench.execution.run import RunOutcome, run_plan
from merbench.methods.base import Method
from merbench.store.store import Store
from merbench.suite.load import LoadedSuite, load_suite

_MOST_FAILURES = 10  # that an error lists


@dataclass(frozen=True)
class Job:
    """A suite that was read and checked, and how it is to be run.

    Attributes:
        loaded: the suite.
        root: the run directory.
        device: that tasks run on.
        backend: `local` or `dask`.
        scheduler: address of a Dask cluster, None for one of the run's own.
        jobs: tasks at once, None for the engine's own choice.
        deadline: after which no cell is begun.
    """

    loaded: LoadedSuite
    root: Path
    device: str
    backend: Backend
    scheduler: str | None
    jobs: int | None
    deadline: Deadline

    @classmethod
    def of(
        cls,
        suite: str | Path | Mapping[str, Any],
        *,
        corpus: str | Path | None = None,
        out: str | Path | None = None,
        methods: Sequence[str] = (),
        folds: Sequence[str] = (),
        seeds: Sequence[int] = (),
        settings: Sequence[str] = (),
        device: str = "auto",
        jobs: int | None = None,
        backend: Backend = "local",
        scheduler: str | None = None,
        max_hours: float | None = None,
    ) -> Job:
        """Read and check a suite; see `run`. Settings come as `key.path=value` here.

        Raises:
            ConfigError: everything that is wrong with the suite, or settings that contradict.
        """
        deadline = _deadline(max_hours)
        check_backend(backend, scheduler, jobs)
        loaded = load_suite(
            suite,
            settings,
            corpus=None if corpus is None else str(corpus),
            methods=methods,
            folds=folds,
            seeds=seeds,
        )
        chosen = device_of(backend, scheduler, device)
        root = Path("runs") / loaded.suite.name if out is None else Path(out)
        return cls(loaded, root, chosen, backend, scheduler, jobs, deadline)

    def execute(self, console: Console, *, quiet: bool = False, fresh: bool = False) -> RunOutcome:
        """Train and evaluate what is missing.

        Args:
            console: where progress is shown.
            quiet: show nothing but what failed.
            fresh: discard what is in the run directory first.

        Raises:
            MerbenchError: see `run`; a cell that fails is told in the outcome.
        """
        plan = make_plan(self.loaded, self.device)
        costs = history(plan, Store(self.root))
        engine = make_engine(self.backend, self.scheduler, self.jobs, self.device, costs)
        with ProgressWatcher(console, engine, costs, quiet=quiet) as watcher:
            return run_plan(plan, self.root, engine, watcher, fresh=fresh, deadline=self.deadline)


def run(
    suite: str | Path | Mapping[str, Any],
    *,
    corpus: str | Path | None = None,
    out: str | Path | None = None,
    methods: Sequence[str | type[Method]] = (),
    folds: Sequence[str] = (),
    seeds: Sequence[int] = (),
    settings: Mapping[str, Any] | None = None,
    device: str = "auto",
    jobs: int | None = None,
    backend: Backend = "local",
    scheduler: str | None = None,
    max_hours: float | None = None,
    fresh: bool = False,
    progress: bool = True,
) -> Run:
    """Train and evaluate every cell of a suite that is not yet in the run.

    The same call again goes on where an interrupted run was, and does nothing twice.

    Args:
        suite: a YAML file, the name of a shipped suite, or the fields of one.
        corpus: `READER:PATH`, a path or `synthetic`, instead of the suite's own.
        out: the run directory [`runs/<suite name>`].
        methods: labels of the methods to keep, all where empty. One of your own is added: as
            `package.module:Name`, or as the class itself where a module has it.
        folds: names of the folds to keep, all where empty.
        seeds: of training, instead of the suite's own.
        settings: any field of the suite: `{"training.epochs": 2}`.
        device: `auto`, `cpu` or `cuda[:i]`.
        jobs: tasks at once [number of cores].
        backend: `local` or `dask`.
        scheduler: address of a Dask cluster [one of the run's own].
        max_hours: begin no cell after so long; the run is then incomplete (see `Run.complete`).
        fresh: discard what is in the run directory first.
        progress: show a bar on a terminal or in a notebook, lines elsewhere, on stderr.

    Returns:
        The run.

    Raises:
        ConfigError: everything that is wrong with the suite, each with file, line and field.
        CorpusError: the corpus cannot be read, or cannot carry what was asked of it.
        StorageError: the disk is full or closed to us.
        CellError: a cell failed; the others were finished and are kept.

    Example:
        >>> import merbench
        >>> found = merbench.run(
        ...     "quick",
        ...     methods=["logreg"],
        ...     settings={"corpus.utterances": 60, "grid.noise": []},
        ...     jobs=1,
        ...     progress=False,
        ... )
        >>> found
        Run(runs/quick: quick on synthetic, 1 of 1 cells)
        >>> list(found.results.columns[:6])
        ['corpus', 'method', 'fold', 'seed', 'condition', 'pattern']
    """
    job = Job.of(
        suite,
        corpus=corpus,
        out=out,
        methods=[_named(method) for method in methods],
        folds=folds,
        seeds=seeds,
        # JSON is YAML.
        settings=[f"{key}={json.dumps(value)}" for key, value in (settings or {}).items()],
        device=device,
        jobs=jobs,
        backend=backend,
        scheduler=scheduler,
        max_hours=max_hours,
    )
    outcome = job.execute(Console(stderr=True, soft_wrap=True), quiet=not progress, fresh=fresh)
    if outcome.failures:
        told = "\n".join(f"{f.cell}: {f.error}" for f in outcome.failures[:_MOST_FAILURES])
        raise CellError(
            f"{len(outcome.failures)} of {outcome.total} cells failed; the others are kept in "
            f"{outcome.root}, and the same call tries these again\n{told}"
        )
    return Run(outcome.root)


def _named(method: str | type[Method]) -> str:
    """Return a method as a suite has it.

    Raises:
        ConfigError: a class that other processes could not import.
    """
    if isinstance(method, str):
        return method
    if method.__module__ == "__main__" or "<" in method.__qualname__:
        raise ConfigError(
            f"method {method.__qualname__}: other processes cannot import what is defined in a "
            "notebook, in a function or in the program itself; expected a class in a module "
            "(write it into a file, and import it from there)"
        )
    return registry.path_of(method)


def _deadline(hours: float | None) -> Deadline:
    if hours is None:
        return NEVER
    if not hours > 0:  # nan, too
        raise ConfigError(f"--max-hours: found {hours:g}; expected a number above 0")
    return Deadline.after(hours)
