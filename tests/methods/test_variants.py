"""What a setting of a method changes: one part of its mathematics, against numpy or torch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import nn

from merbench import registry
from merbench.methods.base import trainable_parameters
from merbench.methods.parts.imagination import Cascade
from merbench.methods.parts.vae import ConditionalVae, Latent
from tests.methods import oracle
from tests.methods.losses import embedded, known, make_step, missing, side_by_side, teach, terms
from tests.methods.test_vae import plain_layer
from tests.methods.world import PUBLISHED_SHAPE, World, make_method, make_stages, make_world

close = pytest.approx
LOOSE = {"rtol": 1e-4, "atol": 1e-4}


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(gaps=0.5)


def torchs_encoder(vae: ConditionalVae, width: int) -> nn.Sequential:
    """torch's own layers with the same weights, on (N, T, width)."""
    return nn.Sequential(*(plain_layer(layer, width).eval() for layer in vae.transformer))


def test_attention_across_the_batch_is_torchs_over_one_sequence_of_utterances() -> None:
    torch.manual_seed(0)
    vae = ConditionalVae(32, tokens="batch").eval()
    h, s = torch.randn(2, 6, 32)
    # The released mistake itself: a 2-D tensor, which torch takes for one unbatched sequence.
    read = torchs_encoder(vae, 64)(torch.cat([h, s], 1))
    latent = vae.encode(h, s)
    torch.testing.assert_close(latent.mean, vae.mean(read), **LOOSE)
    torch.testing.assert_close(latent.log_variance, vae.log_variance(read), **LOOSE)


def test_one_token_a_modality_is_torchs_over_a_sequence_of_modalities() -> None:
    torch.manual_seed(0)
    vae = ConditionalVae(3 * 16, 3, tokens="modalities").eval()
    h, s = torch.randn(2, 5, 48)
    tokens = torch.stack(
        [torch.cat([h[:, 16 * m : 16 * m + 16], s[:, 16 * m : 16 * m + 16]], 1) for m in range(3)],
        1,
    )
    read = torchs_encoder(vae, 32)(tokens).reshape(5, 96)
    torch.testing.assert_close(vae.encode(h, s).mean, vae.mean(read), **LOOSE)


@pytest.mark.parametrize("tokens", ["batch", "modalities"])
def test_attention_that_acts_teaches_its_queries_and_keys(tokens) -> None:
    torch.manual_seed(0)
    vae = ConditionalVae(48, 3, tokens)
    vae.encode(*torch.randn(2, 5, 48)).mean.square().sum().backward()
    for layer in vae.transformer:
        assert layer.attention.query_key_weight.grad.abs().max() > 1e-6


def test_attention_weights_are_dropped_in_training_as_torchs_are() -> None:
    torch.manual_seed(0)
    ours = ConditionalVae(16, tokens="batch").transformer[0].train()
    plain = plain_layer(ours, 32).train()
    x = torch.randn(1, 4, 32).expand(4000, -1, -1)
    with torch.no_grad():
        own, theirs = ours(x), plain(x)
    standard_error = theirs.std(0) / 4000**0.5
    assert ((own.mean(0) - theirs.mean(0)).abs() < 6 * standard_error).all()
    torch.testing.assert_close(own.std(0), theirs.std(0), rtol=0.12, atol=0)


def test_a_summed_kl_is_the_mean_times_the_batch() -> None:
    torch.manual_seed(0)
    q = Latent(torch.randn(7, 5), torch.randn(7, 5))
    each = oracle.gaussian_kl(q.mean.double().numpy(), q.log_variance.double().numpy())
    assert q.kl(over_batch="sum").item() == close(each.sum(), rel=1e-5)
    assert q.kl().item() == close(each.sum() / 7, rel=1e-5)


def test_a_sigmoid_after_the_decoder_keeps_what_is_imagined_between_0_and_1() -> None:
    torch.manual_seed(0)
    plain, squashed = ConditionalVae(32), ConditionalVae(32, output="sigmoid")
    squashed.load_state_dict(plain.state_dict())
    z, s = torch.randn(5, 64), torch.randn(5, 32)
    expected = 1 / (1 + np.exp(-plain.decode(z, s).double().detach().numpy()))
    np.testing.assert_allclose(squashed.decode(z, s).detach().numpy(), expected, rtol=1e-4)


