"""modality_dropout: the fusion network trained on random partial patterns."""

from __future__ import annotations

from collections.abc import Sequence

from merbench.methods.base import NetworkMethod, Stage, StateUse
from merbench.training.config import StageTraining

from .zero_fill import FusionConfig, FusionStage


class ModalityDropoutConfig(FusionConfig):
    """Settings of modality dropout."""

    include_complete: bool = False


class ModalityDropout(NetworkMethod):
    """A partial pattern is drawn for each utterance and step (the "augmented" system of MMIN)."""

    summary = "fusion network trained on random partial patterns"
    uses_states = StateUse.NOTHING
    Config = ModalityDropoutConfig
    config: ModalityDropoutConfig

    @classmethod
    def published(cls) -> dict[str, StageTraining]:
        """The released script's."""
        training = StageTraining(epochs=20, decay_epochs=20, batch_size=128, dropout=0.3)
        return {FusionStage.name: training}

    def stages(self, training: Sequence[StageTraining]) -> tuple[Stage, ...]:
        """Return the one stage."""
        sampling = self.partial_sampling(include_complete=self.config.include_complete)
        return (FusionStage(training=training[0], sampling=sampling, init=self.config.init),)
