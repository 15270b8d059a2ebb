"""A fleet's members end where they would end alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace

import pytest
import torch

from merbench.errors import CellError
from merbench.features.part import Part
from merbench.features.ragged import Ragged
from merbench.methods.base import Network, Stage
from merbench.methods.parts import vae
from merbench.training.course import TrainedStage
from merbench.training.fleet import may_join
from merbench.training.loop import Member, TrainingData, restore, train_members, train_stage
from merbench.training.sampling import Sampler
from tests.methods.world import (
    CPU,
    NETWORKS,
    World,
    build,
    make_stages,
    make_world,
    mostly_by_night,
)

# Sums of float64 in another order; the losses are near 1.
TOLERANCE = 1e-9
FLEETS = tuple(name for name in NETWORKS if name != "nmer_released")


@pytest.fixture(scope="module")
def world() -> World:
    # 0.5 of the utterances lack something; batches are of 8.
    return make_world(66, gaps=0.5, signal=0.3)


@pytest.fixture(autouse=True)
def shallow(monkeypatch) -> None:
    """Let the Transformer of NMER have one layer: its layers are alike."""
    monkeypatch.setattr(vae, "LAYERS", 1)


@pytest.fixture(autouse=True)
def float64():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def precise(part: Part) -> Part:
    return replace(part, features={name: double(r) for name, r in part.features.items()})


def double(ragged: Ragged) -> Ragged:
    return Ragged(ragged.values.double(), ragged.lengths)


def data(world: World, stage: Stage, n: int) -> TrainingData:
    """The data of a member that trains on the first n utterances."""
    found = world.data(absent_input=stage.sampling.absent_input)
    train = found.train.select(torch.arange(n))
    absent = {name: double(r) for name, r in found.absent.items()}
    return replace(found, train=precise(train), valid=precise(found.valid), absent=absent)


def members(world: World, stage: Stage, sizes: Sequence[int]) -> list[Member]:
    return [
        Member(data(world, stage, n), teacher(stage, world, seed), ("fold", seed))
        for seed, n in enumerate(sizes)
    ]


def teacher(stage: Stage, world: World, seed: int) -> Network | None:
    return None if stage.teacher is None else build(stage.teacher, world.shape, seed)


def stages_of(method: str, **training: object) -> list[Stage]:
    settings = {"epochs": 2, "decay_epochs": 1, "lr": 1e-4, "dropout": 0.3, "clip": 0.4}
    settings |= training
    stages = make_stages(method)
    return [
        replace(s, training=s.training.model_copy(update=settings), complete_only=False)
        for s in stages
    ]


def assert_same(one: TrainedStage | CellError, other: TrainedStage | CellError) -> None:
    assert isinstance(one, TrainedStage)
    assert isinstance(other, TrainedStage)
    assert one.chosen == other.chosen
    assert len(one.curve) == len(other.curve)
    for mine, theirs in zip(one.curve, other.curve, strict=True):
        assert mine.terms == pytest.approx(theirs.terms, rel=TOLERANCE, abs=TOLERANCE)
        assert (mine.lr, mine.complete, mine.partial) == (
            theirs.lr,
            theirs.complete,
            theirs.partial,
        )
    for criterion, weights in one.weights.items():
        torch.testing.assert_close(
            weights, other.weights[criterion], rtol=TOLERANCE, atol=TOLERANCE
        )
    assert one.parameters == other.parameters
    assert one.diagnostics == pytest.approx(other.diagnostics, abs=1e-6)


def alone(stage: Stage, members: Sequence[Member]) -> list[TrainedStage]:
    return [train_stage(stage, m.data, m.teacher, m.key) for m in members]


@pytest.mark.parametrize("method", mostly_by_night(FLEETS))
def test_members_end_where_they_would_alone(world, method) -> None:
    for stage in stages_of(method):
        # Last batches of 8 (none is left), 1 + 8 and 3: steps are taken in different company.
        some = members(world, stage, (32, 25, 27))
        for one, other in zip(train_members(stage, some), alone(stage, some), strict=True):
            assert_same(one, other)


@pytest.mark.slow
def test_the_last_bits_aside_company_changes_nothing(world) -> None:
    stage = stages_of("mmin")[1]
    some = members(world, stage, (32, 32, 32))
    together = train_members(stage, some)
    assert_same(together[0], train_members(stage, some[:2])[0])
    assert_same(together[2], train_members(stage, some[1:])[1])
    weights = [t.weights["partial"]["classifier.0.weight"] for t in together]
    assert not torch.equal(weights[0], weights[1])


def test_a_member_that_stops_early_leaves_the_others_to_go_on(world) -> None:
    stage = stages_of("modality_dropout", epochs=9, decay_epochs=0, patience=1)[0]
    some = members(world, stage, (32, 25, 32, 30))
    expected = alone(stage, some)
    assert len({len(t.curve) for t in expected}) > 1
    for one, other in zip(train_members(stage, some), expected, strict=True):
        assert_same(one, other)


def test_class_weights_are_each_members_own(world) -> None:
    stage = stages_of("zero_fill", class_weights="balanced")[0]
    some = members(world, stage, (32, 25))
    for one, other in zip(train_members(stage, some), alone(stage, some), strict=True):
        assert_same(one, other)


def test_training_noise_and_warm_up_are_each_members_own(world) -> None:
    stage = stages_of("nmer")[1]
    stage = replace(stage, warm_up=0.5, beta=0.1, free_bits=0.01)
    some = members(world, stage, (32, 25))
    for one, other in zip(train_members(stage, some), alone(stage, some), strict=True):
        assert_same(one, other)


def test_a_member_that_diverges_fails_by_itself(world) -> None:
    stage = stages_of("zero_fill")[0]
    some = members(world, stage, (32, 25, 32))
    features = some[1].data.train.features
    broken = {name: Ragged(r.values * torch.inf, r.lengths) for name, r in features.items()}
    some[1] = replace(
        some[1], data=replace(some[1].data, train=replace(some[1].data.train, features=broken))
    )
    found = train_members(stage, some)
    assert isinstance(found[1], CellError)
    assert "the loss is nan" in str(found[1])
    for one, other in zip((found[0], found[2]), alone(stage, [some[0], some[2]]), strict=True):
        assert_same(one, other)


def test_a_member_with_too_little_data_fails_by_itself(world) -> None:
    stage = replace(stages_of("discard", batch_size=4)[0], complete_only=True)
    some = members(world, stage, (33, 12, 33))
    found = train_members(stage, some)
    assert "two batches of 4 need 8" in str(found[1])
    assert_same(found[0], alone(stage, some[:1])[0])


def test_members_stay_networks_that_predict_on_their_own(world) -> None:
    stage = stages_of("zero_fill")[0]
    some = members(world, stage, (32, 25))
    for found, member in zip(train_members(stage, some), some, strict=True):
        assert isinstance(found, TrainedStage)
        assert found.members == 2
        restored = restore(stage, world.shape, found.weights["partial"], CPU)
        assert not any(p.isnan().any() for p in restored.parameters())
        assert member.data.shape == restored.shape


def moved(part: Part, device: torch.device) -> Part:
    features = {name: ragged.to(device) for name, ragged in part.features.items()}
    labels, available = part.labels.to(device), part.available.to(device)
    return replace(part, labels=labels, available=available, features=features)


def on(device: torch.device, member: Member) -> Member:
    one = member.data
    absent = {name: ragged.to(device) for name, ragged in one.absent.items()}
    one = replace(
        one, train=moved(one.train, device), valid=moved(one.valid, device), absent=absent
    )
    return replace(member, data=one, teacher=member.teacher and member.teacher.to(device))


ON_GPU = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU"),
]


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=ON_GPU)])
@pytest.mark.slow
@pytest.mark.parametrize("method", ["mmin", "nmer"])
def test_a_fleet_is_what_it_was_whenever_it_trains_and_on_any_device(world, method, device) -> None:
    where = torch.device(device)
    stage = stages_of(method)[-1]
    some = [on(where, member) for member in members(world, stage, (32, 25, 32))]
    once, again = train_members(stage, some), train_members(stage, some)
    for one, other, own in zip(once, again, alone(stage, some), strict=True):
        assert_same(one, own)
        assert [asdict(e) | {"seconds": 0} for e in one.curve] == [
            asdict(e) | {"seconds": 0} for e in other.curve
        ]
        for name, value in one.weights["partial"].items():
            assert torch.equal(value, other.weights["partial"][name])


def test_networks_whose_rows_mix_train_alone(world) -> None:
    assert not may_join(make_stages("nmer_released")[1].build(world.shape))
    assert may_join(make_stages("nmer")[1].build(world.shape))


def test_members_on_one_fold_share_what_their_stage_may_use_of_it(world, monkeypatch) -> None:
    found, whole = [], Sampler.__init__

    def watched(self, sources):
        found.append({id(source.part) for source in sources})
        whole(self, sources)

    monkeypatch.setattr(Sampler, "__init__", watched)
    stage = replace(stages_of("mmin", epochs=1, decay_epochs=0)[0], complete_only=True)
    one, other = data(world, stage, 66 // 2), data(world, stage, 30)
    stage = replace(stage, training=stage.training.model_copy(update={"batch_size": 4}))
    some = [Member(of, None, ("fold", seed)) for seed, of in enumerate([one, one, other, one])]
    assert all(isinstance(each, TrainedStage) for each in train_members(stage, some))
    (parts,) = found
    assert len(parts) == 2
