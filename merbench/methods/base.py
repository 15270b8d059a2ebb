"""The contract of a method: a config, and one of two doors, network or black box."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel
from torch import Tensor, nn
from torch.nn import functional

from merbench.config import Config
from merbench.features.observation import AbsentInput, Observation, ObservedModality
from merbench.features.part import CorpusShape, Part
from merbench.training.config import ClassWeights, StageTraining

Selection = Literal["complete", "partial"]
Validation = Literal["clean", "noised"]
TrainNoise = Literal["off", "scheduler", "suite"]
LevelDraw = Literal["utterance", "batch"]
LevelScale = Literal["steps", "severity"]


class StateUse(Enum):
    """What a method uses of the modality states; the audit holds it to its word."""

    NOTHING = "nothing"
    ABSENCE = "absence"
    FULL = "full"


class MethodConfig(Config):
    """Settings every method has."""

    noised_as: Literal["present", "absent"] = "present"

    def refuse_changed(self, why: str, *fields: str) -> None:
        """Refuse settings that another one, such as `vae: off`, leaves without a meaning.

        Raises:
            ValueError: one of the fields is not at its default.
        """
        known = type(self).model_fields
        changed = [name for name in fields if getattr(self, name) != known[name].default]
        if changed:
            raise ValueError(
                f"{why} leaves {', '.join(changed)} without a meaning; leave "
                f"{'it' if len(changed) == 1 else 'them'} out"
            )


class Method(ABC):
    """A method under test.

    Attributes:
        summary: one line for `merbench list methods`.
        version: raise it to retrain cells when something outside the method's module changes.
        uses_states: what of the modality states reaches its predictions.
    """

    summary: ClassVar[str]
    version: ClassVar[int] = 1
    uses_states: ClassVar[StateUse] = StateUse.ABSENCE
    Config: ClassVar[type[MethodConfig]] = MethodConfig

    def __init__(self, config: MethodConfig) -> None:
        self.config = config

    @property
    def absent_input(self) -> AbsentInput:
        """What an absent modality reads as."""
        return "zeros"

    def trained_on(self, families: Set[str]) -> frozenset[str]:
        """Return which of the suite's families of noises its training simulates."""
        return frozenset()

    def shown_as(self, label: str, *, complete: bool) -> str:
        """Return how tables call it.

        Args:
            label: of the method in the suite.
            complete: True where no training utterance lacks anything.
        """
        return label


@dataclass(frozen=True)
class FitContext:
    """What a black box may know beside its data.

    Attributes:
        shape: modalities and classes.
        seed: for its own random numbers.
        class_weights: what the suite asks for: `balanced` counts every class alike in the loss.
    """

    shape: CorpusShape
    seed: int
    class_weights: ClassWeights = "off"


@runtime_checkable
class EncodeFuse(Protocol):
    """A predictor in two halves: one modality at a time, then all together.

    The grid evaluator runs `encode` once for every (modality, input) and `fuse` once for every
    condition, so neither may look at anything but its own rows.
    """

    def encode(self, modality: str, observed: ObservedModality) -> Tensor:
        """Return (B, E) embeddings of one modality."""
        ...

    def fuse(self, embeddings: Mapping[str, Tensor], states: Tensor) -> Tensor:
        """Return (B, C) logits.

        Args:
            embeddings: modality -> (B, E) as `encode` returned them.
            states: (B, M) int8 values of `State`, modalities in corpus order.
        """
        ...


