"""What a training step reaches, what it clips, where a network starts, what stays as it is."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from merbench import seeds
from merbench.methods.base import NetworkMethod, Stage
from merbench.methods.parts.encoders import Encoder
from merbench.training.loop import train_stage
from tests.methods.losses import make_step
from tests.methods.world import (
    CPU,
    NETWORKS,
    PUBLISHED_SHAPE,
    World,
    build,
    make_method,
    make_stages,
    make_world,
)

STAGES = [
    pytest.param(name, number, id=f"{name} stage {number + 1}")
    for name in NETWORKS
    for number in range(len(make_stages(name)))
]
SECOND = [name for name in NETWORKS if len(make_stages(name)) == 2]


@pytest.fixture(scope="module")
def world() -> World:
    return make_world()


def inert(name: str, stage: Stage | None = None) -> bool:
    """NMER's query and key rows: over one token, attention never uses them."""
    return (
        name.startswith("vae.")
        and ".query_key_" in name
        and getattr(stage, "tokens", "one") == "one"
    )


@pytest.mark.parametrize(("method", "number"), STAGES)
def test_gradients_reach_every_parameter_but_queries_and_keys(world, method, number) -> None:
    stage = make_stages(method)[number]
    step = make_step(stage, world, n=24)
    torch.stack(list(stage.loss(step.network, step.batch).values())).sum().backward()
    for name, parameter in step.network.named_parameters():
        assert parameter.requires_grad
        if inert(name, stage):
            assert parameter.grad is None or not parameter.grad.any(), name
        else:
            assert parameter.grad is not None, name
            assert parameter.grad.any(), name
            assert parameter.grad.isfinite().all(), name


def test_nmers_inert_parameters_are_59_of_128_million() -> None:
    network = make_stages("nmer")[-1].build(PUBLISHED_SHAPE)
    idle = sum(p.numel() for name, p in network.named_parameters() if inert(name))
    assert idle == 5 * (2 * 768 * 768 + 2 * 768)
    assert round(idle / 1e6, 1) == 5.9


@pytest.mark.parametrize(("method", "number"), STAGES)
def test_every_parameter_is_clipped_in_exactly_one_group(world, method, number) -> None:
    network = make_stages(method)[number].build(world.shape)
    clipped = [id(p) for part in network.subnetworks() for p in part.parameters()]
    assert len(set(clipped)) == len(clipped)
    assert set(clipped) == {id(p) for p in network.parameters()}


@pytest.mark.parametrize(("method", "number"), STAGES)
def test_each_encoder_and_each_classifier_is_a_group_of_its_own(world, method, number) -> None:
    network = make_stages(method)[number].build(world.shape)
    groups = list(network.subnetworks())
    encoders = [m for m in network.modules() if type(m).__name__.endswith("Encoder")]
    classifiers = [m for m in network.modules() if type(m).__name__ == "Classifier"]
    assert encoders
    assert classifiers
    for part in (*encoders, *classifiers):
        assert any(part is group for group in groups), type(part).__name__


def inherited(network: nn.Module) -> tuple[str, ...]:
    """What a second stage takes from the first (methods.md, init): the part with the encoders."""
    return tuple(
        {
            f"{name.partition('.')[0]}."
            for name, module in network.named_modules()
            if isinstance(module, Encoder)
        }
    )


@pytest.mark.parametrize("method", SECOND)
def test_the_second_stage_starts_from_the_first_where_it_should(world, method) -> None:
    stage = make_stages(method)[-1]
    teacher = build(stage.teacher, world.shape, seed=3)
    network = build(stage, world.shape, seed=4)
    before = copy.deepcopy(network.state_dict())
    stage.warm_start(network, teacher)
    learnt = teacher.state_dict()
    for name, tensor in network.state_dict().items():
        if name.startswith(inherited(network)):
            assert torch.equal(tensor, learnt[name]), name
        else:
            assert torch.equal(tensor, before[name]), name
    assert all(p.requires_grad for p in network.parameters())


@pytest.mark.parametrize("method", SECOND)
def test_a_second_stage_moves_its_inheritance_and_leaves_its_teacher_alone(world, method) -> None:
    stage = make_stages(method)[-1]
    with seeds.torch_scope(CPU, "teacher"):
        teacher = stage.teacher.build(world.shape).eval()
    before = copy.deepcopy(teacher.state_dict())
    trained = train_stage(stage, world.data(), teacher, ("fold", 0))
    after = teacher.state_dict()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
    assert all(parameter.grad is None for parameter in teacher.parameters())
    (weights,) = trained.weights.values()
    prefixes = inherited(stage.build(world.shape))
    for name in weights:
        if name.startswith(prefixes):
            assert not torch.equal(weights[name], before[name]), name


