"""What a training step sees: which patterns are drawn, and what stands in for what is missing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from merbench import seeds
from merbench.corruption.schedule import STEPS, signal_share
from merbench.corruption.training import TrainingNoise
from merbench.features.observation import ObservedModality, State, observe, zero_input
from merbench.features.part import CorpusShape, ModalityShape, Part
from merbench.features.ragged import Ragged
from merbench.methods.base import Batch, Sampling, TeacherRows


def batches(n: int, size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Yield every position of 0..n-1 once, shuffled, in batches of `size`.

    The last batch is what is left; a batch of one has no moments to align and no variance to
    normalise, so a single left-over joins the batch before it.
    """
    order = torch.randperm(n, generator=generator, device=generator.device)
    starts = list(range(0, n, size))
    if len(starts) > 1 and n - starts[-1] == 1:
        starts.pop()
    for start, end in zip(starts, [*starts[1:], n], strict=True):
        yield order[start:end]


def pattern_table(modalities: int, include_complete: bool) -> Tensor:
    """Return (2^M, 2^M) bool: may an utterance that has the modalities of row show those of column?

    Sets are coded as bits. A pattern is a non-empty subset of what the utterance has; the complete
    one only where `include_complete`. An utterance that has nothing shows nothing.
    """
    codes = torch.arange(2**modalities)
    allowed = (codes[None, :] & ~codes[:, None]) == 0
    allowed[:, 0] = False
    if not include_complete:
        allowed[:, -1] = False
    allowed[0, 0] = True
    return allowed


@dataclass(frozen=True)
class Sampler:
    """Makes the batches of one stage on one training part.

    Attributes:
        part: the training utterances.
        shape: of the fold.
        sampling: the stage's.
        teacher: modality -> embeddings of all training utterances; empty without a teacher.
        generator: of every draw made here, the suite's noises aside.
        class_weights: (C,) of the cross-entropy, or None.
        noise: the suite's noises on `part`; needed where the stage trains on them.
        noise_key: of their draws: fold, seed and stage.
    """

    part: Part
    shape: CorpusShape
    sampling: Sampling
    teacher: dict[str, TeacherRows]
    generator: torch.Generator
    class_weights: Tensor | None = None
    noise: TrainingNoise | None = None
    noise_key: tuple[seeds.Part, ...] = ()
    _noisy: dict[str, Ragged] = field(default_factory=dict, init=False, repr=False)

    def start_epoch(self, epoch: int) -> None:
        """Draw what an epoch needs as a whole: every utterance comes once in it."""
        if self.sampling.train_noise != "suite":
            return
        if self.noise is None:
            raise ValueError("a stage that trains on the suite's noise was given none")
        for index, name in enumerate(self.shape.names):
            if self.noise.choices[index]:
                noisy = self.noise.noised(index, (*self.noise_key, epoch))
                # Clean sequences first, noisy ones after: a row reads one or the other.
                both = [self.part.features[name], noisy]
                self._noisy[name] = Ragged.concatenate(both)

    @cached_property
    def _device(self) -> torch.device:
        return self.part.labels.device

    @cached_property
    def _bits(self) -> Tensor:
        return 2 ** torch.arange(len(self.shape.modalities), device=self._device)

    @cached_property
    def _allowed(self) -> Tensor:
        """(2^M, 2^M) each row lists the patterns allowed for a set of modalities, then padding."""
        table = pattern_table(len(self.shape.modalities), self.sampling.include_complete)
        return (~table).to(torch.uint8).argsort(dim=1, stable=True).to(self._device)

    @cached_property
    def _choices(self) -> Tensor:
        table = pattern_table(len(self.shape.modalities), self.sampling.include_complete)
        return table.sum(1).to(self._device)

    @cached_property
    def _zeros(self) -> dict[str, Ragged]:
        return {m.name: zero_input(m, self._device) for m in self.shape.modalities}

    @cached_property
    def _signal(self) -> Tensor:
        shares = torch.tensor(signal_share("scaled_linear"), dtype=torch.float32)
        return shares.to(self._device)

    def _uniform(self, n: int) -> Tensor:
        return torch.rand(n, generator=self.generator, device=self._device)

    def states(self, rows: Tensor) -> Tensor:
        """Draw (B, M) states for a step."""
        available = self.part.available[rows]
        if self.sampling.patterns == "complete":
            shown = available
        else:
            codes = (available * self._bits).sum(1)
            draw = (self._uniform(len(rows)) * self._choices[codes]).long()
            shown = (self._allowed[codes, draw][:, None] & self._bits) > 0
        states = torch.where(available, self._missing, int(State.ABSENT)).to(torch.int8)
        states[shown] = State.PRESENT
        return states

    @cached_property
    def _missing(self) -> Tensor:
        """(M,) state of what a step withholds; asked for when an epoch has started."""
        names = self.shape.names
        states = [State.NOISED if self._is_noised(m) else State.ABSENT for m in names]
        return torch.tensor(states, dtype=torch.int8, device=self._device)

    def _is_noised(self, modality: str) -> bool:
        """Say whether a modality that is withheld in a step is noised there, not absent."""
        if self.sampling.train_noise == "suite":
            return modality in self._noisy
        return self.sampling.train_noise == "scheduler"

    def batch(self, rows: Tensor, progress: float) -> Batch:
        """Make the batch of some training utterances."""
        states = self.states(rows)
        observed = {
            modality.name: self._observe(modality, rows, states[:, column])
            for column, modality in enumerate(self.shape.modalities)
        }
        teacher = {
            name: TeacherRows(known.clean[rows], known.absent)
            for name, known in self.teacher.items()
        }
        return Batch(
            self.part.labels[rows],
            states,
            self.part.available[rows],
            observed,
            teacher,
            progress,
            self.class_weights,
        )

    def _observe(self, modality: ModalityShape, rows: Tensor, states: Tensor) -> ObservedModality:
        absent = self._zeros[modality.name]
        if self.sampling.absent_input == "noise" and bool((states == State.ABSENT).any()):
            absent = self._absent_noise(modality, len(rows))
        source = self._noisy.get(modality.name, self.part.features[modality.name])
        if modality.name in self._noisy:
            rows = torch.where(states == State.NOISED, rows + len(self.part), rows)
        seen = observe(source, rows, states, absent)
        if self.sampling.train_noise != "scheduler":
            return seen
        return ObservedModality(self._noised(seen), seen.rows, seen.states)

    def _absent_noise(self, modality: ModalityShape, n: int) -> Ragged:
        values = torch.randn(
            n * modality.typical_length,
            modality.width,
            generator=self.generator,
            device=self._device,
        )
        return Ragged(values, torch.full((n,), modality.typical_length, device=self._device))

    def _noised(self, seen: ObservedModality) -> Ragged:
        """Mix noise into the sequences in state `NOISED`, each at its level."""
        sequences = seen.sequences
        noised = torch.zeros(len(sequences), dtype=torch.bool, device=self._device)
        noised[seen.rows] = seen.states == State.NOISED
        draws = len(sequences) if self.sampling.level_draw == "utterance" else 1
        level = ((self._uniform(draws) * STEPS).long() + 1).expand(len(sequences))
        signal = torch.where(noised, self._signal[level], 1.0)[sequences.row]
        hit = noised[sequences.row].nonzero().squeeze(1)
        values, share = sequences.values.clone(), signal[hit, None]
        e = torch.randn(len(hit), sequences.width, generator=self.generator, device=self._device)
        values[hit] = values[hit] * share.sqrt() + e * (1 - share).sqrt()
        return sequences.with_values(values)
