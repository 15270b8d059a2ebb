"""Predictions of an audit: one call of the method, in surroundings that are known."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from merbench import seeds
from merbench.audit.verdict import NotApplicableError
from merbench.corruption.grid import Condition
from merbench.evaluation.evaluator import GridEvaluator
from merbench.evaluation.fuse import fuse
from merbench.features.observation import Observation, ObservedModality, State, observe
from merbench.features.ragged import Padded, Ragged
from merbench.methods.base import BlackBox, EncodeFuse, Method

# Sums are taken in another order where a batch is another one: logits agree up to rounding.
TOLERANCE = 1e-4
Predictor = EncodeFuse | BlackBox


class RowsError(NotApplicableError):
    """A method said something else than one row an utterance."""


@contextmanager
def surroundings(seed: int) -> Iterator[None]:
    """Seed every generator of the process that a method could draw from, and restore them all."""
    python, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002 - what we look for
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    try:
        with seeds.torch_scope(torch.device("cpu"), "audit", seed):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(legacy)  # noqa: NPY002


@torch.no_grad()
def predict(
    predictor: Predictor, seen: Observation, *, seed: int = 0, key: Sequence[seeds.Part] = ()
) -> Tensor:
    """Return (n, C) float64 logits of one call.

    Args:
        predictor: trained.
        seen: n utterances.
        seed: of the surroundings.
        key: given, the harness fuses as in a run of that key (see `evaluation/fuse.py`); left out,
            all rows go into one batch in their order.

    Raises:
        RowsError: there are more or fewer rows than utterances.
    """
    with surroundings(seed):
        if isinstance(predictor, EncodeFuse):
            embeddings = {m: predictor.encode(m, one) for m, one in seen.modalities.items()}
            if key:
                logits = fuse(predictor, embeddings, seen.states, *key)
            else:
                logits = predictor.fuse(embeddings, seen.states)
        else:
            found = np.asarray(predictor.predict_proba(seen), np.float64)
            logits = torch.from_numpy(found).clamp(min=1e-12).log()
    if logits.ndim != 2 or len(logits) != len(seen):
        raise RowsError(f"{tuple(logits.shape)} logits for {len(seen)} utterances; see scored_once")
    return logits.double()


def predict_under(
    evaluator: GridEvaluator,
    condition: Condition,
    method: Method,
    predictor: Predictor,
    *,
    seed: int = 0,
    key: Sequence[seeds.Part] = (),
) -> Tensor:
    """Return (n, C) logits of the evaluator's part under a condition."""
    everyone = torch.arange(len(evaluator.part))
    seen = evaluator.observation(condition, method, everyone)
    return predict(predictor, seen, seed=seed, key=(*key, condition.identity) if key else ())


def under_patterns(
    evaluator: GridEvaluator, method: Method, rows: Tensor, states: Tensor
) -> Observation:
    """Return utterances that differ in what they lack.

    Args:
        evaluator: holds them.
        method: says what an absent modality reads as.
        rows: (n,) positions in the evaluator's part.
        states: (n, M) of each of them.
    """
    modalities = {}
    for index, name in enumerate(evaluator.shape.names):
        absent = evaluator.absent(index, method.absent_input)
        stand_in = absent if len(absent) == 1 else absent.take(rows)
        modalities[name] = observe(evaluator.part.features[name], rows, states[:, index], stand_in)
    return Observation(modalities, states)


def mixed_states(evaluator: GridEvaluator) -> Tensor:
    """Return (n, M) states that take the part's utterances through all patterns in turn."""
    columns = len(evaluator.shape.names)
    code = torch.arange(len(evaluator.part)) % (2**columns - 1) + 1
    shown = (code[:, None] & 2 ** torch.arange(columns)) > 0
    return torch.where(shown & evaluator.part.available, int(State.PRESENT), int(State.ABSENT)).to(
        torch.int8
    )


@dataclass(frozen=True)
class Apart:
    """How far two (n, C) tables of logits are apart.

    Attributes:
        rows: that were compared.
        flips: rows whose prediction differs.
        most: largest difference, relative to 1 plus the size of the logit.
    """

    rows: int
    flips: int
    most: float

    @classmethod
    def of(cls, one: Tensor, other: Tensor) -> Apart:
        """Compare; a logit that is not finite is infinitely far from anything else."""
        flips = int((one.argmax(1) != other.argmax(1)).sum())
        away = ((one - other).abs() / (1 + other.abs())).nan_to_num(nan=torch.inf)
        return cls(len(one), flips, float(away.max()) if away.numel() else 0.0)

    @property
    def differs(self) -> bool:
        """Say whether it is more than rounding."""
        return self.most > TOLERANCE

    @property
    def share(self) -> float:
        """Share of the predictions that flip."""
        return self.flips / max(1, self.rows)

    def __add__(self, other: Apart) -> Apart:
        return Apart(self.rows + other.rows, self.flips + other.flips, max(self.most, other.most))


NOTHING_APART = Apart(0, 0, 0.0)


@dataclass(frozen=True)
class PaddedRagged(Ragged):
    """The same sequences, whose padded form has so many frames, whoever is among them.

    Attributes:
        frames: at least.
    """

    frames: int = 1

    def take(self, rows: Tensor) -> PaddedRagged:
        """Return some of them, as long-padded as these."""
        some = super().take(rows)
        return PaddedRagged(some.values, some.lengths, self.frames)

    def with_values(self, values: Tensor) -> PaddedRagged:
        """Return the same layout with other frames."""
        return PaddedRagged(values, self.lengths, self.frames)

    def padded(self, at_least: int = 1) -> Padded:
        """Return the sequences padded to `frames`, or further where asked for more."""
        return super().padded(max(at_least, self.frames))


def padded_to(seen: Observation, frames: Mapping[str, int]) -> Observation:
    """Return the same utterances, padded to so many frames in some modalities."""
    modalities = {}
    for name, one in seen.modalities.items():
        sequences = one.sequences
        if name in frames:
            sequences = PaddedRagged(sequences.values, sequences.lengths, frames[name])
        modalities[name] = ObservedModality(sequences, one.rows, one.states)
    return Observation(modalities, seen.states)