def test_nmer_released_is_nmer_with_every_property_of_the_released_code() -> None:
    released, repaired = make_method("nmer_released").config, make_method("nmer").config
    differs = {
        name: getattr(released, name)
        for name in type(repaired).model_fields
        if getattr(released, name) != getattr(repaired, name)
    }
    assert differs == {
        "attention": "batch",
        "latent": "sampled",
        "kl": "sum",
        "beta": 1.0,
        "level_draw": "batch",
        "decoder_output": "sigmoid",
        "selection": "noised",
    }
    everything = make_stages("nmer", **differs)
    assert everything == make_stages("nmer_released")
    assert everything[-1].recipe() == make_stages("nmer_released")[-1].recipe()


def test_both_nmers_share_their_first_stage() -> None:
    assert make_stages("nmer")[0].digest == make_stages("nmer_released")[0].digest


def test_nmer_without_its_vae_imagines_by_mmins_cascade(world) -> None:
    stage = make_stages("nmer", vae="off")[-1]
    step = make_step(stage, world)
    embeddings, weights = embedded(step), oracle.Weights(step.network)
    h, s = side_by_side(embeddings, 0), side_by_side(embeddings, 1)
    imagined, _ = oracle.mmin_cascade(weights, h, "cascade")
    truth = known(step, world)
    scores = weights.classifier(imagined, batch_norm=True)
    assert terms(stage, step) == {
        "ce": close(oracle.cross_entropy(scores, step.batch.labels), rel=1e-4),
        "mse": close(
            oracle.known_mse(imagined, teach(step, world, lambda i, name: True, 0), truth),
            rel=1e-4,
        ),
        "invariant": close(
            oracle.known_mse(s, teach(step, world, lambda i, name: True, 1), truth), rel=1e-4
        ),
    }


def test_nmer_without_invariant_features_has_no_second_encoders_and_no_term_for_them(world) -> None:
    first, second = make_stages("nmer", invariant="off")
    assert set(terms(first, make_step(first, world))) == {"ce"}
    step = make_step(second, world)
    assert set(terms(second, step)) == {"ce", "mse", "kl"}
    names = {name for name, _ in step.network.named_parameters()}
    assert not any("common" in name or "invariant" in name for name in names)
    _, s = step.network.branches.split(step.network.embed(step.batch.observed))
    assert not s.any()


def test_nmer_without_its_scheduler_reads_zeros_where_something_is_missing(world) -> None:
    stages = make_stages("nmer", scheduler="off")
    sampling = stages[-1].sampling
    assert (sampling.train_noise, sampling.absent_input) == ("off", "zeros")
    assert make_stages("nmer_released", scheduler="off")[-1].validation == "clean"
    assert make_method("nmer", scheduler="off").trained_on({"gaussian"}) == frozenset()
    assert make_method("nmer").trained_on({"gaussian", "burst"}) == {"gaussian"}


def test_if_mmin_without_invariant_features_imagines_from_h_alone(world) -> None:
    first, second = make_stages("if_mmin", invariant="off")
    assert set(terms(first, make_step(first, world))) == {"ce"}
    step = make_step(second, world)
    h = side_by_side(embedded(step))
    weights = oracle.Weights(step.network)
    reconstruction, code = oracle.if_mmin_cascade(weights, h, np.zeros_like(h))
    h_true = teach(step, world, lambda i, name: missing(step, i, name))
    scores = weights.classifier(code)
    assert terms(second, step) == {
        "ce": close(oracle.cross_entropy(scores, step.batch.labels), rel=1e-4),
        "mse": close(oracle.known_mse(reconstruction, h_true, known(step, world)), rel=1e-4),
    }