@pytest.mark.parametrize("method", SECOND)
def test_targets_come_from_a_teacher_that_drops_nothing(world, method) -> None:
    """With and without dropout in it, the same teacher trains the same weights bit for bit."""
    stage, found = make_stages(method)[-1], []
    for dropout in (0.5, 0.0):
        with seeds.torch_scope(CPU, "teacher"):
            teacher = stage.teacher.build(world.shape).train()
        for module in teacher.modules():
            if isinstance(module, nn.Dropout):
                module.p = dropout
        found.append(train_stage(stage, world.data(), teacher, ("fold", 0)).weights["partial"])
    assert all(torch.equal(found[0][name], found[1][name]) for name in found[0])


@pytest.mark.parametrize("method", SECOND)
def test_a_step_does_not_move_what_it_has_inherited_far(world, method) -> None:
    """Training starts at the teacher's weights: Adam's first steps are no longer than lr."""
    stage = make_stages(method, lr=1e-6)[-1]
    with seeds.torch_scope(CPU, "teacher"):
        teacher = stage.teacher.build(world.shape)
    learnt = copy.deepcopy(teacher.state_dict())
    trained = train_stage(stage, world.data(), teacher, ("fold", 0))
    prefixes = inherited(stage.build(world.shape))
    for name, tensor in trained.weights["partial"].items():
        if name.startswith(prefixes):
            torch.testing.assert_close(tensor, learnt[name], rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("method", "stages"),
    [
        ("zero_fill", [(128, 10, 10, 0.3)]),
        ("discard", [(128, 10, 10, 0.3)]),
        ("modality_dropout", [(128, 20, 20, 0.3)]),
        ("noise_augment", [(128, 20, 20, 0.3)]),
        ("mmin", [(128, 10, 10, 0.3), (128, 30, 30, 0.5)]),
        ("if_mmin", [(64, 10, 10, 0.3), (128, 20, 20, 0.5)]),
        ("nmer", [(64, 10, 10, 0.2), (128, 40, 40, 0.1)]),
        ("nmer_released", [(64, 10, 10, 0.2), (128, 40, 40, 0.1)]),
    ],
)
def test_published_training_settings_are_those_of_the_scripts(method, stages) -> None:
    made = make_method(method)
    assert isinstance(made, NetworkMethod)
    published = list(made.published().values())
    assert [(t.batch_size, t.epochs, t.decay_epochs, t.dropout) for t in published] == stages
    for number, training in enumerate(published):
        assert training.lr == 2e-4
        assert training.betas == ((0.9, 0.999) if number == 0 else (0.5, 0.999))
        assert training.clip == (0.5 if number == 0 else 1.0)


@pytest.mark.parametrize(
    ("method", "patterns", "complete_only", "noise", "absent"),
    [
        ("zero_fill", "complete", False, "off", "zeros"),
        ("discard", "complete", True, "off", "zeros"),
        ("modality_dropout", "partial", False, "off", "zeros"),
        ("noise_augment", "partial", False, "scheduler", "noise"),
        ("mmin", "partial", False, "off", "zeros"),
        ("if_mmin", "partial", False, "off", "zeros"),
        ("nmer", "partial", False, "scheduler", "noise"),
        ("nmer_released", "partial", False, "scheduler", "noise"),
    ],
)
def test_the_last_stage_samples_its_inputs_as_the_method_says(
    method, patterns, complete_only, noise, absent
) -> None:
    stages = make_stages(method)
    sampling = stages[-1].sampling
    assert (sampling.patterns, stages[-1].complete_only) == (patterns, complete_only)
    assert (sampling.train_noise, sampling.absent_input) == (noise, absent)
    assert not sampling.include_complete
    for teacher in stages[:-1]:
        assert teacher.complete_only
        assert teacher.sampling.patterns == "complete"
        assert teacher.sampling.train_noise == "off"


@pytest.mark.parametrize(
    "method",
    [n for n in NETWORKS if "include_complete" in type(make_method(n).config).model_fields],
)
def test_the_complete_pattern_can_be_trained_on_where_asked(method) -> None:
    assert make_stages(method, include_complete=True)[-1].sampling.include_complete
