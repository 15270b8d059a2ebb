"""What training steps see: which patterns are drawn, and what stands in for what is missing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from merbench import seeds
from merbench.corruption.schedule import STEPS, signal_share
from merbench.corruption.training import TrainingNoise
from merbench.features.many import (
    Indices,
    ManySequences,
    Pool,
    begins,
    distinct,
    joined,
    put,
    spans,
)
from merbench.features.observation import State, zero_frames
from merbench.features.part import CorpusShape, Part
from merbench.features.ragged import Ragged
from merbench.methods.base import Sampling, TeacherRows
from merbench.training.batches import Batches, ManyObserved, Reads


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
class Source:
    """What the batches of one network are made from.

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

    def noised(self, modality: int, epoch: int) -> Ragged | None:
        """Draw a modality of the training part under the suite's noises; None where none applies.

        Raises:
            ValueError: the stage trains on them, and there are none.
        """
        if self.noise is None:
            raise ValueError("a stage that trains on the suite's noise was given none")
        if not self.noise.choices[modality]:
            return None
        return self.noise.noised(modality, (*self.noise_key, epoch))


class Sampler:
    """Makes the batches of networks of one stage: of one alone, or of all that train together.

    Each network draws from its own generator what it would draw alone. What is then put together is
    put together for all of them at once.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        """Take what batches are made from; the folds' shapes have one layout."""
        self.sources = tuple(sources)
        first = self.sources[0]
        self.sampling, self.names = first.sampling, first.shape.names
        self.device = first.part.labels.device
        parts = [source.part for source in self.sources]
        self._parts, first_rows = distinct(parts)
        self._begin = np.array(first_rows)
        self._labels = joined([part.labels for part in self._parts])
        self._available = joined([part.available for part in self._parts])
        self._clean = {
            name: Pool.of([part.features[name] for part in self._parts]) for name in self.names
        }
        self._teacher = {
            name: TeacherRows(
                joined([source.teacher[name].clean for source in self.sources]),
                torch.stack([source.teacher[name].absent for source in self.sources]),
            )
            for name in first.teacher
        }
        self._begin_taught = np.array(begins(parts))
        self._pools = self._clean
        self._missing = self._withheld()

    def start_epoch(self, epoch: int, places: Sequence[int] = (0,)) -> None:
        """Draw what some networks need for an epoch as a whole: every utterance comes once in it.

        Raises:
            ValueError: the suite's noises are wanted, and there are none.
        """
        if self.sampling.train_noise != "suite":
            return
        self._begin_noised = np.zeros_like(self._begin)
        first_rows = begins([self.sources[place].part for place in places])
        self._begin_noised[list(places)] = np.array(first_rows) + len(self._labels)
        self._pools = dict(self._clean)  # those of the epoch before make room
        for index, name in enumerate(self.names):
            drawn = [self.sources[place].noised(index, epoch) for place in places]
            noised = [sequences for sequences in drawn if sequences is not None]
            if noised:
                # Clean sequences first, then each network's: a row reads one or the other.
                clean = [part.features[name] for part in self._parts]
                self._pools[name] = Pool.of([*clean, *noised])
        self._missing = self._withheld()

    def batches(
        self, places: Sequence[int], rows: Sequence[Tensor], progress: Sequence[float]
    ) -> Batches:
        """Make the next batch of some networks.

        Args:
            places: of the networks, increasing.
            rows: (B,) training utterances of each; all have one size.
            progress: share of the stage's epochs that each has done.
        """
        some = list(places)
        own = torch.stack([*rows])
        at = own + self._put(self._begin[some, None])
        available = self._available[at]
        states = self.states(some, available)
        # The only time that a step waits for the device.
        told = torch.cat([own, states.flatten(1)], 1).cpu().numpy()
        on_host, seen = told[:, : own.shape[1]], told[:, own.shape[1] :]
        seen = seen.reshape(*on_host.shape, -1)
        members = self._put(np.array(some))
        taught = own + self._put(self._begin_taught[some, None]) if self._teacher else own
        weights = [w for w in (self.sources[p].class_weights for p in some) if w is not None]
        return Batches(
            self._labels[at],
            states,
            available,
            {
                name: self._observe(column, some, on_host, seen[..., column])
                for column, name in enumerate(self.names)
            },
            {
                name: TeacherRows(t.clean[taught], t.absent[members])
                for name, t in self._teacher.items()
            },
            [*progress],
            torch.stack(weights) if weights else None,
        )

    def states(self, places: Sequence[int], available: Tensor) -> Tensor:
        """Draw (n, B, M) states for a step from what is available, (n, B, M)."""
        if self.sampling.patterns == "complete":
            shown = available
        else:
            codes = (available * self._bits).sum(-1)
            uniform = torch.empty(codes.shape, device=self.device)
            for row, place in zip(uniform, places, strict=True):
                row.uniform_(generator=self.sources[place].generator)
            draw = (uniform * self._choices[codes]).long()
            shown = (self._allowed[codes, draw][..., None] & self._bits) > 0
        states = torch.where(available, self._missing, int(State.ABSENT)).to(torch.int8)
        states[shown] = State.PRESENT
        return states

    def _put(self, array: Indices) -> Tensor:
        return put(array, self.device)

    @cached_property
    def _bits(self) -> Tensor:
        return 2 ** torch.arange(len(self.names), device=self.device)

    @cached_property
    def _allowed(self) -> Tensor:
        """(2^M, 2^M) each row lists the patterns allowed for a set of modalities, then padding."""
        table = pattern_table(len(self.names), self.sampling.include_complete)
        return (~table).to(torch.uint8).argsort(dim=1, stable=True).to(self.device)

    @cached_property
    def _choices(self) -> Tensor:
        table = pattern_table(len(self.names), self.sampling.include_complete)
        return table.sum(1).to(self.device)

    @cached_property
    def _signal(self) -> Tensor:
        shares = torch.tensor(signal_share("scaled_linear"), dtype=torch.float32)
        return shares.to(self.device)

    @cached_property
    def _between(self) -> Tensor:
        """(T - 1,) the severity half-way from each step of the schedule to the next."""
        severity = 1 - self._signal[1:]
        return (severity[1:] + severity[:-1]) / 2

    def _withheld(self) -> Tensor:
        """Return (M,) the state of what a step of this epoch withholds: noised, or absent."""
        scheduled = self.sampling.train_noise == "scheduler"
        noised = [scheduled or self._is_noised(name) for name in self.names]
        states = np.where(noised, int(State.NOISED), int(State.ABSENT)).astype(np.int8)
        return put(states, self.device)

    def _is_noised(self, modality: str) -> bool:
        """Say whether the suite's noises apply to a modality in this epoch."""
        return self._pools[modality] is not self._clean[modality]

    def _observe(
        self, column: int, places: list[int], own: Indices, states: NDArray[np.int64]
    ) -> ManyObserved:
        """Put together what networks see of a modality.

        Args:
            column: of the modality.
            places: of the networks.
            own: (n, B) training utterances of each.
            states: (n, B).
        """
        pool = self._pools[self.names[column]]
        begin = self._begin[places, None]
        if self._is_noised(self.names[column]):
            begin = np.where(states == State.NOISED, self._begin_noised[places, None], begin)
        shared = self.sampling.absent_input != "noise"
        reads = Reads.of(own + begin, states == State.ABSENT, shared)
        shapes = [self.sources[place].shape.modalities[column] for place in places]
        frames = np.array([zero_frames(s) if shared else s.typical_length for s in shapes])
        lengths = np.where(reads.stands_in, frames[:, None], pool.lengths_of(reads.source))
        found = pool.take(reads.source, lengths)
        if reads.stands_in.any():
            where = spans(found.starts[reads.stands_in], lengths[reads.stands_in], self.device)
            if shared:
                found.values.index_fill_(0, where, 0)
            else:
                found.values[where] = self._absent_noise(places, states, frames, found)
        if self.sampling.train_noise == "scheduler":
            self._mix_noise(places, states, reads, found)
        return ManyObserved(found, self._put(reads.rows))

    def _levels(self, uniform: Tensor) -> Tensor:
        """Return levels 1..T for numbers drawn uniformly from [0, 1)."""
        if self.sampling.level_scale == "steps":
            return (uniform * STEPS).long() + 1
        return torch.bucketize(uniform, self._between) + 1

    def _absent_noise(
        self, places: list[int], states: NDArray[np.int64], frames: Indices, like: ManySequences
    ) -> Tensor:
        """Draw N(0, 1) frames for what is absent, in the order of networks and utterances.

        A network that lacks anything draws for all utterances of its batch.
        """
        absent = states == State.ABSENT
        drawn = np.where(absent.any(1), frames * states.shape[1], 0)
        noise = self._normal(places, drawn, like)
        member, utterance = absent.nonzero()
        first = (drawn.cumsum() - drawn)[member] + utterance * frames[member]
        return noise[spans(first, frames[member], self.device)]

    def _normal(self, places: list[int], counts: Indices, like: ManySequences) -> Tensor:
        """Draw N(0, 1) frames, so many for each network, one network after the other."""
        width = like.values.shape[1]
        noise = torch.empty(int(counts.sum()), width, device=self.device)
        for part, place in zip(noise.split(counts.tolist()), places, strict=True):
            if len(part):
                part.normal_(generator=self.sources[place].generator)
        return noise

    def _mix_noise(
        self, places: list[int], states: NDArray[np.int64], reads: Reads, found: ManySequences
    ) -> None:
        """Mix noise into the sequences in state `NOISED`, each at its level."""
        noised = np.zeros(reads.source.shape, dtype=np.bool_)
        np.put_along_axis(noised, reads.rows, states == State.NOISED, 1)
        each = self.sampling.level_draw == "utterance"
        sequences = ((reads.source >= 0) | reads.stands_in).sum(1)
        uniform = torch.zeros(noised.shape if each else (len(places), 1), device=self.device)
        for row, place, count in zip(uniform, places, sequences.tolist(), strict=True):
            row[: count if each else 1].uniform_(generator=self.sources[place].generator)
        level = self._levels(uniform).expand(noised.shape)
        lengths = np.where(noised, found.lengths, 0)
        e = self._normal(places, lengths.sum(1), found)
        counts = self._put(lengths.ravel())
        share = self._signal[level].flatten().repeat_interleave(counts, output_size=len(e))
        share = share[:, None]
        hit = spans(found.starts[noised], found.lengths[noised], self.device)
        found.values[hit] = found.values[hit] * share.sqrt() + e * (1 - share).sqrt()
