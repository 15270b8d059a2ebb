"""Encoders: one modality's sequence to one vector of width d."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import PackedSequence

from merbench.features.observation import ObservedModality
from merbench.features.part import CorpusShape, ModalityShape
from merbench.features.ragged import Ragged

WIDTH = 128
TEXT_DROPOUT = 0.5
VECTOR_DROPOUT = 0.5
KERNELS = (3, 4, 5)


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
        lengths, order = sequences.lengths.sort(descending=True, stable=True)
        steps = torch.arange(int(lengths[0]), device=lengths.device)
        alive = lengths > steps[:, None]
        frames = (sequences.starts[order] + steps[:, None])[alive]
        packed = PackedSequence(sequences.values[frames], alive.sum(1).cpu())
        outputs = self.lstm(packed)[0].data
        over_time = outputs.new_full((*alive.shape, outputs.shape[1]), -torch.inf)
        over_time[alive] = outputs
        return over_time.amax(0)[order.argsort()]


class TextCnnEncoder(Encoder):
    """TextCNN: windows of 3, 4 and 5 frames over the whole width (kind `tokens`).

    A window starts at every frame from which it fits, or at the first frame of a text shorter than
    the window, which zeros then extend. All windows of all heights are one matrix product.
    """

    def __init__(self, inputs: int, width: int = WIDTH) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(nn.Conv1d(inputs, width, k) for k in KERNELS)
        self.dropout = nn.Dropout(TEXT_DROPOUT)
        self.project = nn.Linear(len(KERNELS) * width, width)

    def body(self, sequences: Ragged) -> Tensor:
        """Return (R, 3 d) maxima over the windows, after ReLU."""
        values, _ = sequences.padded(at_least=max(KERNELS))
        weights = [c.weight.permute(2, 0, 1).flatten(0, 1) for c in self.convolutions]
        # (R, T, sum_k k d): what each frame contributes at each place of each window.
        shares = functional.linear(values, torch.cat(weights))
        starts = torch.arange(values.shape[1], device=values.device)
        pooled, first = [], 0
        for convolution, weight in zip(self.convolutions, weights, strict=True):
            height, width = convolution.kernel_size[0], convolution.out_channels
            mine = shares[..., first : first + len(weight)].unflatten(2, (height, width))
            first += len(weight)
            windows = values.shape[1] - height + 1
            sums = mine[:, :windows, 0]
            for place in range(1, height):
                sums = sums + mine[:, place : place + windows, place]
            fits = starts[:windows] <= (sequences.lengths[:, None] - height).clamp(min=0)
            # After ReLU nothing is below 0, so a window that does not fit can be 0.
            pooled.append((functional.relu(sums + convolution.bias) * fits[..., None]).amax(1))
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
