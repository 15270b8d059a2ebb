"""The plan: every cell of a suite with its content key, and the stages that cells share."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from merbench import registry
from merbench.code_version import class_digest, harness_digest
from merbench.corpus.corpus import Corpus
from merbench.corpus.folds import Fold, make_folds
from merbench.corpus.load import read
from merbench.corruption.corruptor import draws_hash
from merbench.corruption.donors import reserved_donors
from merbench.corruption.grid import Grid, NoiseColumn, build_grid
from merbench.corruption.noises.base import Point, ScheduledNoise
from merbench.errors import ConfigError, did_you_mean
from merbench.methods.base import Method, NetworkMethod, Selection, Stage
from merbench.results.conditions import ConditionKey
from merbench.results.header import TableHeader
from merbench.suite.entries import NoiseEntry
from merbench.suite.load import LoadedSuite
from merbench.suite.schema import Suite, check_corpus
from merbench.training.config import StageTraining
from merbench.training.resolve import equalise, resolve_training

# Raised when keys change meaning, so that an old run is never half understood.
KEY_VERSION = 1


@dataclass(frozen=True)
class Protocol:
    """What every task of a run shares.

    Attributes:
        corpus: all utterances.
        grid: the conditions.
        seed: of the frozen draws.
        reserved: held-out donors, None where any utterance may donate.
        train_missing_rate: share of incomplete training utterances.
        threads: of the CPU, for each task.
        evaluation_batch: rows fused at once.
        device: where tensors live, such as `cpu` or `cuda:0`.
    """

    corpus: Corpus
    grid: Grid
    seed: int
    reserved: NDArray[np.int64] | None
    train_missing_rate: float
    threads: int
    evaluation_batch: int
    device: str

    @cached_property
    def token(self) -> str:
        """Names the protocol in a process: equal tokens prepare folds equally."""
        grid = [dataclasses.asdict(condition) for condition in self.grid.conditions]
        noises = {
            label: [
                f"{type(noise).__module__}:{type(noise).__qualname__}",
                noise.config.model_dump(),
            ]
            for label, noise in self.grid.noises.items()
        }
        reserved = None if self.reserved is None else self.reserved.tolist()
        settings = [self.seed, reserved, self.train_missing_rate, self.evaluation_batch]
        return _digest([self.corpus.fingerprint, grid, noises, settings, self.device])


@dataclass(frozen=True)
class StageTask:
    """One stage to be trained for one fold and seed.

    Attributes:
        key: content key.
        stage: the recipe.
        fold: of the corpus.
        seed: of the training.
        teacher: key of the stage it starts from, None where it has none.
    """

    key: str
    stage: Stage
    fold: Fold
    seed: int
    teacher: str | None

    @property
    def folder(self) -> str:
        """Name of its folder: its key."""
        return self.key


@dataclass(frozen=True)
class CellTask:
    """One cell: a method trained on one fold with one seed, and its predictions on the grid.

    Attributes:
        key: content key.
        label: of the method in the suite.
        method: the method.
        fold: of the corpus.
        seed: of the training.
        stages: keys of its stages in order; empty for a black box.
        last: its last stage, None for a black box.
        shared: True where that last stage is also another method's teacher, so trained apart.
    """

    key: str
    label: str
    method: Method
    fold: Fold
    seed: int
    stages: tuple[str, ...]
    last: Stage | None
    shared: bool

    @property
    def folder(self) -> str:
        """Name of its folder: readable, and unique by key."""
        label = "".join(c if c.isalnum() or c in "._-" else "_" for c in self.label)
        fold = "".join(c if c.isalnum() or c in "._-" else "_" for c in self.fold.name)
        return f"{label}-{fold}-s{self.seed}-{self.key[:12]}"


@dataclass(frozen=True)
class Plan:
    """All that a suite asks for.

    Attributes:
        suite: as resolved.
        protocol: what tasks share.
        folds: in order.
        labels: of the methods, in order.
        cells: in the order of the tables: method, fold, seed.
        stages: the stages trained apart from cells, teachers before what they teach.
    """

    suite: Suite
    protocol: Protocol
    folds: tuple[Fold, ...]
    labels: tuple[str, ...]
    cells: tuple[CellTask, ...]
    stages: tuple[StageTask, ...]

    @cached_property
    def conditions(self) -> tuple[ConditionKey, ...]:
        """The grid's conditions as tables name them."""
        return tuple(
            ConditionKey(
                "+".join(c.pattern),
                c.noise,
                c.on,
                c.point.level if c.point else None,
                c.point.requested if c.point else 0.0,
                c.point.severity if c.point else 0.0,
                c.draw,
            )
            for c in self.protocol.grid.conditions
        )

    def header(self) -> TableHeader:
        """Return the axes of the run's tables, and what a reader of them must know."""
        corpus, suite = self.protocol.corpus, self.suite
        methods = {cell.label: cell.method for cell in self.cells}
        complete = suite.train_missing_rate == 0 and all(
            bool(corpus.available[fold.train].all()) for fold in self.folds
        )
        names = {label: m.shown_as(label, complete=complete) for label, m in methods.items()}
        return TableHeader(
            corpus=corpus.name,
            modalities=corpus.names,
            classes=corpus.classes,
            methods=self.labels,
            folds=tuple(fold.name for fold in self.folds),
            seeds=suite.seeds,
            conditions=self.conditions,
            shown_as={label: name for label, name in names.items() if name != label},
            seen={
                noise: tuple(
                    label
                    for label, method in methods.items()
                    if self.protocol.grid.noises[noise].family in method.trained_noises
                )
                for noise in self.protocol.grid.noises
            },
            noised_as_absent=tuple(
                label for label, m in methods.items() if m.config.noised_as == "absent"
            ),
        )

    def draws_hash(self) -> str:
        """Return the digest of every frozen draw (see `corruptor.draws_hash`)."""
        protocol = self.protocol
        return draws_hash(
            protocol.corpus,
            tuple(protocol.grid.noises.values()),
            self.suite.grid.draws,
            protocol.seed,
            protocol.reserved,
        )


