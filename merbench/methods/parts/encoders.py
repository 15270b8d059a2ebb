"""Encoders: one modality's sequence to one vector of width d."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from merbench.features.observation import ObservedModality
from merbench.features.part import CorpusShape, ModalityShape
from merbench.features.ragged import Ragged

WIDTH = 128
TEXT_DROPOUT = 0.5
VECTOR_DROPOUT = 0.5
KERNELS = (3, 4, 5)
_SIMILAR, _RUN = 0.75, 8


class Encoder(nn.Module):
    """Encodes observations in two steps, so that shared sequences are read once.

    `body` is deterministic and sees each of the R sequences; `head` holds the dropout and sees
    each of the B utterances.
    """

    def body(self, sequences: Ragged) -> Tensor:
        """Return (R, E) features of R sequences."""
        raise NotImplementedError

    def head(self, features: Tensor) -> Tensor:
        """Return (B, d) embeddings from (B, E) features."""
        return features

    def forward(self, observed: ObservedModality) -> Tensor:
        """Return (B, d) embeddings."""
        return self.head(self.body(observed.sequences)[observed.rows])


class LstmEncoder(Encoder):
    """One unidirectional LSTM layer, max-pooled over the frames that exist (kind `sequence`)."""

    def __init__(self, inputs: int, width: int = WIDTH) -> None:
        super().__init__()
        self.lstm = nn.LSTM(inputs, width)

    def body(self, sequences: Ragged) -> Tensor:
        """Return (R, d) maxima over time of the LSTM's outputs."""
        order = sequences.lengths.argsort(descending=True, stable=True)
        pooled = [
            self._longest(sequences.take(order[rows]))
            for rows in similar_lengths(sequences.lengths[order].tolist())
        ]
        return torch.cat(pooled)[order.argsort()]

    def _longest(self, sequences: Ragged) -> Tensor:
        values, mask = sequences.padded()
        outputs, _ = self.lstm(values.transpose(0, 1).contiguous())
        # Padding comes after every frame, so it cannot change what the frames give.
        maxima: Tensor = outputs.masked_fill(~mask.t()[..., None], -torch.inf).amax(0)
        return maxima


def similar_lengths(lengths: Sequence[int]) -> list[slice]:
    """Cut lengths, longest first, into runs in which none is much shorter than the first.

    Padding every run to its own longest wastes little, and the fused recurrence over padded
    sequences is about three times as fast for each frame as the one over packed ones.
    """
    runs, start = [], 0
    for position, length in enumerate(lengths):
        if length < _SIMILAR * lengths[start] and position - start >= _RUN:
            runs.append(slice(start, position))
            start = position
    return [*runs, slice(start, len(lengths))]


class TextCnnEncoder(Encoder):
    """TextCNN: windows of 3, 4 and 5 frames over the whole width (kind `tokens`).

    A window starts at every frame from which it fits, or at the first frame of a text shorter than
    the window, which zeros then extend.
    """

    def __init__(self, inputs: int, width: int = WIDTH) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(nn.Conv1d(inputs, width, k) for k in KERNELS)
        self.dropout = nn.Dropout(TEXT_DROPOUT)
        self.project = nn.Linear(len(KERNELS) * width, width)

    def body(self, sequences: Ragged) -> Tensor:
        """Return (R, 3 d) maxima over the windows, after ReLU."""
        values = sequences.padded(at_least=max(KERNELS)).values.transpose(1, 2)
        starts = torch.arange(values.shape[2], device=values.device)
        pooled = []
        for convolution in self.convolutions:
            windows = functional.relu(convolution(values))
            height = values.shape[2] - windows.shape[2] + 1
            last = (sequences.lengths - height).clamp(min=0)
            fits = starts[: windows.shape[2]] <= last[:, None]
            # After ReLU nothing is below 0, so a window that does not fit can be 0.
            pooled.append((windows * fits[:, None]).amax(2))
        return torch.cat(pooled, 1)

    def head(self, features: Tensor) -> Tensor:
        """Return (B, d)."""
        return functional.relu(self.project(self.dropout(features)))


class VectorEncoder(Encoder):
    """Two layers for features without a time axis (kind `vector`)."""

    def __init__(self, inputs: int, width: int = WIDTH) -> None:
        super().__init__()
        self.first = nn.Linear(inputs, width)
        self.dropout = nn.Dropout(VECTOR_DROPOUT)
        self.second = nn.Linear(width, width)

    def body(self, sequences: Ragged) -> Tensor:
        """Return (R, d) hidden features."""
        if len(sequences.values) != len(sequences):
            raise ValueError("a vector modality has exactly one frame for each utterance")
        return functional.relu(self.first(sequences.values))

    def head(self, features: Tensor) -> Tensor:
        """Return (B, d)."""
        return functional.relu(self.second(self.dropout(features)))


_ENCODERS = {"sequence": LstmEncoder, "tokens": TextCnnEncoder, "vector": VectorEncoder}


def build_encoder(modality: ModalityShape, width: int = WIDTH) -> Encoder:
    """Build the encoder that a modality's kind asks for."""
    return _ENCODERS[modality.kind](modality.width, width)


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
