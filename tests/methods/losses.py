"""A training step and its targets, made by hand, to compute losses from."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from merbench.features.observation import ABSENT_FRAMES, ObservedModality, State
from merbench.methods.base import Batch, Network, Stage
from merbench.training.validate import clean_embeddings
from tests.methods.oracle import Array
from tests.methods.world import NAMES, LoneSampler, World, build, ragged

ORDER = sorted(NAMES)


class Step(NamedTuple):
    """A training step of a stage: the network in eval mode, so that nothing is dropped."""

    network: Network
    teacher: Network | None
    batch: Batch
    rows: torch.Tensor


def make_step(stage: Stage, world: World, n: int = 16, progress: float = 0.5) -> Step:
    """Sample a batch as training does, on a network and a teacher of random weights."""
    network = build(stage, world.shape, seed=1)
    teacher, known = None, {}
    if stage.teacher is not None:
        teacher = build(stage.teacher, world.shape, seed=2)
        with torch.no_grad():
            known = clean_embeddings(teacher, world.train, world.data().absent)
    generator = torch.Generator().manual_seed(5)
    sampler = LoneSampler(world.train, world.shape, stage.sampling, known, generator)
    rows = torch.randperm(len(world.train), generator=generator)[:n]
    return Step(network, teacher, sampler.batch(rows, progress), rows)


def terms(stage: Stage, step: Step) -> dict[str, float]:
    return {name: term.item() for name, term in stage.loss(step.network, step.batch).items()}


@torch.no_grad()
def embedded(step: Step) -> dict[str, Array]:
    """The embeddings that the loss starts from (the encoders have tests of their own)."""
    return {name: e.double().numpy() for name, e in step.network.embed(step.batch.observed).items()}


def side_by_side(embeddings: dict[str, Array], half: int | None = None) -> Array:
    """Concatenate whole embeddings, or their first or second halves of 128."""
    cut = slice(None) if half is None else slice(128 * half, 128 * half + 128)
    return np.concatenate([embeddings[name][:, cut] for name in ORDER], 1)


@torch.no_grad()
def teach(
    step: Step, world: World, reads_truth: Callable[[int, str], bool], half: int | None = None
) -> Array:
    """The teacher's embeddings, one utterance and modality at a time.

    Where `reads_truth(i, name)` it reads the true features, else five frames of zeros.
    """
    assert step.teacher is not None
    found = []
    for i, row in enumerate(step.rows):
        parts = []
        for name in ORDER:
            truth = world.train.features[name].take(row[None]).values
            if not (reads_truth(i, name) and len(truth)):
                truth = torch.zeros(1 if name == "front" else ABSENT_FRAMES, truth.shape[1])
            state = torch.full((1,), State.PRESENT, dtype=torch.int8)
            seen = ObservedModality(ragged(truth), torch.zeros(1, dtype=torch.int64), state)
            parts.append(step.teacher.encode(name, seen)[0].double().numpy())
        found.append(parts)
    each = {name: np.stack([parts[m] for parts in found]) for m, name in enumerate(ORDER)}
    return side_by_side(each, half)


def missing(step: Step, i: int, name: str) -> bool:
    return int(step.batch.states[i, NAMES.index(name)]) != State.PRESENT


def known(step: Step, world: World) -> NDArray[np.bool_]:
    """(B, M) in the order of concatenation: the corpus has the features."""
    there = [world.train.features[name].lengths[step.rows] > 0 for name in ORDER]
    return torch.stack(there, 1).numpy()


def shown(step: Step) -> NDArray[np.bool_]:
    """(B, M) in the order of concatenation: the network is told that it is not absent."""
    columns = [NAMES.index(name) for name in ORDER]
    return (step.batch.states[:, columns] != State.ABSENT).numpy()


def masked(h: Array, shown: NDArray[np.bool_]) -> Array:
    """Embeddings side by side, with 0 in the blocks of what is not shown."""
    return np.concatenate([h[:, 128 * m : 128 * m + 128] * shown[:, [m]] for m in range(3)], 1)