def test_if_mmin_without_cmd_keeps_everything_else(world) -> None:
    first, second = make_stages("if_mmin", cmd="off")
    assert set(terms(first, make_step(first, world))) == {"ce"}
    assert set(terms(second, make_step(second, world))) == {"ce", "mse", "invariant"}
    with_cmd = make_stages("if_mmin")[0]
    assert trainable_parameters(first.build(world.shape)) == trainable_parameters(
        with_cmd.build(world.shape)
    )


def test_mmin_without_its_cycle_has_no_way_back(world) -> None:
    stage = make_stages("mmin", cycle="off")[-1]
    assert set(terms(stage, make_step(stage, world))) == {"ce", "mse"}
    lost = trainable_parameters(make_stages("mmin")[-1].build(PUBLISHED_SHAPE))
    lost -= trainable_parameters(stage.build(PUBLISHED_SHAPE))
    assert lost == trainable_parameters(Cascade(384))


def test_mmins_shared_cascade_goes_there_and_back_with_the_same_weights(world) -> None:
    stage = make_stages("mmin", cascades="shared", forward_weight=2.0, cycle_weight=0.5)[-1]
    step = make_step(stage, world)
    weights, h = oracle.Weights(step.network), side_by_side(embedded(step))
    there, code = oracle.mmin_cascade(weights, h)
    back, _ = oracle.mmin_cascade(weights, there)
    h_true = teach(step, world, lambda i, name: missing(step, i, name))
    assert terms(stage, step) == {
        "ce": close(oracle.cross_entropy(weights.classifier(code), step.batch.labels), rel=1e-4),
        "mse": close(2 * oracle.known_mse(there, h_true, known(step, world)), rel=1e-4),
        "cycle": close(0.5 * np.mean((back - h) ** 2), rel=1e-4),
    }
    groups = [type(part).__name__ for part in step.network.subnetworks()]
    assert groups.count("Cascade") == 1


def test_mmin_without_imagination_is_its_teachers_encoders_on_partial_patterns(world) -> None:
    first, second = make_stages("mmin", imagination="off")
    assert second.sampling.patterns == "partial"
    step = make_step(second, world)
    scores = oracle.Weights(step.network).classifier(side_by_side(embedded(step)))
    assert terms(second, step) == {
        "ce": close(oracle.cross_entropy(scores, step.batch.labels), rel=1e-4)
    }
    teacher, network = first.build(world.shape), second.build(world.shape)
    fresh = network.classifier[0].weight.clone()
    second.warm_start(network, teacher)
    learnt = teacher.encoders.state_dict()
    assert all(torch.equal(learnt[k], v) for k, v in network.encoders.state_dict().items())
    assert torch.equal(network.classifier[0].weight, fresh)


@pytest.mark.parametrize(
    ("method", "settings", "words"),
    [
        ("nmer", {"attention": "batch", "tokens": "modalities"}, "expected tokens: one"),
        ("nmer", {"scheduler": "off", "train_noise": "scheduler"}, "expected train_noise: off"),
        ("nmer", {"vae": "off", "kl": "sum"}, "vae: off leaves kl without a meaning; leave it out"),
        ("nmer", {"scheduler": "off", "absent_input": "noise"}, "expected absent_input: zeros"),
        ("nmer_released", {"scheduler": "off", "selection": "noised"}, "and selection: clean"),
        ("nmer", {"scheduler": "off", "level_draw": "batch"}, "train_noise: off leaves level_draw"),
        ("nmer", {"train_noise": "suite", "level_draw": "batch"}, "suite leaves level_draw"),
        ("if_mmin", {"invariant": "off", "cmd_weight": 2.0}, "invariant: off leaves cmd_weight"),
        ("if_mmin", {"cmd": "off", "cmd_weight": 2.0}, "cmd: off leaves cmd_weight"),
        ("mmin", {"cycle": "off", "cycle_weight": 1.0}, "cycle: off leaves cycle_weight"),
        ("mmin", {"imagination": "off", "cycle": "off"}, "imagination: off leaves cycle"),
    ],
)
def test_settings_of_a_part_that_is_off_are_refused(method, settings, words) -> None:
    with pytest.raises(ValidationError, match=words):
        registry.load("methods", method).Config(**settings)
