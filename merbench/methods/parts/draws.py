"""Random numbers inside a network: of torch's generator, or of one generator for each member.

A network that trains alone draws from torch's global generator, which the harness seeds (see
`merbench.seeds`). Where many networks train at once under `torch.vmap`, each draws from a generator
of its own, in the state in which it would have found the global one: the numbers are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

# Fills a tensor.
Draw = Callable[[Tensor, torch.Generator | None], object]

# Gives what the members of a `torch.vmap` draw, (N, ...) of the shape of a tensor.
Source = Callable[[Tensor, Draw], Tensor]

_source: ContextVar[Source | None] = ContextVar("source", default=None)


@contextmanager
def drawing_from(source: Source) -> Iterator[None]:
    """Let the members of a `torch.vmap` draw from a source."""
    token = _source.set(source)
    try:
        yield
    finally:
        _source.reset(token)


class MemberDraws:
    """Lets each member draw from a generator of its own, and remembers what was asked for.

    Args:
        generators: of the members, in their order.
    """

    def __init__(self, generators: Sequence[torch.Generator]) -> None:
        self.generators = generators
        self.asked: list[tuple[Callable[[], Tensor], Draw]] = []

    def __call__(self, like: Tensor, draw: Draw) -> Tensor:
        """Draw what is asked for."""
        empty = partial(torch.empty, like.shape, dtype=like.dtype, device=like.device)
        self.asked.append((empty, draw))
        return _fill(empty(), draw, self.generators)

    def again(
        self, generators: Sequence[torch.Generator], into: Sequence[Tensor] | None = None
    ) -> list[Tensor]:
        """Draw all that was asked for once more, in that order; into tensors that are there."""
        tensors = [empty() for empty, _ in self.asked] if into is None else into
        return [
            _fill(tensor, draw, generators)
            for tensor, (_, draw) in zip(tensors, self.asked, strict=True)
        ]

    def blank(self) -> list[Tensor]:
        """Return zeros in place of all that was asked for; no generator is touched."""
        return [empty().zero_() for empty, _ in self.asked]


def handed_out(drawn: Sequence[Tensor]) -> Source:
    """Return a source of what was drawn before, in the order in which it is asked for."""
    left = iter(drawn)
    return lambda like, draw: next(left)


def _fill(drawn: Tensor, draw: Draw, generators: Sequence[torch.Generator]) -> Tensor:
    for member, generator in zip(drawn, generators, strict=True):
        draw(member, generator)
    return drawn


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
        source = _source.get()
        if source is None:
            raise RuntimeError("nothing to draw from for the members of this torch.vmap")
        return source(like.movedim(in_dims[0], 0), draw), 0


def _drawn(like: Tensor, draw: Draw) -> Tensor:
    """Return what is drawn into a tensor of the shape of `like`."""
    if _source.get() is None:
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
