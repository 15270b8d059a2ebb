"""The grid evaluator: every condition of the grid from one pass over each modality's inputs.

A condition is a choice, for each modality, of one of a few inputs (clean, absent, one of the
corruptions). Each input is encoded once; conditions only re-combine embeddings. A sample of
conditions is computed the direct way as well and must agree.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from merbench import seeds
from merbench.corruption.corruptor import Corruptor
from merbench.corruption.grid import ABSENT, Condition, Grid, ModalityInput
from merbench.corruption.noises.base import Damage
from merbench.errors import CellError
from merbench.evaluation.embed import embed_available, embed_sequences
from merbench.evaluation.fuse import fuse, fused_rows
from merbench.features.observation import (
    AbsentInput,
    Observation,
    State,
    observe,
    zero_input,
)
from merbench.features.part import CorpusShape, Part
from merbench.features.ragged import Ragged
from merbench.methods.base import BlackBox, EncodeFuse, Method

# The direct way pads differently and sums in another order, so logits agree up to rounding.
TOLERANCE = 1e-3
_SPOT_CONDITIONS, _SPOT_UTTERANCES = 4, 16


@dataclass(frozen=True)
class GridPredictions:
    """What a trained method says on the grid.

    Attributes:
        predictions: (K, n) int16 class of each utterance under each condition.
        probabilities: (K, n, C) float16.
    """

    predictions: NDArray[np.int16]
    probabilities: NDArray[np.float16]


@dataclass(frozen=True)
class GridEvaluator:
    """Evaluates trained methods on one part, under one grid.

    Attributes:
        part: the test utterances.
        shape: of the fold.
        grid: the conditions.
        corruptor: draws the damage.
        batch: rows fused at once.
    """

    part: Part
    shape: CorpusShape
    grid: Grid
    corruptor: Corruptor
    batch: int = 4096

    @property
    def _device(self) -> torch.device:
        return self.part.labels.device

    @cached_property
    def _damages(self) -> dict[tuple[int, str, int], Damage]:
        """(modality, noise, draw) -> what was drawn, for every noise that the grid uses."""
        found: dict[tuple[int, str, int], Damage] = {}
        for index in range(len(self.shape.modalities)):
            for seen in self.grid.inputs(index):
                if seen.noise is not None and (index, seen.noise, seen.draw) not in found:
                    found[index, seen.noise, seen.draw] = self.corruptor.damage(
                        self.grid.noises[seen.noise],
                        index,
                        self.part.positions,
                        seen.draw,
                        self._device,
                    )
        return found

    def values_digest(self) -> str:
        """Return the digest of the normalised test features and of every drawn tensor.

        A diagnostic: float rounding makes it differ between kinds of machines.
        """
        sha = hashlib.sha256()
        for name in self.shape.names:
            sha.update(self.part.features[name].values.cpu().numpy().tobytes())
        for key in sorted(self._damages):
            for tensor in self._damages[key].tensors():
                sha.update(np.ascontiguousarray(tensor.cpu().numpy()).tobytes())
        return sha.hexdigest()

    def donors_from(self, utterances: NDArray[np.int64]) -> dict[str, float]:
        """Return noise -> share of its loans that come from some utterances of the corpus."""
        loans: dict[str, list[NDArray[np.int64]]] = {}
        for (_, noise, _), damage in self._damages.items():
            if len(lenders := damage.lenders()):
                loans.setdefault(noise, []).append(lenders)
        return {
            noise: float(np.isin(np.concatenate(found), utterances).mean())
            for noise, found in loans.items()
        }

    def sequences(self, modality: int, seen: ModalityInput) -> Ragged:
        """Return one modality's features under an input that is not `absent`."""
        clean = self.part.features[self.shape.names[modality]]
        if seen.noise is None or seen.point is None:
            return clean
        damage = self._damages[modality, seen.noise, seen.draw]
        return clean.with_values(damage.apply(clean, seen.point))

    def absent(self, modality: int, how: AbsentInput) -> Ragged:
        """Return what a modality reads as when it is absent: one sequence, or one an utterance."""
        shape = self.shape.modalities[modality]
        if how == "zeros":
            return zero_input(shape, self._device)
        return self.corruptor.absent_noise(
            modality, self.part.positions, shape.typical_length, self._device
        )

    def states(self, condition: Condition, method: Method) -> Tensor:
        """Return (n, M) what the method is told under a condition."""
        told = [int(_as_seen(seen, method).state) for seen in condition.inputs]
        row = torch.tensor(told, dtype=torch.int8, device=self._device)
        return torch.where(self.part.available, row, int(State.ABSENT)).to(torch.int8)

    @torch.no_grad()
    def evaluate(
        self, method: Method, predictor: EncodeFuse | BlackBox, key: tuple[seeds.Part, ...] = ()
    ) -> GridPredictions:
        """Predict every utterance once under every condition.

        Args:
            method: how absent and noised modalities are to be shown.
            predictor: the trained network, or the trained black box itself.
            key: fold and seed, for networks whose rows are not independent (see `fuse`).

        Raises:
            CellError: the combined and the direct way disagree, or a prediction is not finite.
        """
        n, total = len(self.part), len(self.grid.conditions)
        predictions = np.empty((total, n), np.int16)
        probabilities = np.empty((total, n, self.shape.classes), np.float16)
        logits_of = (
            self._combined(method, predictor, key)
            if isinstance(predictor, EncodeFuse)
            else self._direct(method, predictor)
        )
        first = 0
        for logits in logits_of:
            if not bool(torch.isfinite(logits).all()):
                name = self.grid.conditions[first].name
                raise CellError(f"{type(method).__name__} predicts non-finite logits ({name})")
            block = slice(first, first + len(logits))
            predictions[block] = logits.argmax(-1).cpu().numpy()
            probabilities[block] = logits.double().softmax(-1).cpu().numpy()
            first += len(logits)
        if isinstance(predictor, EncodeFuse):
            self._spot_check(method, predictor, key, probabilities)
        return GridPredictions(predictions, probabilities)

    def _combined(
        self, method: Method, predictor: EncodeFuse, key: tuple[seeds.Part, ...]
    ) -> Iterator[Tensor]:
        """Yield (k, n, C) logits of the next k conditions."""
        known = [self._embeddings(m, method, predictor) for m in range(len(self.shape.names))]
        at_once = max(1, self.batch // max(1, len(self.part)))
        if fused_rows(predictor) is not None:
            at_once = 1  # rows of one condition are each other's company
        conditions = self.grid.conditions
        for start in range(0, len(conditions), at_once):
            some = conditions[start : start + at_once]
            embeddings = {
                name: torch.cat([known[m][_as_seen(c.inputs[m], method)] for c in some])
                for m, name in enumerate(self.shape.names)
            }
            states = torch.cat([self.states(c, method) for c in some])
            logits = fuse(predictor, embeddings, states, *key, some[0].identity)
            yield logits.unflatten(0, (len(some), len(self.part)))

    def _embeddings(
        self, modality: int, method: Method, predictor: EncodeFuse
    ) -> dict[ModalityInput, Tensor]:
        """Return (n, E) embeddings under every input that one modality meets."""
        name = self.shape.names[modality]
        stand_in = self.absent(modality, method.absent_input)
        gone = embed_sequences(predictor, name, stand_in, State.ABSENT)
        found = {ABSENT: gone.expand(len(self.part), -1)}
        for seen in self.grid.inputs(modality):
            seen = _as_seen(seen, method)
            if seen not in found:
                found[seen] = embed_available(
                    predictor,
                    name,
                    self.sequences(modality, seen),
                    self.part.available[:, modality],
                    seen.state,
                    gone,
                )
        return found

    def observation(self, condition: Condition, method: Method, rows: Tensor) -> Observation:
        """Return some utterances under a condition, the plain way."""
        states = self.states(condition, method)[rows]
        modalities = {}
        for index, name in enumerate(self.shape.names):
            seen = _as_seen(condition.inputs[index], method)
            absent = self.absent(index, method.absent_input)
            modalities[name] = observe(
                self.sequences(index, seen),
                rows,
                states[:, index],
                absent if len(absent) == 1 else absent.take(rows),
            )
        return Observation(modalities, states)

    def _direct(self, method: Method, predictor: BlackBox) -> Iterator[Tensor]:
        """Yield (1, n, C) log-probabilities of each condition."""
        everyone = torch.arange(len(self.part), device=self._device)
        for condition in self.grid.conditions:
            seen = self.observation(condition, method, everyone)
            found = torch.from_numpy(np.asarray(predictor.predict_proba(seen), np.float64))
            if found.shape != (len(self.part), self.shape.classes):
                raise CellError(
                    f"{type(method).__name__}.predict_proba returned shape {tuple(found.shape)}, "
                    f"expected {(len(self.part), self.shape.classes)} ({condition.name})"
                )
            yield found.clamp(min=1e-12).log()[None]

    def _spot_check(
        self,
        method: Method,
        predictor: EncodeFuse,
        key: tuple[seeds.Part, ...],
        probabilities: NDArray[np.float16],
    ) -> None:
        """Compute a spread of conditions and utterances the direct way, and compare."""
        conditions = np.linspace(0, len(self.grid.conditions) - 1, _SPOT_CONDITIONS).astype(int)
        # Rows that are not independent can only be checked in all their company.
        checked = _SPOT_UTTERANCES if fused_rows(predictor) is None else len(self.part)
        utterances = np.linspace(0, len(self.part) - 1, checked).astype(int)
        rows = torch.from_numpy(np.unique(utterances)).to(self._device)
        for index in np.unique(conditions):
            condition = self.grid.conditions[index]
            seen = self.observation(condition, method, rows)
            embeddings = {m: predictor.encode(m, seen.modalities[m]) for m in self.shape.names}
            logits = fuse(predictor, embeddings, seen.states, *key, condition.identity)
            direct = logits.double().softmax(1).cpu().numpy()
            combined = probabilities[index][rows.cpu().numpy()]
            apart = float(np.abs(direct - combined.astype(np.float64)).max())
            if apart > TOLERANCE:
                raise CellError(
                    f"{type(method).__name__}: combined and direct predictions differ by "
                    f"{apart:.2g} under {condition.name!r}; encode or fuse looks at more than "
                    "its own row"
                )


def _as_seen(seen: ModalityInput, method: Method) -> ModalityInput:
    """Return an input as a method takes it: noised counts as absent where the method says so."""
    if seen.state == State.NOISED and method.config.noised_as == "absent":
        return ABSENT
    return seen
