"""NMER's Transformer is torch's over one token, and its latent a Gaussian with a closed form."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import Normal, kl_divergence

from merbench.methods.parts.attention import SelfAttention, TransformerLayer
from merbench.methods.parts.vae import ConditionalVae, Latent
from tests.methods import oracle

WIDTH = 64


def plain_layer(ours: TransformerLayer, width: int) -> nn.TransformerEncoderLayer:
    """torch's own layer with the same weights, by the names torch gives them."""
    plain = nn.TransformerEncoderLayer(width, 8, 128, 0.1, "relu", batch_first=True)
    attention = ours.attention
    plain.load_state_dict(
        {
            "self_attn.in_proj_weight": torch.cat(
                [attention.query_key_weight, attention.value_weight]
            ),
            "self_attn.in_proj_bias": torch.cat([attention.query_key_bias, attention.value_bias]),
            "self_attn.out_proj.weight": attention.out_proj.weight,
            "self_attn.out_proj.bias": attention.out_proj.bias,
            "linear1.weight": ours.first.weight,
            "linear1.bias": ours.first.bias,
            "linear2.weight": ours.second.weight,
            "linear2.bias": ours.second.bias,
            "norm1.weight": ours.norm_attention.weight,
            "norm1.bias": ours.norm_attention.bias,
            "norm2.weight": ours.norm_feed_forward.weight,
            "norm2.bias": ours.norm_feed_forward.bias,
        }
    )
    return plain


def random_layer(width: int = WIDTH) -> TransformerLayer:
    torch.manual_seed(0)
    layer = TransformerLayer(width)
    with torch.no_grad():
        for parameter in layer.parameters():
            if parameter.ndim == 1:
                parameter.normal_(0.5, 0.5)
    return layer


def test_a_layer_is_torchs_on_sequences_of_one_token() -> None:
    ours = random_layer().eval()
    # In training mode without dropout, so that torch takes no shortcut.
    plain = plain_layer(ours, WIDTH).train()
    for module in plain.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    plain.self_attn.dropout = 0.0
    x = torch.randn(9, WIDTH)
    torch.testing.assert_close(ours(x[:, None]), plain(x[:, None]), rtol=1e-5, atol=1e-5)


def test_many_rows_at_once_attend_as_few_do() -> None:
    torch.manual_seed(0)
    attention = SelfAttention(16).double().eval()
    for parameter in attention.parameters():
        torch.nn.init.normal_(parameter)
    x = torch.randn(200, 1, 16, dtype=torch.float64)
    few = torch.cat([attention(some) for some in x.split(64)])
    torch.testing.assert_close(attention(x), few, rtol=1e-12, atol=1e-12)
    assert not torch.equal(attention(x), few), "it took the other way"


def test_many_rows_at_once_still_drop_out_in_training() -> None:
    attention = SelfAttention(16).train()
    x = torch.randn(200, 1, 16)
    assert not torch.allclose(attention(x), attention(x))


def test_a_layers_gradients_are_torchs_and_queries_and_keys_get_none() -> None:
    ours = random_layer().eval()
    plain = plain_layer(ours, WIDTH).eval()
    x, weights = torch.randn(9, WIDTH), torch.randn(9, WIDTH)
    (ours(x[:, None])[:, 0] * weights).sum().backward()
    (plain(x[:, None])[:, 0] * weights).sum().backward()
    theirs = plain.self_attn.in_proj_weight.grad
    close = {"rtol": 1e-3, "atol": 1e-4}
    torch.testing.assert_close(ours.attention.value_weight.grad, theirs[2 * WIDTH :], **close)
    torch.testing.assert_close(
        ours.attention.out_proj.weight.grad, plain.self_attn.out_proj.weight.grad, **close
    )
    # Over one token torch's own queries and keys learn nothing either.
    assert theirs[: 2 * WIDTH].abs().max() < 1e-5
    assert ours.attention.query_key_weight.grad is None
    assert ours.attention.query_key_bias.grad is None


def test_dropout_in_training_is_as_strong_as_torchs() -> None:
    ours = random_layer().train()
    plain = plain_layer(ours, WIDTH).train()
    x = torch.randn(1, WIDTH)
    with torch.no_grad():
        own = ours(x[:, None].expand(20_000, -1, -1))[:, 0]
        theirs = plain(x[:, None].expand(20_000, -1, -1))[:, 0]
    standard_error = theirs.std(0) / 100
    assert ((own.mean(0) - theirs.mean(0)).abs() < 6 * standard_error).all()
    torch.testing.assert_close(own.std(0), theirs.std(0), rtol=0.05, atol=0)


def test_the_encoder_stacks_five_layers_without_a_final_norm() -> None:
    torch.manual_seed(0)
    vae = ConditionalVae(32).eval()
    plain = [plain_layer(layer, 64).eval() for layer in vae.transformer]
    assert len(plain) == 5
    h, s = torch.randn(2, 4, 32)
    token = torch.cat([h, s], 1)[:, None]
    for layer in plain:
        token = layer(token)
    latent = vae.encode(h, s)
    expected = token[:, 0] @ vae.mean.weight.T + vae.mean.bias
    torch.testing.assert_close(latent.mean, expected, rtol=1e-4, atol=1e-4)
    assert latent.mean.shape == latent.log_variance.shape == (4, 64)


def latent(n: int = 6, width: int = 5) -> Latent:
    torch.manual_seed(3)
    return Latent(torch.randn(n, width, dtype=torch.float64), torch.randn(n, width).double())


def test_kl_is_torchs_summed_over_the_latent_and_averaged_over_the_batch() -> None:
    q = latent()
    normal = Normal(q.mean, (q.log_variance / 2).exp())
    each = kl_divergence(normal, Normal(0.0, 1.0))
    assert q.kl().item() == pytest.approx(each.sum(1).mean().item())
    by_hand = oracle.gaussian_kl(q.mean.numpy(), q.log_variance.numpy())
    np.testing.assert_allclose(each.numpy(), by_hand)


def test_kl_does_not_grow_with_the_batch() -> None:
    q = latent()
    twice = Latent(q.mean.repeat(2, 1), q.log_variance.repeat(2, 1))
    assert twice.kl().item() == pytest.approx(q.kl().item())


def test_free_bits_are_a_floor_under_each_dimension() -> None:
    q = latent()
    dimensions = oracle.gaussian_kl(q.mean.numpy(), q.log_variance.numpy()).mean(0)
    floor = float(np.sort(dimensions)[1:3].mean())
    assert q.kl(floor).item() == pytest.approx(np.maximum(dimensions, floor).sum())
    # A dimension below its floor is not pushed any further down.
    mean = q.mean.clone().requires_grad_()
    Latent(mean, q.log_variance).kl(floor).backward()
    assert ((mean.grad == 0).all(0).numpy() == (dimensions < floor)).all()


def test_samples_have_the_latents_mean_and_variance() -> None:
    torch.manual_seed(0)
    q = Latent(torch.tensor([[1.0, -2.0]]), torch.tensor([[0.0, 2.0]]))
    many = Latent(q.mean.expand(40_000, -1), q.log_variance.expand(40_000, -1)).sample()
    torch.testing.assert_close(many.mean(0), q.mean[0], rtol=0, atol=0.07)
    torch.testing.assert_close(many.var(0), q.log_variance[0].exp(), rtol=0.04, atol=0)
