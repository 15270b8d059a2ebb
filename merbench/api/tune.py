"""Tuning a suite from Python; `merbench tune` is this with flags."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from merbench.api.engines import default_jobs, device_of
from merbench.corpus.folds import Fold
from merbench.errors import ConfigError
from merbench.execution.build import build_methods
from merbench.execution.local import LocalEngine
from merbench.execution.plan import make_plan
from merbench.store.directory import alone
from merbench.store.folders import is_draft
from merbench.suite.load import load_suite

if TYPE_CHECKING:
    from merbench.tuning.tuner import Round, Tuned

DEFAULT_TRIALS = 20


@dataclass(frozen=True)
class Tuning:
    """What a tuning came to.

    Attributes:
        root: its directory.
        suite: the file with the settings that won; None where no method could be tuned.
        trials: of each method.
        methods: what each came to.
        exposed: folds of the suite whose test part holds utterances that trials have trained or
            validated on.
    """

    root: Path
    suite: Path | None
    trials: int
    methods: tuple[Tuned, ...]
    exposed: tuple[str, ...]


def tune(
    suite: str | Path | Mapping[str, Any],
    *,
    trials: int = DEFAULT_TRIALS,
    corpus: str | Path | None = None,
    out: str | Path | None = None,
    methods: Sequence[str] = (),
    folds: Sequence[str] = (),
    seeds: Sequence[int] = (),
    settings: Sequence[str] = (),
    device: str = "auto",
    jobs: int | None = None,
    watch: Callable[[Round], None] = lambda _: None,
) -> Tuning:
    """Tune the methods of a suite on validation data, the same number of trials for each.

    The same call again goes on where an interrupted one was.

    Args:
        suite: a YAML file, the name of a shipped suite, or the fields of one.
        trials: of each method; the first has the method's own settings.
        corpus: `READER:PATH`, a path or `synthetic`, instead of the suite's own.
        out: directory of the tuning [`runs/<suite name>-tune`].
        methods: labels of the methods to tune, all where empty.
        folds: that trials train and validate on [the suite's first].
        seeds: that trials train with [the suite's first].
        settings: `key.path=value`, any field of the suite.
        device: `auto`, `cpu` or `cuda[:i]`.
        jobs: tasks at once [number of cores].
        watch: is told of every round of trials.

    Raises:
        ConfigError: Optuna is not installed, something is wrong with the suite, a method has
            nothing to tune, or the directory holds something else.
        CorpusError: the corpus cannot be read, or cannot carry what was asked of it.
        StorageError: the disk is full or closed to us.
    """
    _need_optuna()
    # Optuna is slow to import, and is not there for everyone.
    from merbench.tuning.bench import Bench  # noqa: PLC0415
    from merbench.tuning.files import write_trials, write_tuned  # noqa: PLC0415
    from merbench.tuning.knobs import knobs_of  # noqa: PLC0415
    from merbench.tuning.study import open_journal  # noqa: PLC0415
    from merbench.tuning.tuner import Subject, run_trials  # noqa: PLC0415

    if trials < 1:
        raise ConfigError(f"--trials: found {trials}; expected at least 1")
    loaded = load_suite(
        suite, settings, corpus=None if corpus is None else str(corpus), methods=methods
    )
    asked = loaded.suite
    root = Path("runs") / f"{asked.name}-tune" if out is None else Path(out)
    built = build_methods(asked, loaded.source)
    subjects = [
        Subject(entry, knobs_of(entry, each))
        for entry, each in zip(asked.methods, built, strict=True)
    ]
    chosen = device_of("local", None, device)
    seeds = tuple(seeds) or asked.seeds[:1]
    used = replace(loaded, suite=asked.model_copy(update={"seeds": seeds}))
    plan = make_plan(replace(used, folds=tuple(folds)), chosen)
    every = make_plan(used, chosen).folds if folds else plan.folds
    if not folds:
        plan = replace(plan, folds=plan.folds[:1])
    exposed = _exposed(every, plan.folds)
    _refuse_strangers(root)
    with alone(root):
        engine = LocalEngine(jobs or (1 if chosen.startswith("cuda") else default_jobs()))
        bench = Bench(used, plan, engine, root)
        with bench.at_work():
            found = run_trials(bench, open_journal(root), subjects, trials, asked.seed, watch)
        write_trials(root, found)
        path = None
        if any(each.best is not None for each in found):
            path = write_tuned(
                root,
                loaded,
                found,
                trials=trials,
                select_by=bench.select_by,
                folds=[fold.name for fold in plan.folds],
                seeds=seeds,
                untouched=[fold.name for fold in every if fold.name not in exposed],
            )
    return Tuning(root, path, trials, found, exposed)


def _need_optuna() -> None:
    if importlib.util.find_spec("optuna") is None:
        raise ConfigError(
            "tuning needs Optuna, which is not installed; pip install 'merbench[tune]'"
        )


def _exposed(folds: Sequence[Fold], tuned: Sequence[Fold]) -> tuple[str, ...]:
    """Return the folds whose test part shares utterances with what trials train and validate on."""
    seen = np.concatenate([part for fold in tuned for part in (fold.train, fold.valid)])
    return tuple(fold.name for fold in folds if np.isin(fold.test, seen).any())


def _refuse_strangers(root: Path) -> None:
    """Refuse a directory that holds something and is not a tuning's."""
    from merbench.tuning.study import JOURNAL  # noqa: PLC0415

    if not root.is_dir() or (root / JOURNAL).is_file():
        return
    strangers = sorted(
        p.name for p in root.iterdir() if p.name not in (".lock", "work") and not is_draft(p)
    )
    if strangers:
        raise ConfigError(
            f"{root}: not empty and not a tuning (it holds {', '.join(strangers[:3])}); "
            "use another --out"
        )
