"""Encoders: one modality's sequence to one vector of width d."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from merbench.features.many import ManySequences, put
from merbench.features.observation import ObservedModality
from merbench.features.part import CorpusShape, ModalityShape
from merbench.features.ragged import Ragged
from merbench.methods.parts.draws import Dropout
from merbench.methods.parts.recurrence import lstm_maximum
from merbench.methods.parts.windows import window_maximum

WIDTH = 128
TEXT_DROPOUT = 0.5
VECTOR_DROPOUT = 0.5
KERNELS = (3, 4, 5)
# Measured: what another run costs, in sequences of its length.
_LSTM_RUN, _TEXT_RUN = 8, 16


@dataclass(frozen=True)
class ReadModality:
    """An observation whose sequences the bodies of encoders have read already.

    Attributes:
        features: name of an encoder in its network -> (B, E) what its body made of each utterance.
        states: (B,) int8 values of `State`.
    """

    features: Mapping[str, Tensor]
    states: Tensor

    def __len__(self) -> int:
        return len(self.states)


class Encoder(nn.Module):
    """Encodes observations in two steps, so that shared sequences are read once.

    `body` is deterministic and sees each of the R sequences; `head` holds the dropout and sees
    each of the B utterances.

    Attributes:
        modality: that it reads.
        slot: its name in the network, where the network trains in a fleet.
    """

    modality = ""
    slot = ""

    def body(self, sequences: Ragged) -> Tensor:
        """Return (R, E) features of R sequences."""
        raise NotImplementedError

    def bodies(self, sequences: ManySequences, parameters: Mapping[str, Tensor]) -> Tensor:
        """Return (N, R, E): what N encoders of this kind make of R sequences each.

        Args:
            sequences: of each encoder; rows that one has less than R have no meaning.
            parameters: the N encoders' parameters, name -> (N, ...).
        """
        raise NotImplementedError

    def head(self, features: Tensor) -> Tensor:
        """Return (B, d) embeddings from (B, E) features."""
        return features

    def forward(self, observed: ObservedModality | ReadModality) -> Tensor:
        """Return (B, d) embeddings."""
        if isinstance(observed, ReadModality):
            return self.head(observed.features[self.slot])
        return self.head(self.body(observed.sequences)[observed.rows])


class LstmEncoder(Encoder):
    """One unidirectional LSTM layer, max-pooled over the frames that exist (kind `sequence`)."""

    def __init__(self, inputs: int, width: int = WIDTH) -> None:
        super().__init__()
        self.lstm = nn.LSTM(inputs, width)

    def body(self, sequences: Ragged) -> Tensor:
        """Return (R, d) maxima over time of the LSTM's outputs."""
        return by_length(sequences, self._longest, _LSTM_RUN)

    def bodies(self, sequences: ManySequences, parameters: Mapping[str, Tensor]) -> Tensor:
        """Return (N, R, d) maxima over time of the outputs of N LSTMs."""
        return lstm_maximum(
            sequences.steps,
            parameters["lstm.weight_ih_l0"],
            parameters["lstm.weight_hh_l0"],
            parameters["lstm.bias_ih_l0"] + parameters["lstm.bias_hh_l0"],
        )

    def _longest(self, sequences: Ragged) -> Tensor:
        values, mask = sequences.padded()
        outputs, _ = self.lstm(values.transpose(0, 1).contiguous())
        # Padding comes after every frame, so it cannot change what the frames give.
        if not sequences.fills(len(outputs)):
            outputs = outputs.masked_fill(~mask.t()[..., None], -torch.inf)
        maxima: Tensor = outputs.amax(0)
        return maxima


def by_length(sequences: Ragged, encode: Callable[[Ragged], Tensor], overhead: int) -> Tensor:
    """Return (R, E): what `encode` makes of R sequences, given runs of similar length."""
    order = sequences.lengths.argsort(descending=True, stable=True)
    runs = runs_of(sequences.lengths[order].tolist(), overhead)
    if len(runs) == 1:
        return encode(sequences)
    found = torch.cat([encode(sequences.take(order[rows])) for rows in runs])
    return found[order.argsort()]


def runs_of(lengths: Sequence[int], overhead: int) -> list[slice]:
    """Cut lengths, longest first, into the runs that cost least when each is padded to its longest.

    The fused recurrence over padded sequences is about three times as fast for each frame as the
    one over packed ones, so a little padding is welcome.

    Args:
        lengths: of the sequences.
        overhead: what a run costs beside its sequences, in sequences of its length.
    """
    # Sequences of one length stay together: a cut before each length is all there is to choose.
    distinct, first = np.unique(-np.asarray(lengths), return_index=True)
    longest, ends = -distinct, [*first[1:].tolist(), len(lengths)]
    least, cut = np.zeros(len(ends) + 1), []
    for number, end in enumerate(ends, start=1):
        costs = least[:number] + longest[:number] * (end - first[:number] + overhead)
        cut.append(int(costs.argmin()))
        least[number] = costs[cut[-1]]
    runs, number = [], len(ends)
    while number:
        start = cut[number - 1]
        runs.append(slice(int(first[start]), ends[number - 1]))
        number = start
    return runs[::-1]


