"""NMER's conditional VAE: q(z | h, s) by a Transformer, h' from [z, s]."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from merbench.methods.parts.attention import TransformerLayer
from merbench.methods.parts.draws import standard_normal_like
from merbench.methods.parts.layers import LEAK

LAYERS = 5
LATENT = 64
DECODER_HIDDEN = 128

# What attention runs over. `one`: an utterance is a sequence of one token, [h, s]; `modalities`:
# it is a sequence of one token a modality, its specific and invariant part; `batch`: the batch is
# one sequence, each utterance a token of it, as the released code has it.
Tokens = Literal["one", "modalities", "batch"]
Output = Literal["linear", "sigmoid"]
Reduction = Literal["mean", "sum"]


class Latent(NamedTuple):
    """Parameters of q(z | h, s): two (B, 64) tensors."""

    mean: Tensor
    log_variance: Tensor

    def sample(self) -> Tensor:
        """Draw z with the reparameterisation trick."""
        return self.mean + standard_normal_like(self.mean) * (0.5 * self.log_variance).exp()

    def kl(self, free_bits: float = 0.0, over_batch: Reduction = "mean") -> Tensor:
        """Return KL(q || N(0, I)), summed over the latent.

        Args:
            free_bits: each latent dimension's batch mean counts only above this many nats.
            over_batch: how utterances are reduced; as a sum, the term grows with the batch.
        """
        each = 0.5 * (self.mean.square() + self.log_variance.exp() - 1 - self.log_variance)
        mean = each.mean(0).clamp(min=free_bits).sum()
        return mean * len(each) if over_batch == "sum" else mean


class VaeImagined(NamedTuple):
    """What the VAE imagines.

    Attributes:
        embedding: (B, M d) h'.
        latent: q(z | h, s).
    """

    embedding: Tensor
    latent: Latent


class ConditionalVae(nn.Module):
    """Encoder, heads and decoder (NMER eq. 8-12)."""

    def __init__(
        self,
        width: int,
        modalities: int = 1,
        tokens: Tokens = "one",
        output: Output = "linear",
    ) -> None:
        """Build for embeddings h and invariant features s of (B, width) each.

        Args:
            width: M d.
            modalities: M; matters for `tokens: modalities` alone.
            tokens: what attention runs over.
            output: what the decoder ends with. A sigmoid keeps h' in 0..1, where its target, the
                embeddings of recurrent and convolutional encoders, is not.
        """
        super().__init__()
        self.tokens, self.output = tokens, output
        self.sequence = modalities if tokens == "modalities" else 1
        self.transformer = nn.Sequential(
            *(TransformerLayer(2 * width // self.sequence) for _ in range(LAYERS))
        )
        self.mean = nn.Linear(2 * width, LATENT)
        self.log_variance = nn.Linear(2 * width, LATENT)
        self.decoder = nn.Sequential(
            nn.Linear(LATENT + width, DECODER_HIDDEN),
            nn.LeakyReLU(LEAK),
            nn.Linear(DECODER_HIDDEN, width),
        )

    def encode(self, h: Tensor, s: Tensor) -> Latent:
        """Return q(z | h, s)."""
        of_modalities = (t.unflatten(1, (self.sequence, -1)) for t in (h, s))
        tokens = torch.cat([*of_modalities], 2)
        if self.tokens == "batch":
            read = self.transformer(tokens.transpose(0, 1)).transpose(0, 1)
        else:
            read = self.transformer(tokens)
        read = read.flatten(1)
        return Latent(self.mean(read), self.log_variance(read))

    def decode(self, z: Tensor, s: Tensor) -> Tensor:
        """Return (B, width) h'."""
        imagined: Tensor = self.decoder(torch.cat([z, s], 1))
        return imagined.sigmoid() if self.output == "sigmoid" else imagined

    def forward(self, h: Tensor, s: Tensor, *, sample: bool) -> VaeImagined:
        """Imagine h' from a sample of the latent, or from its mean."""
        latent = self.encode(h, s)
        return VaeImagined(self.decode(latent.sample() if sample else latent.mean, s), latent)
