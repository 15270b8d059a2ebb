"""Imagination: a cascade of residual autoencoders that fills in what is absent (MMIN)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from merbench.methods.parts.layers import LEAK

AUTOENCODERS = 5
HIDDEN = (256, 128)
CODE = 64
# How an autoencoder's input is made from what came before; see `Cascade`.
CascadeForm = Literal["residual", "invariant", "invariant_2022"]


class Imagined(NamedTuple):
    """What a cascade returns.

    Attributes:
        reconstruction: (B, d M) the imagined embedding h'.
        code: (B, 5 x 64) the codes of all autoencoders side by side.
    """

    reconstruction: Tensor
    code: Tensor


class _Encoded(NamedTuple):
    """The cascade up to its last code: (B, d M) the last input u_B, and the five (B, 64) codes."""

    u: Tensor
    codes: list[Tensor]


def _stack(widths: Sequence[int], activation: type[nn.Module], **options: float) -> nn.Sequential:
    """Linear layers with an activation between them, none after the last."""
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(widths):
        layers += [nn.Linear(inputs, outputs), activation(**options)]
    return nn.Sequential(*layers[:-1])


class ResidualAutoencoder(nn.Module):
    """d M - 256 - 128 - 64 - 128 - 256 - d M."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.encoder = _stack((width, *HIDDEN, CODE), nn.LeakyReLU, negative_slope=LEAK)
        self.decoder = _stack((CODE, *reversed(HIDDEN), width), nn.ReLU)


class Cascade(nn.Module):
    """B = 5 residual autoencoders and a transition T (MMIN eq. 1-3, IF-MMIN eq. 4-6).

    With u_k the input, z_k the code and o_k the output of autoencoder k:

    - `residual` (MMIN): u_1 = h, u_{k+1} = u_k + o_k, h' = T(u_B + o_B);
    - `invariant` (IF-MMIN since September 2024): u_k = o_{k-1} + s with o_0 = h, h' = T(o_B);
    - `invariant_2022` (IF-MMIN at publication): u_k = h + k s, h' = T(u_B + o_B).
    """

    def __init__(self, width: int, form: CascadeForm = "residual") -> None:
        super().__init__()
        self.form = form
        self.autoencoders = nn.ModuleList(ResidualAutoencoder(width) for _ in range(AUTOENCODERS))
        self.transition = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))

    def forward(self, h: Tensor, s: Tensor | None = None) -> Imagined:
        """Imagine.

        Args:
            h: (B, d M) embedding of the incomplete input.
            s: (B, d M) invariant features; needed by the two invariant forms.
        """
        u, codes = self._encoded(h, s)
        o = self._chain[-1].decoder(codes[-1])
        last = o if self.form == "invariant" else u + o
        return Imagined(self.transition(last), torch.cat(codes, 1))

    def codes(self, h: Tensor, s: Tensor | None = None) -> Tensor:
        """Return (B, 5 x 64) the codes alone, at less cost; the arguments are those of a call."""
        return torch.cat(self._encoded(h, s).codes, 1)

    def _encoded(self, h: Tensor, s: Tensor | None) -> _Encoded:
        """Go up to the last code; what no later input needs is not decoded."""
        if (s is None) != (self.form == "residual"):
            raise ValueError(f"form {self.form!r} and the invariant features do not go together")
        chain = self._chain
        u = h if s is None else h + s
        codes = [chain[0].encoder(u)]
        for k, (before, autoencoder) in enumerate(itertools.pairwise(chain), start=2):
            if s is None:
                u = u + before.decoder(codes[-1])
            elif self.form == "invariant":
                u = before.decoder(codes[-1]) + s
            else:
                u = h + k * s
            codes.append(autoencoder.encoder(u))
        return _Encoded(u, codes)

    @property
    def _chain(self) -> tuple[ResidualAutoencoder, ...]:
        chain = tuple(a for a in self.autoencoders if isinstance(a, ResidualAutoencoder))
        if len(chain) != len(self.autoencoders):
            raise TypeError("a cascade is made of residual autoencoders")
        return chain
