"""The grid evaluator: every condition of the grid from one pass over each modality's inputs.

A condition is a choice, for each modality, of one of a few inputs (clean, absent, one of the
corruptions). Each input is encoded once; conditions only re-combine embeddings. They are taken in
rounds that share noised inputs, and what is found is handed on as it comes, so that memory depends
neither on how many conditions there are nor on how many points a noise has. A sample of conditions
is computed the direct way as well and must agree.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from merbench import seeds
from merbench.corruption.corruptor import Corruptor
from merbench.corruption.grid import ABSENT, CLEAN, Condition, Grid, ModalityInput
from merbench.corruption.missing import MissingDraw
from merbench.corruption.noises.base import Damage
from merbench.errors import CellError
from merbench.evaluation.embed import embed_inputs, embed_sequences, frames_at_once
from merbench.evaluation.fuse import fuse, fused_rows
from merbench.evaluation.predictions import Block, GridPredictions
from merbench.evaluation.rounds import Embedded, Inputs, rounds
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


class _Logits(NamedTuple):
    """(k, n, C) logits of every utterance under the conditions of k numbers."""

    conditions: Sequence[int]
    logits: Tensor


@dataclass(frozen=True)
class GridEvaluator:
    """Evaluates trained methods on one part, under one grid.

    Attributes:
        part: the test utterances.
        shape: of the fold.
        grid: the conditions.
        corruptor: draws the damage.
        batch: rows fused at once.
        share: of the rows and frames that are taken at once, one part in so many; more than 1 where
            memory did not suffice for all.
    """

    part: Part
    shape: CorpusShape
    grid: Grid
    corruptor: Corruptor
    batch: int = 4096
    share: int = 1

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

    @cached_property
    def _missing(self) -> dict[int, MissingDraw]:
        """Draw -> what was drawn for modalities that are missing at random."""
        draws = {c.missing.draw for c in self.grid.conditions if c.missing is not None}
        return {draw: self.corruptor.missing(self.part.positions, draw) for draw in sorted(draws)}

    def there(self, condition: Condition) -> Tensor:
        """Return (n, M) which modalities each utterance has, whatever their condition makes of it.

        That is what the corpus has, without what is missing at random.
        """
        if condition.missing is None:
            return self.part.available
        gone = self._missing[condition.missing.draw].gone(condition.missing)
        return self.part.available & ~torch.from_numpy(gone).to(self._device)

    def forget(self) -> bool:
        """Drop the noise that was drawn; it is drawn again, and equal, when it is asked for.

        Returns:
            Whether there was any.
        """
        return vars(self).pop("_damages", None) is not None

    @cached_property
    def values_digest(self) -> str:
        """The digest of the normalised test features and of every drawn tensor.

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
        return self._told([_shown(condition, method)], self.there(condition)[None])

    def _told(self, inputs: Sequence[Inputs], there: Tensor) -> Tensor:
        """Return (k n, M) what is told under k conditions, one after the other.

        Args:
            inputs: of each condition.
            there: (k, n, M) which modalities each utterance has.
        """
        rows = [[int(seen.state) for seen in shown] for shown in inputs]
        told = torch.tensor(rows, dtype=torch.int8, device=self._device)[:, None]
        return torch.where(there, told, int(State.ABSENT)).to(torch.int8).flatten(0, 1)

    def evaluate(
        self, method: Method, predictor: EncodeFuse | BlackBox, key: tuple[seeds.Part, ...] = ()
    ) -> GridPredictions:
        """Predict every utterance once under every condition; see `blocks`."""
        return GridPredictions.collect(
            self.blocks(method, predictor, key),
            len(self.grid.conditions),
            len(self.part),
            self.shape.classes,
        )

    @torch.no_grad()
    def blocks(
        self, method: Method, predictor: EncodeFuse | BlackBox, key: tuple[seeds.Part, ...] = ()
    ) -> Iterator[Block]:
        """Yield predictions of every utterance, some conditions at a time, each condition once.

        Args:
            method: how absent and noised modalities are to be shown.
            predictor: the trained network, or the trained black box itself.
            key: fold and seed, for networks whose rows are not independent (see `fuse`).

        Raises:
            CellError: the combined and the direct way disagree, or a prediction is not finite.
        """
        if not isinstance(predictor, EncodeFuse):
            for found in self._direct(method, predictor):
                yield self._block(found, method)
            return
        last = len(self.grid.conditions) - 1
        checked = {*np.linspace(0, last, _SPOT_CONDITIONS).astype(int).tolist()}
        for found in self._combined(method, predictor, key):
            block = self._block(found, method)
            for number, probabilities in zip(found.conditions, block.probabilities, strict=True):
                if number in checked:
                    condition = self.grid.conditions[number]
                    self._spot_check(condition, method, predictor, key, probabilities)
            yield block

    def _block(self, found: _Logits, method: Method) -> Block:
        finite = torch.isfinite(found.logits).flatten(1).all(1).cpu().numpy()
        if not finite.all():
            name = self.grid.conditions[found.conditions[int(finite.argmin())]].name
            raise CellError(f"{type(method).__name__} predicts non-finite logits ({name})")
        return Block(
            np.array(found.conditions, np.int64),
            found.logits.argmax(-1).cpu().numpy().astype(np.int16),
            found.logits.double().softmax(-1).cpu().numpy().astype(np.float16),
        )

    def _combined(
        self, method: Method, predictor: EncodeFuse, key: tuple[seeds.Part, ...]
    ) -> Iterator[_Logits]:
        """Yield logits found by combining embeddings, in an order that lets few be held."""
        at_once = max(1, self.batch // self.share // max(1, len(self.part)))
        if fused_rows(predictor) is not None:
            at_once = 1  # rows of one condition are each other's company
        inputs = [_shown(condition, method) for condition in self.grid.conditions]
        known = self._lasting(inputs, method, predictor)
        for each in rounds(inputs, self._inputs_at_once):
            known |= self._embeddings(each.embed, known, predictor)
            for some in np.array_split(each.conditions, -(-len(each.conditions) // at_once)):
                numbers = some.tolist()
                there = [self.there(self.grid.conditions[k]) for k in numbers]
                embeddings = {
                    name: torch.cat(
                        [
                            self._as_met(known, Embedded(m, inputs[k][m]), here, k)
                            for k, here in zip(numbers, there, strict=True)
                        ]
                    )
                    for m, name in enumerate(self.shape.names)
                }
                states = self._told([inputs[k] for k in numbers], torch.stack(there))
                identity = self.grid.conditions[numbers[0]].identity
                logits = fuse(predictor, embeddings, states, *key, identity)
                yield _Logits(numbers, logits.unflatten(0, (len(numbers), len(self.part))))
            for gone in each.forget:
                del known[gone]

    def _as_met(
        self, known: Mapping[Embedded, Tensor], seen: Embedded, there: Tensor, number: int
    ) -> Tensor:
        """Return (n, E) embeddings of one modality under one condition.

        Args:
            known: (n, E) embeddings of each input; where the corpus lacks it, of what is absent.
            seen: the input that the condition shows.
            there: (n, M) which modalities each utterance has under the condition.
            number: of the condition.
        """
        if self.grid.conditions[number].missing is None:
            return known[seen]
        absent = known[Embedded(seen.modality, ABSENT)]
        return torch.where(there[:, seen.modality, None], known[seen], absent)

    @property
    def _inputs_at_once(self) -> int:
        """How many inputs of a modality an encoder reads in one pass."""
        frames = max(ragged.total for ragged in self.part.features.values())
        return max(1, frames_at_once(self._device, share=self.share) // max(1, frames))

    def _lasting(
        self, inputs: Sequence[Inputs], method: Method, predictor: EncodeFuse
    ) -> dict[Embedded, Tensor]:
        """Return (n, E) embeddings of each modality where it is absent, and where it is clean."""
        found: dict[Embedded, Tensor] = {}
        for m, name in enumerate(self.shape.names):
            stand_in = self.absent(m, method.absent_input)
            gone = embed_sequences(predictor, name, stand_in, State.ABSENT, self.share)
            found[Embedded(m, ABSENT)] = gone.expand(len(self.part), -1)
            if any(shown[m] == CLEAN for shown in inputs):
                found |= self._embeddings([Embedded(m, CLEAN)], found, predictor)
        return found

    def _embeddings(
        self, wanted: Sequence[Embedded], known: Mapping[Embedded, Tensor], predictor: EncodeFuse
    ) -> dict[Embedded, Tensor]:
        """Return (n, E) embeddings of some inputs that are not `absent`, which is known."""
        together: defaultdict[tuple[int, State], list[Embedded]] = defaultdict(list)
        for each in wanted:
            together[each.modality, each.seen.state].append(each)
        found: dict[Embedded, Tensor] = {}
        for (m, state), some in together.items():
            embeddings = embed_inputs(
                predictor,
                self.shape.names[m],
                [self.sequences(m, each.seen) for each in some],
                self.part.available[:, m],
                state,
                known[Embedded(m, ABSENT)],
                self.share,
            )
            found.update(zip(some, embeddings, strict=True))
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

    def _direct(self, method: Method, predictor: BlackBox) -> Iterator[_Logits]:
        """Yield log-probabilities of each condition."""
        everyone = torch.arange(len(self.part), device=self._device)
        for number, condition in enumerate(self.grid.conditions):
            seen = self.observation(condition, method, everyone)
            found = torch.from_numpy(np.asarray(predictor.predict_proba(seen), np.float64))
            if found.shape != (len(self.part), self.shape.classes):
                raise CellError(
                    f"{type(method).__name__}.predict_proba returned shape {tuple(found.shape)}, "
                    f"expected {(len(self.part), self.shape.classes)} ({condition.name})"
                )
            yield _Logits([number], found.clamp(min=1e-12).log()[None])

    def _spot_check(
        self,
        condition: Condition,
        method: Method,
        predictor: EncodeFuse,
        key: tuple[seeds.Part, ...],
        combined: NDArray[np.float16],
    ) -> None:
        """Compute a spread of utterances the direct way, and compare with (n, C) probabilities."""
        # Rows that are not independent can only be checked in all their company.
        checked = _SPOT_UTTERANCES if fused_rows(predictor) is None else len(self.part)
        utterances = np.unique(np.linspace(0, len(self.part) - 1, checked).astype(int))
        seen = self.observation(condition, method, torch.from_numpy(utterances).to(self._device))
        embeddings = {m: predictor.encode(m, seen.modalities[m]) for m in self.shape.names}
        logits = fuse(predictor, embeddings, seen.states, *key, condition.identity)
        direct = logits.double().softmax(1).cpu().numpy()
        apart = float(np.abs(direct - combined[utterances].astype(np.float64)).max())
        if apart > TOLERANCE:
            raise CellError(
                f"{type(method).__name__}: combined and direct predictions differ by "
                f"{apart:.2g} under {condition.name!r}; encode or fuse looks at more than "
                "its own row"
            )


def _shown(condition: Condition, method: Method) -> Inputs:
    """Return the inputs of a condition as a method takes them."""
    return tuple(_as_seen(seen, method) for seen in condition.inputs)


def _as_seen(seen: ModalityInput, method: Method) -> ModalityInput:
    """Return an input as a method takes it: noised counts as absent where the method says so."""
    if seen.state == State.NOISED and method.config.noised_as == "absent":
        return ABSENT
    return seen
