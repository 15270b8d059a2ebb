"""A fleet validates its members as each would be validated alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from merbench import seeds
from merbench.features.part import Part
from merbench.features.ragged import Ragged
from merbench.methods.base import Stage
from merbench.methods.parts import vae
from merbench.training import fleet as fleets
from merbench.training.fleet import Fleet
from merbench.training.validate import Lone, Validator, _known, combine, score_all
from tests.methods.world import CPU, NETWORKS, World, build, make_stages, make_world

FLEETS = tuple(name for name in NETWORKS if name != "nmer_released")
SIZES = (30, 23, 26)


@pytest.fixture(scope="module")
def world() -> World:
    """Half of the utterances lack a modality."""
    return make_world(66, gaps=0.5, signal=0.3)


@pytest.fixture(autouse=True)
def float64(monkeypatch):
    monkeypatch.setattr(vae, "LAYERS", 1)
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def double(ragged: Ragged) -> Ragged:
    return ragged.with_values(ragged.values.double())


def validator(world: World, stage: Stage, rows: range, score: str = "ua") -> Validator:
    """A validator of some utterances."""
    part = world.test.select(torch.tensor(rows))
    part = replace(part, features={name: double(r) for name, r in part.features.items()})
    absent = world.data(part, stage.sampling.absent_input).absent
    noised = None
    if stage.validation == "noised":
        names = world.shape.names
        noised = {n: double(world.corruptor.scheduled(m, part)) for m, n in enumerate(names)}
    return Validator(part, world.shape, {n: double(r) for n, r in absent.items()}, noised, score)


def some(world: World, stage: Stage, score: str = "ua") -> tuple[Fleet, list, list[Validator]]:
    networks = [build(stage, world.shape, seed) for seed in range(len(SIZES))]
    generators = [seeds.torch_generator(CPU, "dropout", seed) for seed in range(len(SIZES))]
    validators = [validator(world, stage, range(n), score) for n in SIZES]
    return Fleet(stage, networks, generators), networks, validators


@pytest.mark.parametrize("method", FLEETS)
def test_scores_are_those_of_each_network_alone(world, method) -> None:
    for stage in make_stages(method):
        fleet, networks, validators = some(world, stage)
        expected = [v.scores(n) for v, n in zip(validators, networks, strict=True)]
        assert fleet.scores([0, 1, 2], validators) == expected
        # Some have ended already.
        assert fleet.scores([0, 2], [validators[0], validators[2]]) == [expected[0], expected[2]]
        assert fleet.scores([1], [validators[1]]) == [expected[1]]


@pytest.mark.parametrize("score", ["ua", "wa", "f1"])
def test_noised_validation_is_each_members_own(world, score) -> None:
    stage = make_stages("nmer", selection="noised")[1]
    fleet, networks, validators = some(world, stage, score)
    expected = [v.scores(n) for v, n in zip(validators, networks, strict=True)]
    assert fleet.scores([0, 1, 2], validators) == expected


@pytest.mark.parametrize("frames", [1, 60, 10**6])
@pytest.mark.parametrize("method", ["discard", "nmer"])
def test_embeddings_and_logits_are_those_of_each_alone(world, monkeypatch, method, frames) -> None:
    """However many frames are read at once: one row a chunk, some, or all of them."""
    monkeypatch.setattr(fleets, "frames_at_once", lambda device, width: frames)
    stage = make_stages(method, **({"selection": "noised"} if method == "nmer" else {}))[-1]
    fleet, networks, validators = some(world, stage)
    fleet.door.eval()
    readers = fleets._Readers(fleet, [0, 1, 2])
    with torch.no_grad():
        together = _known(readers, validators)
        alone = [_known(Lone(n), [v])[0] for n, v in zip(networks, validators, strict=True)]
        for found, expected in zip(together, alone, strict=True):
            for name, rows in expected.items():
                close(found[name].clean, rows.clean)
                close(found[name].absent, rows.absent)
        for pattern in range(7):
            rows = [
                combine(known, world.shape.names, v.states[pattern])
                for known, v in zip(alone, validators, strict=True)
            ]
            for found, network, own in zip(readers.fuse(rows, 0), networks, rows, strict=True):
                close(found, network.fuse(*own))


def close(one: torch.Tensor, other: torch.Tensor) -> None:
    assert one.std() > 0
    torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


def test_a_member_may_lack_a_modality_and_so_may_all(world) -> None:
    stage = make_stages("mmin")[0]
    fleet, networks, validators = some(world, stage)

    def without(v: Validator) -> Validator:
        available = v.part.available.clone()
        available[:, 0] = False
        name = v.shape.names[0]
        ragged = v.part.features[name]
        empty = Ragged(ragged.values[:0], torch.zeros_like(ragged.lengths))
        features = {**v.part.features, name: empty}
        part = Part(v.part.positions, v.part.labels, features, available)
        return replace(v, part=part)

    for lacking in ([*validators[:2], without(validators[2])], [without(v) for v in validators]):
        expected = [v.scores(n) for v, n in zip(lacking, networks, strict=True)]
        assert fleet.scores([0, 1, 2], lacking) == expected


def test_validation_changes_nothing_of_a_fleet(world) -> None:
    stage = make_stages("nmer")[1]
    fleet, _, validators = some(world, stage)
    rows = fleet.rows.clone()
    buffers = {name: b.clone() for name, b in fleet.buffers.items()}
    states = [g.get_state() for g in fleet.generators]
    fleet.scores([0, 1, 2], validators)
    assert torch.equal(fleet.rows, rows)
    assert all(torch.equal(b, buffers[name]) for name, b in fleet.buffers.items())
    assert all(torch.equal(g.get_state(), s) for g, s in zip(fleet.generators, states, strict=True))
    assert fleet.door.training


def test_a_network_is_scored_one_pattern_at_a_time(world) -> None:
    """What comes out does not depend on who reads beside it."""
    stage = make_stages("mmin")[1]
    _, networks, validators = some(world, stage)
    network, v = networks[0], validators[0]
    assert score_all(Lone(network), [v, v]) == [v.scores(network)] * 2
