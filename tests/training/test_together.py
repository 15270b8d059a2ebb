"""Batches made for several networks at once are those that each would make alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from merbench.features.observation import ObservedModality, State
from merbench.features.part import corpus_shape
from merbench.methods.base import Batch, Sampling, TeacherRows
from merbench.training.batches import Batches
from merbench.training.sampling import Sampler, Source
from tests.methods.world import LoneSampler, make_world
from tests.training.test_training_noise import CORPUS, KEY, TRAIN, training_noise

ROWS = ([3, 0, 7, 9, 4], [1, 2, 8, 0, 5], [6, 6, 1, 3, 9])
PROGRESS = (0.0, 0.25, 0.5)


def sources(sampling: Sampling) -> list[Source]:
    """Three networks: two on one part, the third on another, whose utterances are longer."""
    world = make_world(48, gaps=0.4)
    shape = world.shape
    longer = tuple(replace(m, typical_length=m.typical_length + 1) for m in shape.modalities)
    grounds = [
        (world.train, shape),
        (world.train, shape),
        (world.test, replace(shape, modalities=longer)),
    ]
    found = []
    for seed, (part, its) in enumerate(grounds):
        generator = torch.Generator().manual_seed(seed)
        known = {
            name: TeacherRows(
                torch.randn(len(part), 4, generator=generator),
                torch.randn(1, 4, generator=generator),
            )
            for name in shape.names
        }
        weights = torch.rand(shape.classes, generator=generator)
        found.append(Source(part, its, sampling, known, generator, weights))
    return found


def assert_same(together: Batches, number: int, alone: Batch) -> None:
    assert torch.equal(together.labels[number], alone.labels)
    assert torch.equal(together.states[number], alone.states)
    assert torch.equal(together.available[number], alone.available)
    assert together.progress[number] == alone.progress
    for name, seen in together.observed.items():
        read = reads(seen.sequences, number, seen.rows[number])
        assert_read(read, alone.observed[name])
    for name, rows in together.teacher.items():
        assert torch.equal(rows.clean[number], alone.teacher[name].clean)
        assert torch.equal(rows.absent[number], alone.teacher[name].absent)
    if together.class_weights is not None:
        assert torch.equal(together.class_weights[number], alone.class_weights)


def reads(sequences, number: int, rows: torch.Tensor) -> list[torch.Tensor]:
    """Return the frames that each utterance of a network reads."""
    spans = [(int(sequences.starts[number, r]), int(sequences.lengths[number, r])) for r in rows]
    return [sequences.values[first : first + length] for first, length in spans]


def assert_read(found: list[torch.Tensor], alone: ObservedModality) -> None:
    for frames, row in zip(found, alone.rows, strict=True):
        assert torch.equal(frames, alone.sequences.take(row[None]).values)


@pytest.mark.parametrize("places", [[0, 1, 2], [0, 2], [1]])
@pytest.mark.parametrize(
    "settings",
    [
        {"patterns": "complete"},
        {"patterns": "partial"},
        {"patterns": "partial", "absent_input": "noise"},
        {"patterns": "partial", "train_noise": "scheduler", "absent_input": "noise"},
        {"patterns": "partial", "train_noise": "scheduler", "level_draw": "batch"},
    ],
    ids=lambda settings: " ".join(settings.values()),
)
def test_batches_of_several_networks_are_those_of_each_alone(settings, places) -> None:
    sampling = Sampling(**settings)
    rows = [torch.tensor(r) for r in ROWS]
    together = Sampler(sources(sampling))
    alone = [LoneSampler(*vars(source).values()) for source in sources(sampling)]
    for _ in range(3):  # draws go on where they were
        made = together.batches(
            places, [rows[place] for place in places], [PROGRESS[place] for place in places]
        )
        for number, place in enumerate(places):
            assert_same(made, number, alone[place].batch(rows[place], PROGRESS[place]))


def suite_sources() -> list[Source]:
    """Two networks that train on the suite's noises, on one part; their draws differ."""
    of = training_noise("gaussian", "burst")
    shape = corpus_shape(CORPUS, of.normaliser, TRAIN)
    sampling = Sampling(patterns="partial", train_noise="suite")
    return [
        Source(
            of.part,
            shape,
            sampling,
            {},
            torch.Generator().manual_seed(seed),
            noise=of,
            noise_key=(*KEY, seed),
        )
        for seed in (0, 1)
    ]


def test_each_network_meets_draws_of_its_own_from_the_suites_noises() -> None:
    rows = [torch.arange(20), torch.arange(20).flip(0)]
    together, alone = Sampler(suite_sources()), [Sampler([s]) for s in suite_sources()]
    # In the last epoch the first has ended: noised sequences lie elsewhere in the pool.
    for epoch, places in ((1, [0, 1]), (2, [0, 1]), (3, [1])):
        together.start_epoch(epoch, places)
        made = together.batches(places, [rows[place] for place in places], [0.0] * len(places))
        for number, place in enumerate(places):
            alone[place].start_epoch(epoch)
            expected = alone[place].batches([0], [rows[place]], [0.0]).lone()
            assert (expected.states == State.NOISED).any()
            assert_same(made, number, expected)