def make_plan(loaded: LoadedSuite, device: str = "cpu") -> Plan:
    """Read the corpus and lay out the run.

    Raises:
        ConfigError: the suite and its corpus do not go together.
        CorpusError: the corpus cannot be read or divided.
    """
    suite = loaded.suite
    corpus = read(suite.corpus.reader, suite.corpus.settings)
    patterns = check_corpus(suite, corpus, loaded.source)
    reserved = reserved_donors(corpus, suite.seed) if suite.grid.donors == "held_out" else None
    folds = _chosen(make_folds(corpus, suite.folds, reserved), loaded.folds)
    columns = [noise_column(entry) for entry in suite.grid.noise]
    protocol = Protocol(
        corpus=corpus,
        grid=build_grid(corpus, patterns, columns, suite.grid.draws),
        seed=suite.seed,
        reserved=reserved,
        train_missing_rate=suite.train_missing_rate,
        threads=suite.numerics.threads,
        evaluation_batch=suite.numerics.evaluation_batch,
        device=device,
    )
    return _lay_out(suite, protocol, folds)


def _chosen(folds: tuple[Fold, ...], names: Sequence[str]) -> tuple[Fold, ...]:
    known = [fold.name for fold in folds]
    for name in names:
        if name not in known:
            raise ConfigError(f"--folds: no fold {name!r}; {did_you_mean(name, known)}")
    return tuple(fold for fold in folds if not names or fold.name in names)


def noise_column(entry: NoiseEntry) -> NoiseColumn:
    """Build a noise and its points from an entry of a suite."""
    noise = registry.load("noises", entry.type)(entry.options)
    points: list[Point]
    if entry.severities is not None:
        points = [noise.at_severity(severity) for severity in entry.severities]
    elif not isinstance(noise, ScheduledNoise):
        raise ConfigError(f"noise {entry.label!r} has no schedule: give severities")
    elif entry.levels is not None:
        points = [noise.at_level(level) for level in entry.levels]
    else:
        points = [noise.at_snr(decibel) for decibel in entry.snrs or ()]
    return NoiseColumn(entry.label, noise, entry.on, tuple(points))


class ConfiguredMethod(NamedTuple):
    """A method of a suite with the training settings of its stages (none for a black box)."""

    label: str
    method: Method
    training: tuple[StageTraining, ...]


