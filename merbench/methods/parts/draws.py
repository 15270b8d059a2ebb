"""Random numbers inside a network: of torch's generator, or of one generator for each member.

A network that trains alone draws from torch's global generator, which the harness seeds (see
`merbench.seeds`). Where many networks train at once under `torch.vmap`, each draws from a generator
of its own, in the state in which it would have found the global one: the numbers are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor, nn

# Fills a tensor.
Draw = Callable[[Tensor, torch.Generator | None], object]

_members: ContextVar[Sequence[torch.Generator] | None] = ContextVar("members", default=None)


@contextmanager
def of_members(generators: Sequence[torch.Generator]) -> Iterator[None]:
    """Let members of a `torch.vmap`, in their order, draw from generators of their own."""
    token = _members.set(generators)
    try:
        yield
    finally:
        _members.reset(token)


def _empty(like: Tensor) -> Tensor:
    # Numbers come in the order of memory, which must not depend on how `like` lies there.
    return torch.empty_like(like, memory_format=torch.contiguous_format)


class _DrawForMembers(torch.autograd.Function):
    """Draws as many tensors as there are members; nothing of it has a gradient."""

    generate_vmap_rule = False

    @staticmethod
    def forward(like: Tensor, draw: Draw) -> Tensor:
        raise RuntimeError("members draw inside torch.vmap")

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Tensor) -> None:
        ctx.mark_non_differentiable(output)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        raise RuntimeError("random numbers have no gradient")

    @staticmethod
    def vmap(info: Any, in_dims: Any, like: Tensor, draw: Draw) -> tuple[Tensor, int]:
        generators = _members.get() or ()
        drawn = _empty(like.movedim(in_dims[0], 0))
        for member, generator in zip(drawn, generators, strict=True):
            draw(member, generator)
        return drawn, 0


def _drawn(like: Tensor, draw: Draw) -> Tensor:
    """Return what is drawn into a tensor of the shape of `like`."""
    if _members.get() is None:
        drawn = _empty(like)
        draw(drawn, None)
        return drawn
    found: Tensor = _DrawForMembers.apply(like.detach(), draw)  # type: ignore[no-untyped-call]
    return found


def dropout(x: Tensor, p: float, training: bool) -> Tensor:
    """Return `x` with a share `p` of its elements set to 0 and the others scaled by 1 / (1 - p)."""
    if not training or p == 0:
        return x
    return x * (_drawn(x, lambda kept, g: kept.bernoulli_(1 - p, generator=g)) / (1 - p))


def standard_normal_like(x: Tensor) -> Tensor:
    """Return N(0, 1) numbers of the shape of `x`."""
    return _drawn(x, lambda drawn, g: drawn.normal_(generator=g))


class Dropout(nn.Dropout):
    """Dropout whose draws members of a fleet make on their own."""

    def forward(self, x: Tensor) -> Tensor:
        """Drop elements in training."""
        return dropout(x, self.p, self.training)
