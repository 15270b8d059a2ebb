"""Training of an audit: a method learns a fold, as it would in a run."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from numpy.typing import NDArray

from merbench import seeds
from merbench.audit.files import opened_files
from merbench.audit.predict import Predictor, surroundings
from merbench.audit.subject import Effort, Subject
from merbench.execution.prepare import PreparedFold
from merbench.methods.base import (
    BlackBox,
    FitContext,
    Method,
    Network,
    NetworkMethod,
    Selection,
    trainable_parameters,
)
from merbench.training.config import StageTraining
from merbench.training.course import EpochRecord
from merbench.training.loop import restore, train_stage


class Pick(NamedTuple):
    """An epoch that was picked.

    Attributes:
        curve: of the stage's training.
        criterion: of the pick.
        epoch: 1-based.
    """

    curve: tuple[EpochRecord, ...]
    criterion: Selection
    epoch: int


@dataclass(frozen=True)
class Fitted:
    """A method that has learnt a fold.

    Attributes:
        method: says how modalities are shown.
        predictor: its network, or the method itself.
        learnt: name -> digest of every array that training left.
        picks: one for each stage of a network method, in order.
        parameters: how many.
        seconds: training took.
        opened: paths of the files that were opened meanwhile.
    """

    method: Method
    predictor: Predictor
    learnt: Mapping[str, str]
    picks: tuple[Pick, ...]
    parameters: int
    seconds: float
    opened: frozenset[str]

    def changed_from(self, other: Fitted) -> tuple[str, ...]:
        """Return the names of the arrays that differ from another training's in any bit."""
        names = sorted({*self.learnt, *other.learnt})
        return tuple(n for n in names if self.learnt.get(n) != other.learnt.get(n))


def _digest(array: NDArray[Any]) -> str:
    head = f"{array.dtype} {array.shape} ".encode()
    return hashlib.sha256(head + array.tobytes()).hexdigest()


def fit(
    subject: Subject,
    fold: PreparedFold,
    effort: Effort,
    *,
    seed: int = 0,
    around: int = 0,
) -> Fitted:
    """Let a fresh method learn a fold.

    Args:
        subject: the method.
        fold: as a run prepares it; the test part lies where it lies in a run.
        effort: how long networks train.
        seed: of the training.
        around: seed of the surroundings, which nothing may depend on.
    """
    method, started = subject.build(), time.perf_counter()
    with surroundings(around), opened_files() as opened:
        if isinstance(method, NetworkMethod):
            found = _networks(method, subject.trainings(method, effort), fold, seed)
        elif isinstance(method, BlackBox):
            found = _black_box(method, fold, seed)
        else:
            raise TypeError(f"{type(method).__name__} is neither a network method nor a black box")
    return Fitted(method, *found, time.perf_counter() - started, frozenset(opened))


class _Learnt(NamedTuple):
    """What training leaves; see `Fitted`."""

    predictor: Predictor
    learnt: Mapping[str, str]
    picks: tuple[Pick, ...]
    parameters: int


def _black_box(method: BlackBox, fold: PreparedFold, seed: int) -> _Learnt:
    context = FitContext(fold.shape, seeds.torch_seed("black box", "audit", seed) % 2**31)
    method.fit(fold.train.loaded(), fold.valid, context)
    arrays = method.arrays()
    learnt = {name: _digest(array) for name, array in arrays.items()}
    return _Learnt(method, learnt, (), sum(array.size for array in arrays.values()))


def _networks(
    method: NetworkMethod, trainings: Sequence[StageTraining], fold: PreparedFold, seed: int
) -> _Learnt:
    stages = method.stages(trainings)
    device = torch.device("cpu")
    network: Network | None = None
    picks: list[Pick] = []
    learnt: dict[str, str] = {}
    for number, stage in enumerate(stages, start=1):
        found = train_stage(stage, fold.training_data(stage), network, ("audit", seed))
        criterion = stage.selections[-1] if number == len(stages) else stage.taught_by
        network = restore(stage, fold.shape, found.weights[criterion], device)
        picks.append(Pick(tuple(found.curve), criterion, found.chosen[criterion]))
        for name, value in found.weights[criterion].items():
            learnt[f"stage{number}/{name}"] = _digest(value.numpy())
    if network is None:
        raise TypeError(f"{type(method).__name__} has no stage")
    return _Learnt(network, learnt, tuple(picks), trainable_parameters(network))
