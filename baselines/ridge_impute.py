"""ridge_impute: an absent modality's embedding is regressed on those that are there."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from pydantic import PositiveFloat
from torch import Tensor

from merbench.features.part import CorpusShape
from merbench.methods.base import NetworkMethod, Sampling, Stage, StateUse
from merbench.methods.parts.encoders import WIDTH
from merbench.methods.parts.layers import Init
from merbench.training.config import StageTraining
from merbench.tuning.space import Float, SearchSpace

from .mean_impute import MEMORY, ImputingNetwork, ImputingStage
from .presence import over_columns
from .zero_fill import PUBLISHED, ZeroFillConfig

_SMALLEST_PENALTY = 1e-6


class RidgeNetwork(ImputingNetwork):
    """What is absent is predicted by ridge regression, one for each pattern P of what is there.

    With the running mean m and covariance C of all embeddings side by side,
    `h_A = m_A + C_AP (C_PP + r v I)^-1 (h_P - m_P)`, v the mean variance in P. With nothing there,
    `h_A = m_A`.
    """

    total: Tensor
    products: Tensor
    count: Tensor

    def __init__(self, shape: CorpusShape, dropout: float, init: Init, ridge: float) -> None:
        """Build the network; `ridge` is r."""
        super().__init__(shape, dropout, init)
        self.ridge = ridge
        width = WIDTH * len(shape.modalities)
        self.register_buffer("total", torch.zeros(width))
        self.register_buffer("products", torch.zeros(width, width))
        self.register_buffer("count", torch.zeros(()))

    def follow(self, h: Tensor, there: Tensor) -> None:
        """Count the utterances that lack nothing."""
        counted = h * there.all(1, keepdim=True)
        self.total.mul_(MEMORY).add_(counted.sum(0))
        self.products.mul_(MEMORY).add_(counted.T @ h)
        self.count.mul_(MEMORY).add_(there.all(1).sum())

    def impute(self, h: Tensor, there: Tensor) -> Tensor:
        """Predict what is absent under every pattern; take that of the utterance's own."""
        mean = self.total / self.count.clamp(min=1)
        covariance = self.products / self.count.clamp(min=1) - mean[:, None] * mean
        imputed = torch.where(over_columns(there), h, mean)
        every = itertools.product((False, True), repeat=there.shape[1])
        for pattern in list(every)[1:-1]:
            shown = torch.tensor(pattern, device=h.device)
            present, absent = (
                over_columns(columns).nonzero().squeeze(1) for columns in (shown, ~shown)
            )
            weights = self._weights(covariance[present], present, absent)
            predicted = mean[absent] + (h[:, present] - mean[present]) @ weights
            filled = imputed.index_copy(1, absent, predicted)
            imputed = torch.where((there == shown).all(1, keepdim=True), filled, imputed)
        return imputed

    def _weights(self, covariance: Tensor, present: Tensor, absent: Tensor) -> Tensor:
        """Return (|P|, |A|) weights from the rows P of the covariance."""
        among = covariance[:, present]
        penalty = (self.ridge * among.diagonal().mean()).clamp(min=_SMALLEST_PENALTY)
        identity = torch.eye(len(present), dtype=among.dtype, device=among.device)
        # `solve` looks at what it has found, which a fleet's networks cannot.
        weights: Tensor = torch.linalg.solve_ex(
            among + penalty * identity, covariance[:, absent]
        ).result
        return weights


@dataclass(frozen=True, kw_only=True)
class RidgeStage(ImputingStage):
    """Gaps are filled by regression.

    Attributes:
        ridge: the penalty, in units of the mean variance.
    """

    name: ClassVar[str] = "ridge_impute"
    ridge: float

    def build(self, shape: CorpusShape) -> RidgeNetwork:
        """Build the network."""
        return RidgeNetwork(shape, self.training.dropout, self.init, self.ridge)


class RidgeImputeConfig(ZeroFillConfig):
    """Settings of ridge imputation: `ridge` is the penalty in units of the mean variance."""

    ridge: PositiveFloat = 0.1
    search_space: ClassVar[SearchSpace] = {"ridge": Float(1e-3, 1e3, log=True)}


class RidgeImpute(NetworkMethod):
    """Cross-modal linear regression between embeddings."""

    summary = "fusion network; an absent modality's embedding is regressed on the others"
    uses_states = StateUse.ABSENCE
    Config = RidgeImputeConfig
    config: RidgeImputeConfig

    @classmethod
    def published(cls) -> dict[str, StageTraining]:
        """As zero_fill."""
        return {RidgeStage.name: PUBLISHED}

    def stages(self, training: Sequence[StageTraining]) -> tuple[Stage, ...]:
        """Return the one stage."""
        config = self.config
        sampling = Sampling(absent_input=config.absent_input)
        stage = RidgeStage(
            training=training[0], sampling=sampling, init=config.init, ridge=config.ridge
        )
        return (stage,)
