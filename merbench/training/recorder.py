"""What a fleet does behind its encoders, as a flat list of operations that is recorded once.

Under `torch.vmap` and autograd each operation costs the host many times what it costs by itself: a
GPU waits for Python. Which operations those are depends on shapes alone (see `Network.in_fleets`),
so after some calls of one kind they are recorded, and from then on run as they are; on a GPU they
become one CUDA graph. None is replaced by another: the numbers stay the same.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Hashable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils._pytree import tree_leaves, tree_map

from merbench.methods.parts.draws import MemberDraws, drawing_from, handed_out

# To record takes as long as some fifty calls: kinds that come seldom do without.
CALLS_BEFORE = 32
# Operations whose host waits for what they find, or may, have no place in a graph.
_WAITING = {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape}

Function = Callable[..., Any]
Generators = Sequence[torch.Generator]


class Recorder:
    """Calls functions of nested tensors, which draw by `parts/draws.py` if at all."""

    def __init__(self) -> None:
        self.recorded: dict[Hashable, _Recorded] = {}
        self._calls: dict[Hashable, int] = {}

    def __call__(
        self,
        function: Function,
        kind: Hashable,
        generators: Generators,
        fixed: Sequence[Any],
        given: Sequence[Any],
    ) -> Any:
        """Return what a function gives; it is good until the next call of its kind.

        Args:
            function: the same for calls of one kind.
            kind: the same for calls whose tensors have the same shapes.
            generators: of the members, who draw.
            fixed: first arguments of the function: the same memory in each call of the kind.
            given: the other arguments.
        """
        if kind in self.recorded:
            return self.recorded[kind].call(generators, fixed, given)
        self._calls[kind] = self._calls.get(kind, 0) + 1
        draws = MemberDraws(generators)
        with drawing_from(draws):
            found = function(*fixed, *given)
        if self._calls[kind] == CALLS_BEFORE:
            recorded = _record(function, draws, fixed, given)
            if recorded is not None:
                self.recorded[kind] = recorded
            gc.collect()  # what recording made holds itself
        return found


class _Recorded(Protocol):
    def call(self, generators: Generators, fixed: Sequence[Any], given: Sequence[Any]) -> Any:
        """Return what the function gives."""
        ...


def _record(
    function: Function, draws: MemberDraws, fixed: Sequence[Any], given: Sequence[Any]
) -> _Recorded | None:
    """Record a function; None where that is not possible, so that it stays as it is."""

    def drawn_before(drawn: list[Tensor], *arguments: Any) -> Any:
        with drawing_from(handed_out(drawn)):
            return function(*arguments)

    # It runs once more while it is recorded: on copies, so that nothing is changed twice. What ran
    # in another thread, as a GPU's backward pass does, would not be recorded.
    arguments = tree_map(torch.clone, (draws.blank(), *fixed, *given))
    try:
        with torch.autograd.set_multithreading_enabled(False):
            operations: Function = make_fx(drawn_before)(*arguments)
    except Exception:
        # A method may do what can be called and not recorded: it is slower, and as right.
        return None
    if fixed and _on_gpu(arguments) and not _waits(operations):
        stream = torch.cuda.current_stream()
        try:
            return _Graph(operations, draws, fixed, given)
        except RuntimeError:
            torch.cuda.set_stream(stream)  # where a capture that fails does not go back to
    return _Flat(operations, draws)


def _on_gpu(tensors: Any) -> bool:
    return all(tensor.is_cuda for tensor in tree_leaves(tensors))


def _waits(operations: Any) -> bool:
    """Say whether one of the recorded operations lets the host wait for a GPU, or may."""
    targets = [n.target for n in operations.graph.nodes if isinstance(n.target, OpOverload)]
    return any("linalg" in str(t) or not _WAITING.isdisjoint(t.tags) for t in targets)


class _Flat:
    """Operations one after the other."""

    def __init__(self, operations: Function, draws: MemberDraws) -> None:
        self.operations, self.draws = operations, draws

    def call(self, generators: Generators, fixed: Sequence[Any], given: Sequence[Any]) -> Any:
        """Return what the function gives."""
        return self.operations(self.draws.again(generators), *fixed, *given)


class _Graph:
    """Operations that a GPU takes in one piece, between memory that stays where it is."""

    def __init__(
        self, operations: Function, draws: MemberDraws, fixed: Sequence[Any], given: Sequence[Any]
    ) -> None:
        # Constants among the operations are read at each replay: they must live as long.
        self.operations, self.draws, self.drawn = operations, draws, draws.blank()
        copies = tree_map(torch.clone, tuple(given))
        self.given: list[Tensor] = tree_leaves(copies)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.found = operations(self.drawn, *fixed, *copies)

    def call(self, generators: Generators, fixed: Sequence[Any], given: Sequence[Any]) -> Any:
        """Return what the function gives, until the next call."""
        self.draws.again(generators, self.drawn)
        torch._foreach_copy_(self.given, tree_leaves(tuple(given)))
        self.graph.replay()
        return self.found
