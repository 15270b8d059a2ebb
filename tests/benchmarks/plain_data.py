"""The usual way of loading: a data set, an item at a time, padded to the longest of the batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Dataset

from merbench.corruption.grid import partial_patterns
from merbench.corruption.schedule import STEPS, signal_share
from merbench.features.part import Part

Patterns = Literal["complete", "random", "each"]
EVALUATION_BATCH = 128


class PlainItem(NamedTuple):
    """One utterance under one pattern.

    Attributes:
        features: modality -> (T, D).
        present: (M,) bool.
        label: scalar.
    """

    features: dict[str, Tensor]
    present: Tensor
    label: Tensor


@dataclass(frozen=True)
class PlainBatch:
    """B items.

    Attributes:
        features: modality -> (B, T, D), T the longest of the batch, zeros after the end.
        present: (B, M) bool.
        labels: (B,).
    """

    features: dict[str, Tensor]
    present: Tensor
    labels: Tensor

    def to(self, device: torch.device) -> PlainBatch:
        """Move to a device."""
        features = {name: values.to(device) for name, values in self.features.items()}
        return PlainBatch(features, self.present.to(device), self.labels.to(device))

    def masked(self, kept: Tensor) -> dict[str, Tensor]:
        """Return the features where `kept` (B, M), and zeros of the same length elsewhere."""
        columns = zip(self.features.items(), kept.float().unbind(1), strict=True)
        return {name: values * keep[:, None, None] for (name, values), keep in columns}

    def zeroed(self) -> dict[str, Tensor]:
        """Return what a network sees: zeros where absent."""
        return self.masked(self.present)

    def hidden(self) -> dict[str, Tensor]:
        """Return what a network does not see: zeros where present."""
        return self.masked(~self.present)

    def noised(self) -> dict[str, Tensor]:
        """Return what NMER sees: its own features under noise where absent, padding and all.

        A level for each utterance and modality, as the repaired method draws them.
        """
        shares = torch.tensor(signal_share("scaled_linear"), dtype=torch.float32)
        shares = shares.to(self.labels.device)
        found = {}
        for column, (name, values) in enumerate(self.features.items()):
            level = torch.randint(1, STEPS + 1, (len(values),), device=values.device)
            share = shares[level][:, None, None]
            noisy = values * share.sqrt() + torch.randn_like(values) * (1 - share).sqrt()
            found[name] = torch.where(self.present[:, column, None, None], values, noisy)
        return found


class PlainDataset(Dataset[PlainItem]):
    """Utterances, each as often as it has patterns.

    Args:
        part: where they come from.
        names: modalities in corpus order.
        patterns: `complete`; `random`, one of the partial ones drawn for every item taken; or
            `each`, all partial ones of every utterance.
        seed: of the draws.
    """

    def __init__(self, part: Part, names: Sequence[str], patterns: Patterns, seed: int = 0) -> None:
        self.names, self.patterns = tuple(names), patterns
        self.features = {
            name: [t.numpy() for t in ragged.values.cpu().split(ragged.lengths.tolist())]
            for name, ragged in ((n, part.features[n]) for n in names)
        }
        self.labels = part.labels.tolist()
        partial = [[name in pattern for name in names] for pattern in partial_patterns(names)]
        self.table = torch.tensor([[True] * len(names)] if patterns == "complete" else partial)
        self.generator = torch.Generator().manual_seed(seed)

    def __len__(self) -> int:
        return len(self.labels) * (len(self.table) if self.patterns == "each" else 1)

    def __getitem__(self, index: int) -> PlainItem:
        row, pattern = index, 0
        if self.patterns == "each":
            row, pattern = divmod(index, len(self.table))
        elif self.patterns == "random":
            pattern = int(torch.randint(len(self.table), (), generator=self.generator))
        features = {name: torch.from_numpy(self.features[name][row]).float() for name in self.names}
        return PlainItem(features, self.table[pattern], torch.tensor(self.labels[row]))


def collate(items: list[PlainItem]) -> PlainBatch:
    """Pad every modality to the longest of the batch."""
    features = {
        name: pad_sequence([item.features[name] for item in items], batch_first=True)
        for name in items[0].features
    }
    present = torch.stack([item.present for item in items])
    return PlainBatch(features, present, torch.stack([item.label for item in items]))


def make_loader(dataset: PlainDataset, batch_size: int, seed: int = 0) -> DataLoader[PlainItem]:
    """Return a loader that shuffles, as those of every part do in the released code."""
    return DataLoader(
        dataset,
        batch_size=batch_size,
        shuffle=True,
        collate_fn=collate,
        generator=torch.Generator().manual_seed(seed),
        drop_last=len(dataset) % batch_size == 1,  # a batch of one has no moments
    )
