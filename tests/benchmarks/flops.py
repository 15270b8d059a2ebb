"""Arithmetic: what a stage needs for an utterance, and what the plain loop does, from shapes.

A multiplication and an addition are two. Matrix products are counted, all else (activations,
pooling, Adam) is not: it is a few per cent. In a backward pass a layer costs its forward twice,
once for the weights' gradients and once for the inputs'; inputs of encoders need none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from merbench.execution.prepare import PreparedFold
from merbench.features.part import CorpusShape, ModalityShape, Part
from merbench.methods.base import Network, Stage
from merbench.methods.parts.encoders import KERNELS, WIDTH
from merbench.methods.parts.imagination import Cascade
from merbench.methods.parts.invariant import InvariantEncoder
from merbench.methods.parts.vae import ConditionalVae

PARTIAL = 6
PATTERNS = 7


@dataclass(frozen=True)
class Cost:
    """FLOPs of a forward pass, and of forward and backward together."""

    forward: float
    training: float

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.forward + other.forward, self.training + other.training)

    def __mul__(self, times: float) -> Cost:
        return Cost(self.forward * times, self.training * times)


def lstm(inputs: int, frames: float) -> Cost:
    """Return the cost of an LSTM over one sequence."""
    from_input, from_state = 8 * WIDTH * inputs * frames, 8 * WIDTH * WIDTH * frames
    return Cost(from_input + from_state, 2 * from_input + 3 * from_state)


def text_cnn(inputs: int, frames: float) -> Cost:
    """Return the cost of a TextCNN over one text."""
    windows = sum(k * max(1, frames - k + 1) for k in KERNELS)
    convolutions = 2.0 * windows * inputs * WIDTH
    return Cost(convolutions, 2 * convolutions) + dense(2 * len(KERNELS) * WIDTH * WIDTH)


def dense(forward: float) -> Cost:
    """Return the cost of layers whose inputs need gradients, too."""
    return Cost(forward, 3 * forward)


def encoder(modality: ModalityShape, frames: float) -> Cost:
    """Return the cost of the encoder of a modality."""
    if modality.kind == "vector":
        return dense(2 * WIDTH * (modality.width + WIDTH))
    return {"sequence": lstm, "tokens": text_cnn}[modality.kind](modality.width, frames)


def layers(module: nn.Module) -> float:
    """Return the FLOPs of one row through every matrix of a module."""
    return 2.0 * sum(p.numel() for p in module.parameters() if p.dim() == 2)


@dataclass(frozen=True)
class Parts:
    """What is above the encoders, in FLOPs of a forward pass of one utterance.

    Attributes:
        encoders: encoders a modality.
        invariant: S, on every modality.
        predict: from embeddings to logits.
        train_only: what only the losses need.
        inert: part of `predict` that cannot change a result (attention over one token).
    """

    encoders: int
    invariant: float
    predict: float
    train_only: float
    inert: float


def parts_of(network: Network) -> Parts:
    """Take a network apart."""
    above = {name: m for name, m in network.named_children() if name != "encoders"}
    branches = above.pop("branches", None)
    invariant, encoders = 0.0, 1
    if branches is not None:
        shared = next(m for m in branches.children() if isinstance(m, InvariantEncoder))
        invariant = layers(shared) * len(network.shape.modalities)
        encoders = 2 if hasattr(branches, "common") else 1
    predict = train_only = inert = 0.0
    for name, module in above.items():
        if name == "imagine_back":
            train_only += layers(module)
        elif isinstance(module, Cascade):
            # The code is all that logits need.
            last = layers(module.autoencoders[-1].decoder) + layers(module.transition)
            predict += layers(module) - last
            train_only += last
        else:
            predict += layers(module)
        if isinstance(module, ConditionalVae):
            keys = [p for n, p in module.named_parameters() if n.endswith("query_key_weight")]
            inert += 2.0 * sum(p.numel() for p in keys)
    return Parts(encoders, invariant, predict, train_only, inert)


@dataclass(frozen=True)
class Frames:
    """Mean frames of a modality's sequences in one part.

    Attributes:
        own: without padding.
        padded: to the longest of a batch.
    """

    own: Mapping[str, float]
    padded: Mapping[str, float]


def frames_of(part: Part, batch: int, shuffles: int = 20) -> Frames:
    """Measure a part; what a shuffled batch is padded to is averaged over some shuffles."""
    rng, padded = np.random.default_rng(0), {}
    for name, ragged in part.features.items():
        lengths = ragged.lengths.cpu().numpy()
        total = 0
        for _ in range(shuffles):
            order = rng.permutation(lengths)
            some = (order[start : start + batch] for start in range(0, len(order), batch))
            total += sum(len(rows) * int(rows.max()) for rows in some)
        padded[name] = total / (shuffles * len(lengths))
    own = {name: float(r.lengths.double().mean()) for name, r in part.features.items()}
    return Frames(own, padded)


def evaluation_frames(part: Part, batch: int = 128) -> Frames:
    """Measure a part whose utterances come in six variants each."""
    return frames_of(part.select(torch.arange(len(part)).repeat(PARTIAL)), batch)


@dataclass(frozen=True)
class Arithmetic:
    """GFLOP of one epoch.

    Attributes:
        train: of the steps.
        evaluate: of validation (needed), or validation and test (plain).
        once: of embeddings that a stage needs a single time.
    """

    train: float
    evaluate: float
    once: float = 0.0

    @property
    def epoch(self) -> float:
        """Of an epoch with its validation."""
        return self.train + self.evaluate


def _encoders(shape: CorpusShape, frames: Mapping[str, float]) -> Cost:
    return sum((encoder(m, frames[m.name]) for m in shape.modalities), Cost(0.0, 0.0))


def needed(stage: Stage, network: Network, fold: PreparedFold) -> Arithmetic:
    """Return what a stage's epoch needs: own frames, and of what is absent nothing.

    The teacher's embeddings are needed once, validation encodes once and fuses every pattern.
    """
    shape, parts = fold.shape, parts_of(network)
    shown = _shown(stage)
    train = _encoders(shape, frames_of(fold.train, 128, 1).own)
    valid = _encoders(shape, frames_of(fold.valid, 128, 1).own)
    above = dense(parts.invariant + parts.predict + parts.train_only - parts.inert)
    step = train.training * parts.encoders * shown + above.training
    judged = valid.forward * parts.encoders + parts.invariant
    judged += PATTERNS * (parts.predict - parts.inert)
    once = train.forward * parts.encoders if stage.teacher is not None else 0.0
    scale = 1e-9
    return Arithmetic(
        step * len(fold.train) * scale,
        judged * len(fold.valid) * scale,
        once * len(fold.train) * scale,
    )


def _shown(stage: Stage) -> float:
    """Return the share of (utterance, modality) that a step encodes."""
    if stage.sampling.patterns == "complete" or stage.sampling.train_noise == "scheduler":
        return 1.0
    return 0.5  # each modality is in three of the six partial patterns


# How often the plain loop runs the teacher over a batch: on what is missing, and on everything.
_TEACHER_PASSES = {"mmin": 1, "if_mmin": 2, "nmer": 1}


def done_by_plain(stage: Stage, network: Network, fold: PreparedFold) -> Arithmetic:
    """Return what the plain loop's epoch does: padded, every modality, each pattern afresh."""
    shape, parts = fold.shape, parts_of(network)
    train = _encoders(shape, frames_of(fold.train, stage.training.batch_size).padded)
    above = dense(parts.invariant + parts.predict + parts.train_only)
    passes = _TEACHER_PASSES.get(stage.name, 0) if stage.teacher is not None else 0
    step = (train.training + passes * train.forward) * parts.encoders + above.training
    complete = stage.sampling.patterns == "complete"
    evaluated = 0.0
    for part in (fold.valid, fold.evaluator.part):
        frames = frames_of(part, 128) if complete else evaluation_frames(part)
        row = _encoders(shape, frames.padded).forward * parts.encoders
        row += parts.invariant + parts.predict
        evaluated += row * len(part) * (1 if complete else PARTIAL)
    return Arithmetic(step * len(fold.train) * 1e-9, evaluated * 1e-9)


def direct_condition(network: Network, fold: PreparedFold) -> float:
    """Return the GFLOP of one condition the direct way: every utterance padded, encoded, fused."""
    parts, test = parts_of(network), fold.evaluator.part
    row = _encoders(fold.shape, frames_of(test, 128).padded).forward * parts.encoders
    return (row + parts.invariant + parts.predict) * len(test) * 1e-9


def needed_grid(network: Network, fold: PreparedFold) -> float:
    """Return the GFLOP a grid needs: each modality's inputs once, each condition fused."""
    evaluator, parts = fold.evaluator, parts_of(network)
    own = frames_of(evaluator.part, 128, 1).own
    total = 0.0
    for index, modality in enumerate(fold.shape.modalities):
        inputs = len([seen for seen in evaluator.grid.inputs(index) if seen.state != 2])
        one = encoder(modality, own[modality.name]).forward * parts.encoders
        total += inputs * (one + parts.invariant / len(fold.shape.modalities))
    total += len(evaluator.grid.conditions) * (parts.predict - parts.inert)
    return total * len(evaluator.part) * 1e-9