class TextCnnEncoder(Encoder):
    """TextCNN: windows of 3, 4 and 5 frames over the whole width (kind `tokens`).

    A window starts at every frame from which it fits, or at the first frame of a text shorter than
    the window, which zeros then extend.
    """

    def __init__(self, inputs: int, width: int = WIDTH) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(nn.Conv1d(inputs, width, k) for k in KERNELS)
        self.dropout = Dropout(TEXT_DROPOUT)
        self.project = nn.Linear(len(KERNELS) * width, width)

    def body(self, sequences: Ragged) -> Tensor:
        """Return (R, 3 d) maxima over the windows, after ReLU."""
        return by_length(sequences, self._longest, _TEXT_RUN)

    def bodies(self, sequences: ManySequences, parameters: Mapping[str, Tensor]) -> Tensor:
        """Return (N, R, 3 d): the same sums as one product of all frames with all taps."""
        values = sequences.padded(at_least=max(KERNELS))
        lengths = put(sequences.lengths, values.device)
        frames = values.shape[2]
        starts = torch.arange(frames, device=values.device)
        pooled = []
        for number, height in enumerate(KERNELS):
            weight = parameters[f"convolutions.{number}.weight"]  # (N, d, D, k)
            taps = weight.permute(0, 2, 3, 1).flatten(2)
            shares = torch.bmm(values.flatten(1, 2), taps)
            shares = shares.unflatten(1, values.shape[1:3]).unflatten(3, (height, -1))
            windows = parameters[f"convolutions.{number}.bias"][:, None, None]
            for tap in range(height):
                windows = windows + shares[:, :, tap : frames - height + 1 + tap, tap]
            last = (lengths - height).clamp(min=0)
            fits = starts[: windows.shape[2]] <= last[..., None]
            # After ReLU nothing is below 0, so a window that does not fit can be 0.
            pooled.append((functional.relu(windows) * fits[..., None]).amax(2))
        return torch.cat(pooled, 2)

    def _longest(self, sequences: Ragged) -> Tensor:
        values = sequences.padded(at_least=max(KERNELS)).values
        pooled = []
        for convolution in self.convolutions:
            weight, bias = convolution.parameters()
            pooled.append(window_maximum(values, sequences.lengths, weight, bias))
        return torch.cat(pooled, 1)

    def head(self, features: Tensor) -> Tensor:
        """Return (B, d)."""
        return functional.relu(self.project(self.dropout(features)))


class VectorEncoder(Encoder):
    """Two layers for features without a time axis (kind `vector`)."""

    def __init__(self, inputs: int, width: int = WIDTH) -> None:
        super().__init__()
        self.first = nn.Linear(inputs, width)
        self.dropout = Dropout(VECTOR_DROPOUT)
        self.second = nn.Linear(width, width)

    def body(self, sequences: Ragged) -> Tensor:
        """Return (R, d) hidden features."""
        if len(sequences.values) != len(sequences):
            raise ValueError("a vector modality has exactly one frame for each utterance")
        return functional.relu(self.first(sequences.values))

    def bodies(self, sequences: ManySequences, parameters: Mapping[str, Tensor]) -> Tensor:
        """Return (N, R, d) hidden features of N encoders."""
        values = sequences.padded()[:, :, 0]
        weight = parameters["first.weight"].transpose(1, 2)
        return functional.relu(torch.baddbmm(parameters["first.bias"][:, None], values, weight))

    def head(self, features: Tensor) -> Tensor:
        """Return (B, d)."""
        return functional.relu(self.second(self.dropout(features)))


_ENCODERS = {"sequence": LstmEncoder, "tokens": TextCnnEncoder, "vector": VectorEncoder}


def build_encoder(modality: ModalityShape, width: int = WIDTH) -> Encoder:
    """Build the encoder that a modality's kind asks for."""
    encoder = _ENCODERS[modality.kind](modality.width, width)
    encoder.modality = modality.name
    return encoder


class Encoders(nn.ModuleDict):
    """One encoder for each modality of a corpus."""

    def __init__(self, shape: CorpusShape) -> None:
        super().__init__({self._slot(m.name): build_encoder(m) for m in shape.modalities})

    @staticmethod
    def _slot(modality: str) -> str:
        # Module names may neither hold dots nor shadow attributes such as "values".
        return "of_" + modality.replace(".", "_")

    def encode(self, modality: str, observed: ObservedModality) -> Tensor:
        """Return (B, d) embeddings of one modality."""
        embedding: Tensor = self[self._slot(modality)](observed)
        return embedding
