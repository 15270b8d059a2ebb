"""Trained cells of a run, ready to be applied to other data."""

from __future__ import annotations

import copy
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from merbench.corpus.normalise import ModalityNormaliser, Normaliser
from merbench.errors import ConfigError, IncompleteError, did_you_mean
from merbench.execution.build import build_methods
from merbench.features.part import CorpusShape, ModalityShape
from merbench.methods.base import BlackBox, EncodeFuse, FitContext, Method, NetworkMethod
from merbench.store.directory import RUN, read_run
from merbench.store.folders import read_record
from merbench.store.store import Store
from merbench.suite.load import validate
from merbench.suite.schema import Suite
from merbench.suite.source import Source
from merbench.training.loop import restore


@dataclass(frozen=True)
class TrainedRun:
    """A run whose cells can be restored.

    Attributes:
        root: its directory.
        suite: as it was resolved.
        description: run.json.
    """

    root: Path
    suite: Suite
    description: Mapping[str, Any]

    @classmethod
    def open(cls, root: Path, trusted: Collection[str] = ()) -> TrainedRun:
        """Read a run's description.

        Args:
            root: the run directory.
            trusted: import paths that the caller names: a run's record alone has nothing imported.

        Raises:
            IncompleteError: there is no run.
            ConfigError: its suite is not understood by this version, or needs what is not trusted.
        """
        description = read_run(root)
        if description is None:
            raise IncompleteError(f"{root}: not a run (it has no sound {RUN})")
        unnamed = sorted({*_import_paths(description["suite"])} - {*trusted})
        if unnamed:
            raise ConfigError(
                f"{root / RUN}: its suite names code by import path ({', '.join(unnamed)}), which "
                f"a file cannot have imported; --import {unnamed[0]} says that it may be"
            )
        source = Source.parse(json.dumps(description["suite"]), str(root / RUN))
        return cls(root, validate(source), description)

    @property
    def classes(self) -> tuple[str, ...]:
        """What its methods tell apart."""
        return tuple(self.description["corpus"]["classes"])

    @property
    def raw_widths(self) -> dict[str, int]:
        """Modality -> feature columns before normalisation."""
        return {m["name"]: m["width"] for m in self.description["corpus"]["modalities"]}


def _import_paths(suite: Any) -> Iterator[str]:
    """Yield a suite's import paths: names with a colon of methods, noises, readers and metrics."""
    if isinstance(suite, list):
        for item in suite:
            yield from _import_paths(item)
    elif isinstance(suite, dict):
        for key, value in suite.items():
            if key in ("name", "type", "reader") and isinstance(value, str) and ":" in value:
                yield value
            elif key == "metrics" and isinstance(value, list):
                yield from (name for name in value if isinstance(name, str) and ":" in name)
            yield from _import_paths(value)


@dataclass(frozen=True)
class TrainedCell:
    """A method as one fold and seed trained it.

    Attributes:
        fold: name.
        seed: seed.
        method: how it takes absent input.
        predictor: the trained network or black box.
        normaliser: with the statistics of the fold's training part.
        shape: modalities and classes.
    """

    fold: str
    seed: int
    method: Method
    predictor: EncodeFuse | BlackBox
    normaliser: Normaliser
    shape: CorpusShape


@dataclass(frozen=True)
class Choice:
    """Which cells of a run are wanted: of a method, and of all folds and seeds where not said."""

    method: str
    fold: str | None = None
    seed: int | None = None


def load_cells(run: TrainedRun, choice: Choice, device: str) -> tuple[TrainedCell, ...]:
    """Restore trained cells.

    Raises:
        ConfigError: no such method, fold or seed; or an imported method, which has no weights.
        IncompleteError: the cells are not there, or lack what other data need.
    """
    _check(run, choice)
    configured = {each.label: each for each in build_methods(run.suite)}
    found, store = [], Store(run.root)
    missing = 0
    for folder in run.description["folders"]:
        record = read_record(store.cells / folder)
        if record is None:
            # Its name begins with its label, but labels may begin alike: count it only so.
            missing += folder.startswith(choice.method)
            continue
        if record["method"] == choice.method and _wanted(record, choice):
            one = configured[choice.method]
            found.append(_restore(store, folder, record, one.method, one.training, device))
    if not found:
        raise IncompleteError(
            f"{run.root}: no trained cell of {choice.method!r}"
            + (f" ({missing} missing or damaged)" if missing else "")
            + "; `merbench run` with the same --out trains what is missing"
        )
    return tuple(found)


def _check(run: TrainedRun, choice: Choice) -> None:
    imported = [each["label"] for each in run.description.get("imports", [])]
    own = [label for label in run.description["methods"] if label not in imported]
    if choice.method in imported:
        raise ConfigError(
            f"--method {choice.method}: its predictions were imported, so there is nothing "
            f"trained to apply; {did_you_mean('', own)}"
        )
    if choice.method not in own:
        raise ConfigError(
            f"--method: {run.root} has no method {choice.method!r}; "
            f"{did_you_mean(choice.method, own)}"
        )
    folds = [fold["name"] for fold in run.description["folds"]]
    if choice.fold is not None and choice.fold not in folds:
        raise ConfigError(f"--fold: no fold {choice.fold!r}; {did_you_mean(choice.fold, folds)}")
    seeds = [str(seed) for seed in run.description["seeds"]]
    if choice.seed is not None and str(choice.seed) not in seeds:
        raise ConfigError(f"--seed: no seed {choice.seed}; valid: {', '.join(seeds)}")


def _wanted(record: Mapping[str, Any], choice: Choice) -> bool:
    return choice.fold in (None, record["fold"]) and choice.seed in (None, record["seed"])


def _restore(
    store: Store,
    folder: str,
    record: Mapping[str, Any],
    method: Method,
    training: Sequence[Any],
    device: str,
) -> TrainedCell:
    statistics = store.cell_normaliser(folder)
    if statistics is None or "shape" not in record:
        raise IncompleteError(
            f"{store.cells / folder}: written by an earlier version, without the statistics that "
            "other data are normalised by; `merbench run --fresh` trains it anew"
        )
    shape = CorpusShape(
        tuple(ModalityShape(**modality) for modality in record["shape"]["modalities"]),
        record["shape"]["classes"],
    )
    weights = store.cell_weights(folder)
    predictor: EncodeFuse | BlackBox
    if isinstance(method, NetworkMethod):
        tensors = {name: torch.from_numpy(array) for name, array in weights.items()}
        stage = method.stages(training)[-1]
        predictor = restore(stage, shape, tensors, torch.device(device))
    elif isinstance(method, BlackBox):
        # Cells of a method share its object until then.
        method = predictor = copy.deepcopy(method)
        predictor.restore(weights, FitContext(shape, 0))
    else:
        raise TypeError(f"{method!r} is neither a network nor a black box")
    return TrainedCell(
        record["fold"],
        record["seed"],
        method,
        predictor,
        _normaliser(statistics, shape.names),
        shape,
    )


def _normaliser(statistics: Mapping[str, NDArray[Any]], names: Sequence[str]) -> Normaliser:
    return Normaliser(
        tuple(
            ModalityNormaliser(
                keep=statistics[f"{name}/keep"].astype(np.int64),
                mean=statistics[f"{name}/mean"],
                sd=statistics[f"{name}/sd"],
                mostly_nan=(),
                constant=(),
                filled=0,
            )
            for name in names
        )
    )
