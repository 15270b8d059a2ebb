"""The plan: every cell of a suite with its content key, and the stages that cells share."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from merbench.corpus.folds import Fold, make_folds
from merbench.corpus.load import read
from merbench.corruption.corruptor import draws_hash
from merbench.corruption.donors import reserved_donors
from merbench.corruption.grid import build_grid, unmet
from merbench.errors import ConfigError, did_you_mean
from merbench.execution.build import build_methods, missing_column, noise_column
from merbench.execution.device import fleet_size, takes_tf32
from merbench.execution.keys import Keys
from merbench.execution.protocol import Division, Protocol
from merbench.methods.base import Method, NetworkMethod, Stage
from merbench.results.conditions import ConditionKey
from merbench.results.header import TableHeader
from merbench.suite.load import LoadedSuite
from merbench.suite.schema import Suite, check_corpus
from merbench.text import plain
from merbench.training.config import ClassWeights


@dataclass(frozen=True)
class StageTask:
    """One stage to be trained for one fold and seed.

    Attributes:
        key: content key.
        stage: the recipe.
        division: of the corpus.
        seed: of the training.
        teacher: key of the stage it starts from, None where it has none.
    """

    key: str
    stage: Stage
    division: Division
    seed: int
    teacher: str | None

    @property
    def fold(self) -> Fold:
        """Of the division."""
        return self.division.fold

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
        division: of the corpus.
        seed: of the training.
        stages: keys of its stages in order; empty for a black box.
        last: its last stage, None for a black box.
        shared: True where that last stage is also another method's teacher, so trained apart.
        class_weights: of a black box's loss; a stage has its own.
    """

    key: str
    label: str
    method: Method
    division: Division
    seed: int
    stages: tuple[str, ...]
    last: Stage | None
    shared: bool
    class_weights: ClassWeights = "off"

    @property
    def fold(self) -> Fold:
        """Of the division."""
        return self.division.fold

    @property
    def folder(self) -> str:
        """Name of its folder: readable, and unique by key."""
        return f"{plain(self.label)}-{plain(self.fold.name)}-s{self.seed}-{self.key[:12]}"


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
        chosen: names of the folds that were asked for; empty where all of the suite's were.
    """

    suite: Suite
    protocol: Protocol
    folds: tuple[Fold, ...]
    labels: tuple[str, ...]
    cells: tuple[CellTask, ...]
    stages: tuple[StageTask, ...]
    chosen: tuple[str, ...] = ()

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
        noises = self.protocol.grid.noises
        incomplete = {c.label for c in self.cells if not c.division.is_complete(corpus)}
        names = {
            label: m.shown_as(label, complete=label not in incomplete)
            for label, m in methods.items()
        }
        families = {noise.family for noise in noises.values()}
        met = {label: m.trained_on(families) for label, m in methods.items()}
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
                name: tuple(label for label in methods if noise.family in met[label])
                for name, noise in noises.items()
            },
            noised_as_absent=tuple(
                label for label, m in methods.items() if m.config.noised_as == "absent"
            ),
            unmet=unmet(corpus, self.protocol.grid.columns),
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
            at_random=bool(protocol.grid.missing),
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
        grid=build_grid(
            corpus,
            patterns,
            columns,
            suite.grid.draws,
            [missing_column(entry, corpus.names) for entry in suite.grid.missing],
        ),
        seed=suite.seed,
        reserved=reserved,
        threads=suite.numerics.threads,
        evaluation_batch=suite.numerics.evaluation_batch,
        device=device,
        fleet=fleet_size(suite.numerics.fleet, device),
        tf32=takes_tf32(suite.numerics.matmul, device),
    )
    return lay_out(loaded, protocol, folds)


def _chosen(folds: tuple[Fold, ...], names: Sequence[str]) -> tuple[Fold, ...]:
    known = [fold.name for fold in folds]
    for name in names:
        if name not in known:
            raise ConfigError(f"--folds: no fold {name!r}; {did_you_mean(name, known)}")
    return tuple(fold for fold in folds if not names or fold.name in names)


def lay_out(loaded: LoadedSuite, protocol: Protocol, folds: tuple[Fold, ...]) -> Plan:
    """Return the plan of a suite's methods and seeds on folds of a protocol's corpus.

    Raises:
        ConfigError: a method's entry asks for what the method or the suite has not.
    """
    suite, keys = loaded.suite, Keys(protocol)
    stages: dict[str, StageTask] = {}
    drafts: list[CellTask] = []
    for label, method, trainings, class_weights, rate in build_methods(suite, loaded.source):
        for fold, seed in itertools.product(folds, suite.seeds):
            division = Division(fold, rate)
            chain: list[StageTask] = []
            for stage in method.stages(trainings) if isinstance(method, NetworkMethod) else ():
                if division.is_complete(protocol.corpus):
                    stage = _without_filter(stage)
                teacher = chain[-1].key if stage.teacher is not None else None
                key = keys.stage(stage, division, seed)
                chain.append(StageTask(key, stage, division, seed, teacher))
            stages |= {task.key: task for task in chain[:-1]}
            of_stages = tuple(task.key for task in chain)
            weights: ClassWeights = "off" if chain else class_weights
            drafts.append(
                CellTask(
                    keys.cell(method, of_stages, weights, division, seed),
                    label,
                    method,
                    division,
                    seed,
                    of_stages,
                    chain[-1].stage if chain else None,
                    shared=False,
                    class_weights=weights,
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
        loaded.folds,
    )


def _without_filter(stage: Stage) -> Stage:
    """Return the same stage for training data that lacks nothing: recipes then compare equal."""
    teacher = None if stage.teacher is None else _without_filter(stage.teacher)
    return dataclasses.replace(stage, complete_only=False, teacher=teacher)
