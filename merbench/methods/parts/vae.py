"""NMER's conditional VAE: q(z | h, s) by a Transformer, h' from [z, s]."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from merbench.methods.parts.layers import LEAK

LAYERS = 5
HEADS = 8
FEED_FORWARD = 128
DROPOUT = 0.1
LATENT = 64
DECODER_HIDDEN = 128


class SingleTokenAttention(nn.Module):
    """Multi-head self-attention over a sequence of one token.

    A softmax over one score is 1, so the output is the value projection, whatever query and key
    are: their weights exist, are counted, and are inert. Dropout falls on the weights, one for
    each head, as in ordinary attention.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        in_projection = nn.init.xavier_uniform_(torch.empty(3 * width, width))
        self.query_key_weight = nn.Parameter(in_projection[: 2 * width].clone())
        self.query_key_bias = nn.Parameter(torch.zeros(2 * width))
        self.value_weight = nn.Parameter(in_projection[2 * width :].clone())
        self.value_bias = nn.Parameter(torch.zeros(width))
        self.out_proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, width)."""
        heads = functional.linear(x, self.value_weight, self.value_bias).unflatten(1, (HEADS, -1))
        weights = functional.dropout(x.new_ones(len(x), HEADS, 1), DROPOUT, self.training)
        attended: Tensor = self.out_proj((heads * weights).flatten(1))
        return attended


class TransformerLayer(nn.Module):
    """Post-norm encoder layer with ReLU, over one token."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.attention = SingleTokenAttention(width)
        self.first = nn.Linear(width, FEED_FORWARD)
        self.second = nn.Linear(FEED_FORWARD, width)
        self.norm_attention = nn.LayerNorm(width)
        self.norm_feed_forward = nn.LayerNorm(width)
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, width)."""
        x = self.norm_attention(x + self.dropout(self.attention(x)))
        hidden = self.dropout(functional.relu(self.first(x)))
        out: Tensor = self.norm_feed_forward(x + self.dropout(self.second(hidden)))
        return out


class Latent(NamedTuple):
    """Parameters of q(z | h, s): two (B, 64) tensors."""

    mean: Tensor
    log_variance: Tensor

    def sample(self) -> Tensor:
        """Draw z with the reparameterisation trick."""
        return self.mean + torch.randn_like(self.mean) * (0.5 * self.log_variance).exp()

    def kl(self, free_bits: float = 0.0) -> Tensor:
        """Return KL(q || N(0, I)): summed over the latent, averaged over the batch.

        Args:
            free_bits: each latent dimension's batch mean counts only above this many nats.
        """
        each = 0.5 * (self.mean.square() + self.log_variance.exp() - 1 - self.log_variance)
        return each.mean(0).clamp(min=free_bits).sum()


class ConditionalVae(nn.Module):
    """Encoder, heads and decoder (NMER eq. 8-12)."""

    def __init__(self, width: int) -> None:
        """Build for embeddings h and invariant features s of (B, width) each."""
        super().__init__()
        self.transformer = nn.Sequential(*(TransformerLayer(2 * width) for _ in range(LAYERS)))
        self.mean = nn.Linear(2 * width, LATENT)
        self.log_variance = nn.Linear(2 * width, LATENT)
        self.decoder = nn.Sequential(
            nn.Linear(LATENT + width, DECODER_HIDDEN),
            nn.LeakyReLU(LEAK),
            nn.Linear(DECODER_HIDDEN, width),
        )

    def encode(self, h: Tensor, s: Tensor) -> Latent:
        """Return q(z | h, s)."""
        token = self.transformer(torch.cat([h, s], 1))
        return Latent(self.mean(token), self.log_variance(token))

    def decode(self, z: Tensor, s: Tensor) -> Tensor:
        """Return (B, width) h'."""
        imagined: Tensor = self.decoder(torch.cat([z, s], 1))
        return imagined