def build_methods(suite: Suite) -> tuple[ConfiguredMethod, ...]:
    """Build the methods of a suite.

    Raises:
        ConfigError: a method's entry sets a stage that the method does not have.
    """
    methods = [registry.load("methods", e.name)(e.settings) for e in suite.methods]
    for method, entry in zip(methods, suite.methods, strict=True):
        have = len(method.published()) if isinstance(method, NetworkMethod) else 0
        for stage in entry.stages:
            if int(stage.removeprefix("stage")) > have:
                raise ConfigError(
                    f"method {entry.label!r} sets {stage}, but has {have} stage{'s' * (have != 1)}"
                )
    trainings = [
        resolve_training(m.published(), suite.training, entry.training, entry.stages)
        if isinstance(m, NetworkMethod)
        else ()
        for m, entry in zip(methods, suite.methods, strict=True)
    ]
    if suite.training.equal_budget:
        networks = [stages for stages in trainings if stages]
        equal = iter(equalise(networks))
        trainings = [next(equal) if stages else () for stages in trainings]
    return tuple(
        ConfiguredMethod(entry.label, method, training)
        for entry, method, training in zip(suite.methods, methods, trainings, strict=True)
    )


def _digest(content: Any) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


class _Keys:
    """Content keys: equal keys promise equal results."""

    def __init__(self, protocol: Protocol) -> None:
        corpus = protocol.corpus
        self.training = {
            "version": KEY_VERSION,
            "code": harness_digest(),
            "corpus": corpus.fingerprint,
            "train_missing_rate": protocol.train_missing_rate,
            "draws": protocol.seed,
            "threads": protocol.threads,
            "device": protocol.device.partition(":")[0],
            "form": "single",
        }
        self.grid = [dataclasses.asdict(c) for c in protocol.grid.conditions]
        self.noises = {
            label: [type(noise).__qualname__, class_digest(type(noise)), noise.config.model_dump()]
            for label, noise in protocol.grid.noises.items()
        }
        self.evaluation = {
            "batch": protocol.evaluation_batch,
            "donors": "corpus" if protocol.reserved is None else "held_out",
        }

    def stage(self, stage: Stage, fold: Fold, seed: int) -> str:
        """Return the key of a trained stage."""
        lineage: list[str] = []
        each: Stage | None = stage
        while each is not None:
            lineage.append(class_digest(type(each)))
            each = each.teacher
        return _digest([self.training, stage.digest, lineage, fold.key, seed])

    def cell(self, method: Method, stages: Sequence[str], fold: Fold, seed: int) -> str:
        """Return the key of a cell."""
        what = {
            "method": f"{type(method).__module__}:{type(method).__qualname__}",
            "code": class_digest(type(method)),
            "version": method.version,
            "settings": method.config.model_dump(mode="json"),
            "stages": list(stages),
        }
        return _digest(
            [self.training, self.grid, self.noises, self.evaluation, what, fold.key, seed]
        )


def _lay_out(suite: Suite, protocol: Protocol, folds: tuple[Fold, ...]) -> Plan:
    keys = _Keys(protocol)
    stages: dict[str, StageTask] = {}
    drafts: list[CellTask] = []
    for label, method, trainings in build_methods(suite):
        for fold in folds:
            complete = suite.train_missing_rate == 0 and bool(
                protocol.corpus.available[fold.train].all()
            )
            for seed in suite.seeds:
                chain: list[StageTask] = []
                for stage in method.stages(trainings) if isinstance(method, NetworkMethod) else ():
                    if complete:
                        stage = _without_filter(stage)
                    teacher = chain[-1].key if stage.teacher is not None else None
                    chain.append(
                        StageTask(keys.stage(stage, fold, seed), stage, fold, seed, teacher)
                    )
                stages |= {task.key: task for task in chain[:-1]}
                drafts.append(
                    CellTask(
                        keys.cell(method, [task.key for task in chain], fold, seed),
                        label,
                        method,
                        fold,
                        seed,
                        tuple(task.key for task in chain),
                        chain[-1].stage if chain else None,
                        shared=False,
                    )
                )
    cells = tuple(
        dataclasses.replace(cell, shared=bool(cell.stages) and cell.stages[-1] in stages)
        for cell in drafts
    )
    return Plan(
        suite,
        protocol,
        folds,
        tuple(entry.label for entry in suite.methods),
        cells,
        tuple(stages.values()),
    )


def _without_filter(stage: Stage) -> Stage:
    """Return the same stage for training data that lacks nothing: recipes then compare equal."""
    teacher = None if stage.teacher is None else _without_filter(stage.teacher)
    return dataclasses.replace(stage, complete_only=False, teacher=teacher)


def teacher_selection(stage: Stage) -> Selection:
    """Return the criterion by which a stage is picked when it serves as teacher."""
    return stage.selections[0]
