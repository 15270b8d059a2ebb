"""What is recorded and run again gives the numbers that it gave: bit for bit."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from merbench import seeds
from merbench.methods.base import Stage
from merbench.methods.parts import vae
from merbench.methods.parts.draws import dropout, standard_normal_like
from merbench.training import recorder
from merbench.training.course import TrainedStage
from merbench.training.loop import Member, train_members
from merbench.training.recorder import CALLS_BEFORE, Recorder
from tests.methods.world import NETWORKS, World, build, make_stages, make_world

FLEETS = tuple(name for name in NETWORKS if name != "nmer_released")
# One that changes buffers, and one that has teachers, warm-up and noise; the others are slow.
SOON = ("ridge_impute", "nmer")
NEVER = 10**9


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(100, gaps=0.3, signal=0.3)


@pytest.fixture
def shallow(monkeypatch) -> None:
    """Let the Transformer of NMER have one layer: its layers are alike."""
    monkeypatch.setattr(vae, "LAYERS", 1)


def trained(stage: Stage, world: World, sizes: tuple[int, ...]) -> list[TrainedStage]:
    found = world.data(absent_input=stage.sampling.absent_input)
    parts = {n: replace(found, train=found.train.select(torch.arange(n))) for n in set(sizes)}
    teachers = [
        None if stage.teacher is None else build(stage.teacher, world.shape, seed)
        for seed in range(len(sizes))
    ]
    members = [
        Member(parts[n], teacher, ("fold", seed))
        for seed, (n, teacher) in enumerate(zip(sizes, teachers, strict=True))
    ]
    ended = train_members(stage, members)
    assert all(isinstance(each, TrainedStage) for each in ended)
    return ended


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n in SOON else pytest.mark.slow) for n in FLEETS]
)
def test_training_ends_where_it_ends_without(name, world, monkeypatch, shallow) -> None:
    stage = make_stages(name)[-1]
    settings = stage.training.model_copy(update={"epochs": 2, "decay_epochs": 0})
    stage = replace(stage, training=settings)
    recorded: list[object] = []
    record = recorder._record
    monkeypatch.setattr(recorder, "_record", lambda *a: recorded.append(a) or record(*a))
    ends = []
    for calls in (NEVER, 1):
        monkeypatch.setattr(recorder, "CALLS_BEFORE", calls)
        # The last batches of an epoch have sizes of their own, and are not of every member.
        ends.append(trained(stage, world, (50, 44, 44)))
    assert len(recorded) >= 2  # losses and logits; and losses of some members
    for plain, again in zip(*ends, strict=True):
        assert plain.chosen == again.chosen
        assert [e.terms for e in plain.curve] == [e.terms for e in again.curve]
        for criterion, weights in plain.weights.items():
            for key, value in weights.items():
                assert torch.equal(value, again.weights[criterion][key]), key


def generators(n: int = 2) -> list[torch.Generator]:
    return [seeds.torch_generator(torch.device("cpu"), "recorder", k) for k in range(n)]


def noisy(x: Tensor, total: Tensor, scale: Tensor) -> dict[str, Tensor]:
    """Draw twice for each member, use a constant, and change an argument in place."""

    def of_one(x: Tensor) -> Tensor:
        constant = torch.tensor([1.0, 2.0, 4.0])
        return dropout(x, 0.5, True) * constant + standard_normal_like(x)

    found = torch.vmap(of_one)(x) * scale
    total.add_(found.detach())
    return {"found": found}


@pytest.mark.parametrize("fixed", [0, 2])
def test_draws_constants_and_changes_are_those_of_the_function(fixed) -> None:
    recording, mine, theirs = Recorder(), generators(), generators()
    x, totals = torch.arange(6.0).view(2, 3), [torch.zeros(2, 3), torch.zeros(2, 3)]
    plain = Recorder()
    for call in range(CALLS_BEFORE + 3):
        scale = torch.tensor(call + 1.0)
        arguments = [(x, total, scale) for total in totals]
        found = recording(noisy, "a", mine, arguments[0][:fixed], arguments[0][fixed:])
        # Each call of a kind of its own is never recorded.
        expected = plain(noisy, call, theirs, (), arguments[1])
        assert torch.equal(found["found"], expected["found"])
    assert list(recording.recorded) == ["a"]
    assert not plain.recorded
    assert torch.equal(*totals)
    for one, other in zip(mine, theirs, strict=True):
        assert torch.equal(one.get_state(), other.get_state())


def test_kinds_are_recorded_apart_once_they_came_often_enough() -> None:
    calls = []

    def double(x: Tensor) -> Tensor:
        calls.append(len(x))
        return 2 * x

    recording = Recorder()
    for _ in range(CALLS_BEFORE + 2):
        for n in (2, 3):
            x = torch.arange(float(n))
            assert torch.equal(recording(double, n, (), (), (x,)), 2 * x)
    recording(double, 5, (), (), (torch.ones(5),))
    assert sorted(recording.recorded) == [2, 3]
    # Once more while it is recorded, and then never again.
    assert [calls.count(n) for n in (2, 3, 5)] == [CALLS_BEFORE + 1, CALLS_BEFORE + 1, 1]


def looks_at_values(x: Tensor) -> Tensor:
    return x * float(x.sum())


def refused(*_: object) -> None:
    raise RuntimeError("operation not permitted when stream is capturing")


def test_what_cannot_be_recorded_stays_as_it_is() -> None:
    recording = Recorder()
    for call in range(CALLS_BEFORE + 3):
        x = torch.arange(3.0) + call
        found = recording(looks_at_values, "a", (), (x,), ())
        assert torch.equal(found, looks_at_values(x))
    assert not recording.recorded


def picks(x: Tensor) -> Tensor:
    return x[(torch.arange(3) > 0).nonzero().squeeze(1)]


def solves(x: Tensor) -> Tensor:
    return torch.linalg.solve_ex(torch.eye(3) * 2, x[:, None])[0]


@pytest.mark.parametrize(("function", "tried"), [(torch.exp, 1), (picks, 0), (solves, 0)])
def test_what_a_graph_does_not_take_runs_one_after_the_other(function, tried, monkeypatch) -> None:
    """A capture that fails leaves its stream behind: none is begun that is known to."""
    streams, tries = [], []
    monkeypatch.setattr(recorder, "_on_gpu", lambda tensors: True)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda: "the stream")
    monkeypatch.setattr(torch.cuda, "set_stream", streams.append)
    monkeypatch.setattr(recorder, "_Graph", lambda *a: tries.append(a) or refused())
    recording = Recorder()
    for call in range(CALLS_BEFORE + 3):
        x = torch.arange(3.0) + call
        assert torch.equal(recording(function, "a", (), (x,), ()), function(x))
    assert isinstance(recording.recorded["a"], recorder._Flat)
    assert len(tries) == tried
    assert streams == ["the stream"] * tried


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_a_graph_gives_on_a_gpu_what_the_function_gives() -> None:
    device = torch.device("cuda")
    one, other = (
        [seeds.torch_generator(device, "recorder", k) for k in range(2)] for _ in range(2)
    )

    def loss(weight: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        leaf = weight.detach().requires_grad_()
        constant = torch.tensor([2.0, 0.5, 1.0], device=device)
        value = torch.vmap(lambda w, x: (dropout(x @ w, 0.5, True) * constant).sum())(leaf, x)
        return value.detach(), torch.autograd.grad(value.sum(), leaf)[0]

    weight, recording, plain = torch.randn(2, 4, 3, device=device), Recorder(), Recorder()
    ends = []
    for call in range(CALLS_BEFORE + 4):
        x = torch.randn(2, 5, 4, device=device)
        found = [t.clone() for t in recording(loss, "a", one, (weight,), (x,))]
        torch.full((1 << 20,), float("nan"), device=device)  # whoever reads freed memory finds it
        for got, expected in zip(found, plain(loss, call, other, (weight,), (x,)), strict=True):
            assert torch.equal(got, expected)
        ends.append(found[0])
        weight += 0.1
    assert isinstance(recording.recorded["a"], recorder._Graph)
    assert not any(torch.equal(a, b) for a, b in pairwise(ends))
