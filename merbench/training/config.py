"""Training settings: what a stage trains with, and how a suite changes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, NamedTuple

from pydantic import Field, PositiveFloat, PositiveInt

from merbench.config import Config

Fraction = Annotated[float, Field(ge=0, lt=1)]
ClassWeights = Literal["off", "balanced"]
SelectBy = Literal["ua", "wa", "f1"]


class StageTraining(Config):
    """How one stage is trained (methods.md lists the published values).

    Epoch n (1-based) uses `lr (1 - max(0, n - epochs) / (decay_epochs + 1))`.
    """

    epochs: PositiveInt = Field(description="epochs at the full learning rate")
    decay_epochs: int = Field(ge=0, description="epochs of linear decay after them")
    batch_size: int = Field(ge=2, description="utterances in a step")
    lr: PositiveFloat = Field(2e-4, description="Adam's learning rate")
    dropout: Fraction = Field(description="dropout of the classifier")
    betas: tuple[Fraction, Fraction] = Field((0.9, 0.999), strict=False, description="Adam's betas")
    clip: PositiveFloat = Field(0.5, description="gradient norm limit of each sub-network")
    patience: PositiveInt | None = Field(
        None,
        description="stop after this many epochs without a better validation score; where a "
        "stage is picked by two, each has its own patience",
    )
    class_weights: ClassWeights = Field(
        "off", description="balanced: every class weighs alike in the cross-entropy"
    )
    select_by: SelectBy = Field("ua", description="the validation score that picks the epoch")

    @property
    def total_epochs(self) -> int:
        """Epochs at most."""
        return self.epochs + self.decay_epochs


class TrainingOverrides(Config):
    """Any field of a stage's training, where set; the same for every stage it is applied to."""

    epochs: PositiveInt | None = None
    decay_epochs: int | None = Field(None, ge=0)
    batch_size: int | None = Field(None, ge=2)
    lr: PositiveFloat | None = None
    dropout: Fraction | None = None
    betas: tuple[Fraction, Fraction] | None = Field(None, strict=False)
    clip: PositiveFloat | None = None
    patience: PositiveInt | None = None
    class_weights: ClassWeights | None = None
    select_by: SelectBy | None = None

    def apply(self, training: StageTraining) -> StageTraining:
        """Return `training` with the fields that are set here."""
        mine = {name: getattr(self, name) for name in StageTraining.model_fields}
        return training.model_copy(update={k: v for k, v in mine.items() if v is not None})


class TrainingConfig(TrainingOverrides):
    """The `training` section of a suite."""

    preset: Literal["published", "quick", "converged"] = Field(
        "published", description="where each stage's settings start from"
    )
    equal_budget: bool = Field(
        False, description="give every method the same number of epochs, summed over its stages"
    )


class Preset(NamedTuple):
    """Settings to start from.

    Attributes:
        every: what changes in every stage.
        stages: name of a stage -> what changes there on top.
    """

    every: TrainingOverrides = TrainingOverrides()
    stages: Mapping[str, TrainingOverrides] = {}


# Chosen on validation; docs/training.md has the figures. NMER's post-norm Transformer does not
# train at the learning rate that suits everything else.
PRESETS: dict[str, Preset] = {
    "published": Preset(),
    "quick": Preset(
        TrainingOverrides(epochs=10, decay_epochs=5, batch_size=32, lr=1e-3),
        {"nmer": TrainingOverrides(epochs=12, decay_epochs=6, lr=5e-4)},
    ),
    "converged": Preset(
        TrainingOverrides(epochs=16, decay_epochs=8, batch_size=64, lr=1e-3, patience=6),
        {"nmer": TrainingOverrides(epochs=28, decay_epochs=8, batch_size=32, lr=2e-4, patience=10)},
    ),
}