class BlackBox(Method):
    """A method with its own way of training.

    Where it is also an `EncodeFuse`, the grid is evaluated through that pair.
    """

    @abstractmethod
    def fit(self, train: Part, valid: Part, context: FitContext) -> None:
        """Learn from the training part; choose on the validation part."""

    @abstractmethod
    def predict_proba(self, observation: Observation) -> NDArray[np.floating]:
        """Return (B, C) class probabilities; a row may depend on its own utterance only."""

    @abstractmethod
    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what was learnt, to be stored."""

    @abstractmethod
    def restore(self, arrays: Mapping[str, NDArray[Any]], context: FitContext) -> None:
        """Take up what `arrays` returned."""


class Network(nn.Module, ABC):
    """A network that predicts by `encode` and `fuse` (see `EncodeFuse`).

    Attributes:
        shape: of the fold.
        fused_rows: None where a row's logits are a function of that row. Otherwise how many rows
            are fused together: the harness then takes them in an order, and gives `fuse` random
            numbers, that are functions of fold, seed and condition (see `evaluation/fuse.py`).
        in_fleets: True where many such networks can train at once (see `training/fleet.py`): all
            that reads sequences is an `Encoder`, all that draws is in `parts/draws.py`, nothing
            depends on a fold's typical lengths, and `encode`, `fuse` and the stage's loss run
            under `torch.vmap`, so without a step that depends on values. They are functions of
            their arguments and the network's tensors alone: what they did in the first calls is
            recorded and done again (see `training/recorder.py`).
    """

    shape: CorpusShape
    fused_rows: int | None = None
    in_fleets: ClassVar[bool] = False

    @abstractmethod
    def encode(self, modality: str, observed: ObservedModality) -> Tensor:
        """Return (B, E) embeddings of one modality."""

    @abstractmethod
    def fuse(self, embeddings: Mapping[str, Tensor], states: Tensor) -> Tensor:
        """Return (B, C) logits."""

    def embed(self, observed: Mapping[str, ObservedModality]) -> dict[str, Tensor]:
        """Encode every modality."""
        return {name: self.encode(name, observed[name]) for name in self.shape.names}

    def subnetworks(self) -> Iterator[nn.Module]:
        """Yield the parts whose gradient norms are clipped one by one.

        By default each encoder, and each other child.
        """
        for child in self.children():
            if isinstance(child, nn.ModuleDict):
                yield from child.values()
            else:
                yield child

    def diagnose(self, embeddings: Mapping[str, Tensor], states: Tensor) -> dict[str, float]:
        """Return figures worth logging with a fit.

        The rows are the validation utterances under one pattern; figures are averaged over the
        partial patterns.
        """
        return {}


@dataclass(frozen=True)
class TeacherRows:
    """A frozen network's embeddings of a batch in one modality.

    Attributes:
        clean: (B, E) of the true input (meaningless where there is none).
        absent: (1, E) or (B, E) of the stand-in for an input that is not there.
    """

    clean: Tensor
    absent: Tensor


@dataclass(frozen=True)
class Batch:
    """What a loss is computed from.

    Attributes:
        labels: (B,).
        states: (B, M) int8 as the network sees them in this step.
        available: (B, M) bool, True where the truth exists.
        observed: modality -> observation.
        teacher: modality -> embeddings of the stage's teacher; empty where it has none.
        progress: share of the stage's epochs done, 0 to 1; in a fleet a tensor, since members
            differ.
        class_weights: (C,) weight of each class in the cross-entropy, None where all count alike.
    """

    labels: Tensor
    states: Tensor
    available: Tensor
    observed: Mapping[str, ObservedModality]
    teacher: Mapping[str, TeacherRows]
    progress: float | Tensor
    class_weights: Tensor | None = None

    def cross_entropy(self, logits: Tensor) -> Tensor:
        """Return the mean cross-entropy of (B, C) logits, utterances weighted by their class."""
        return functional.cross_entropy(logits, self.labels, self.class_weights)


@dataclass(frozen=True)
class Sampling:
    """How the inputs of a training step are made.

    Attributes:
        patterns: `complete` shows all that an utterance has; `partial` draws one of the patterns
            in which something is missing, uniformly, anew for each utterance and step.
        include_complete: let `partial` draw the complete pattern too.
        train_noise: `off` gives what is missing the stand-in of `absent_input`; `scheduler` gives
            it its own features under Gaussian noise of a level drawn uniformly from 1..T; `suite`
            gives it its own features under a noise and severity drawn from those of the suite.
        absent_input: the stand-in.
        level_draw: whether the scheduler draws a level anew for each utterance, or one a batch;
            for each modality and step in either case.
        level_scale: what the scheduler's draw is uniform in: the steps 1..T, as NMER's, half of
            which leave next to nothing, or severity, of which the nearest step is taken.
    """

    patterns: Selection = "complete"
    include_complete: bool = False
    train_noise: TrainNoise = "off"
    absent_input: AbsentInput = "zeros"
    level_draw: LevelDraw = "utterance"
    level_scale: LevelScale = "steps"


@dataclass(frozen=True, kw_only=True)
class Stage(ABC):
    """One training of one network. Its fields are its recipe: equal recipes are trained once.

    Attributes:
        training: epochs, learning rate, and so on.
        sampling: how inputs are made.
        complete_only: train on utterances that lack nothing.
        validation: what is missing from a validation utterance: its stand-in (`clean`), or its own
            features under frozen noise of a level drawn uniformly (`noised`, as released NMER).
        teacher: the stage before, whose network warm-starts this one and gives it targets.
    """

    name: ClassVar[str]
    training: StageTraining
    sampling: Sampling = Sampling()
    complete_only: bool = False
    validation: Validation = "clean"
    teacher: Stage | None = None

    @property
    def selections(self) -> tuple[Selection, ...]:
        """The criteria by which an epoch may be picked.

        A stage trained on complete input may serve as teacher (picked on the complete pattern)
        and as a method of its own (picked on the partial ones): both are kept.
        """
        return ("complete", "partial") if self.sampling.patterns == "complete" else ("partial",)

    @property
    def taught_by(self) -> Selection:
        """The criterion by which it is picked when it serves as teacher."""
        return self.selections[0]

    @abstractmethod
    def build(self, shape: CorpusShape) -> Network:
        """Build and initialise the network (inside a seeded scope)."""

    def prepare(self, network: Any, labels: Tensor) -> None:
        """Set what follows from the (n,) training labels alone, before training."""

    def warm_start(self, network: Any, teacher: Any) -> None:
        """Copy what the teacher has learnt into the new network."""

    @abstractmethod
    def loss(self, network: Any, batch: Batch) -> dict[str, Tensor]:
        """Return the weighted terms whose sum is minimised, each a scalar."""

    def recipe(self) -> dict[str, Any]:
        """Return the fields, and those of the stages before, as plain data."""
        recipe = {f.name: _plain(getattr(self, f.name)) for f in dataclasses.fields(self)}
        return {"stage": f"{type(self).__module__}.{type(self).__qualname__}", **recipe}

    @property
    def digest(self) -> str:
        """Digest of the recipe."""
        return hashlib.sha256(json.dumps(self.recipe(), sort_keys=True).encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, Stage):
        return value.recipe()
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return value


class NetworkConfig(MethodConfig):
    """Settings every network method has."""

    train_noise: TrainNoise = "off"
    absent_input: AbsentInput = "zeros"


class NetworkMethod(Method):
    """A method whose training is described by stages; the last one's network predicts."""

    Config: ClassVar[type[MethodConfig]] = NetworkConfig
    config: NetworkConfig

    @property
    def absent_input(self) -> AbsentInput:
        """What an absent modality reads as."""
        return self.config.absent_input

    def trained_on(self, families: Set[str]) -> frozenset[str]:
        """Return all where the suite's noise is trained on; NMER's scheduler is Gaussian noise."""
        if self.config.train_noise == "suite":
            return frozenset(families)
        return frozenset({"gaussian"} & families if self.config.train_noise == "scheduler" else ())

    def partial_sampling(
        self,
        *,
        include_complete: bool,
        level_draw: LevelDraw = "utterance",
        level_scale: LevelScale = "steps",
    ) -> Sampling:
        """Return how a stage samples that trains on partial patterns."""
        return Sampling(
            patterns="partial",
            include_complete=include_complete,
            train_noise=self.config.train_noise,
            absent_input=self.config.absent_input,
            level_draw=level_draw,
            level_scale=level_scale,
        )

    @classmethod
    @abstractmethod
    def published(cls) -> dict[str, StageTraining]:
        """Return the published training settings: name of each stage, in order -> settings."""

    @abstractmethod
    def stages(self, training: Sequence[StageTraining]) -> tuple[Stage, ...]:
        """Return the stages, the earlier ones as teachers of the later ones.

        Args:
            training: settings for each stage, in order.
        """


def trainable_parameters(network: nn.Module) -> int:
    """Count the parameters that train."""
    return sum(p.numel() for p in network.parameters() if p.requires_grad)


def device_of(network: nn.Module) -> torch.device:
    """Return where a network lives."""
    return next(network.parameters()).device
