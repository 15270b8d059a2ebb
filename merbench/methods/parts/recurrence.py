"""One LSTM layer and its maximum over time, for several networks at once and without padding.

Frames lie step by step (see `Steps`). Each step then works on a slice, for all networks in one
batched product, and the input's share of the gates is one product over all frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from merbench.features.many import Indices, Steps, put

# Where torch is for GPUs it is there, elsewhere it need not be.
_HAS_TRITON = find_spec("triton") is not None


def lstm_maximum(steps: Steps, input_weight: Tensor, hidden_weight: Tensor, bias: Tensor) -> Tensor:
    """Return (N, R, H) maxima over time of the outputs of N LSTMs.

    Args:
        steps: the sequences, R of each network.
        input_weight: (N, 4 H, D) rows of the gates input, forget, cell, output, as torch has them.
        hidden_weight: (N, 4 H, H).
        bias: (N, 4 H).
    """
    ordered = [_cell_last(t) for t in (input_weight, hidden_weight, bias)]
    found: Tensor = _LstmMaximum.apply(*ordered, steps)  # type: ignore[no-untyped-call]
    return found.gather(1, steps.order[..., None].expand(-1, -1, found.shape[2]))


def _cell_last(gates: Tensor) -> Tensor:
    """Reorder gates so that the three sigmoids are neighbours: input, forget, output, cell."""
    i, f, g, o = gates.chunk(4, 1)
    return torch.cat([i, f, o, g], 1)


class _LstmMaximum(torch.autograd.Function):
    """Forward and backward written out: one product and a few element-wise passes a step."""

    @staticmethod
    def forward(
        ctx: Any, input_weight: Tensor, hidden_weight: Tensor, bias: Tensor, steps: Steps
    ) -> Tensor:
        """Return (N, R, H), sequences in the order of the steps."""
        sizes, x = steps.sizes, steps.values
        width = hidden_weight.shape[2]
        gates = torch.baddbmm(bias[:, None], x, input_weight.transpose(1, 2))
        shape = (*gates.shape[:2], width)
        cells, squashed, outputs = (gates.new_empty(shape) for _ in range(3))
        _run(_Trace(gates, cells, squashed, outputs), hidden_weight, sizes)
        met = outputs.masked_fill(~steps.there[..., None], -torch.inf)
        maxima = gates.new_full((len(x), sizes[0], width), -torch.inf)
        maxima.scatter_reduce_(1, steps.column[None, :, None].expand_as(met), met, "amax")
        ctx.steps = steps
        ctx.save_for_backward(hidden_weight, gates, cells, squashed, outputs, maxima)
        return maxima

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        """Return the gradients of both weights and the bias; frames are data and have none."""
        steps: Steps = ctx.steps
        hidden_weight, gates, cells, squashed, outputs, maxima = ctx.saved_tensors
        sizes, first = steps.sizes, steps.sizes[0]
        # Of each maximum, the frames that attain it share the gradient; all but always it is one.
        hit = (outputs == maxima[:, steps.column]).to(gates.dtype)
        hit *= steps.there[..., None]
        sharing = torch.zeros_like(maxima).index_add_(1, steps.column, hit)
        of_output = (gradient / sharing.clamp(min=1))[:, steps.column] * hit
        trace = _Trace(gates, cells, squashed, outputs)
        earlier = put(_earlier(sizes), gates.device)
        local = _run_back(trace, of_output, hidden_weight, sizes, earlier)
        transposed = local.transpose(1, 2)
        of_hidden = torch.bmm(transposed[..., first:], outputs[:, earlier])
        return torch.bmm(transposed, steps.values), of_hidden, local.sum(1), None


class _Trace(NamedTuple):
    """What a recurrence leaves of every frame, for S frames laid out step by step.

    Attributes:
        gates: (N, S, 4 H) input, forget, output, cell; before it runs, the input's share of each.
        cells: (N, S, H).
        squashed: (N, S, H) tanh of the cells.
        outputs: (N, S, H).
    """

    gates: Tensor
    cells: Tensor
    squashed: Tensor
    outputs: Tensor

    @property
    def in_one_launch(self) -> bool:
        """Say whether a kernel can go through all steps: on a GPU, at a width it holds."""
        width = self.cells.shape[2]
        fits = 16 <= width <= 128 and width & (width - 1) == 0
        return self.cells.is_cuda and self.cells.dtype == torch.float32 and fits and _HAS_TRITON


def _kernels() -> Any:
    return import_module("merbench.methods.parts.recurrence_kernels")


def _run(trace: _Trace, hidden_weight: Tensor, sizes: Sequence[int]) -> None:
    """Go through the steps, and fill in what they leave."""
    if trace.in_one_launch:
        _kernels().run(*trace, hidden_weight, sizes)
        return
    width = hidden_weight.shape[2]
    recurrent = hidden_weight.transpose(1, 2)
    i, f, o, g = (gate.split(sizes, 1) for gate in trace.gates.chunk(4, 2))
    sigmoids, all_gates = trace.gates[..., : 3 * width].split(sizes, 1), trace.gates.split(sizes, 1)
    c, tanh_c, h = (t.split(sizes, 1) for t in (trace.cells, trace.squashed, trace.outputs))
    before: Tensor | None = None
    for t, size in enumerate(sizes):
        if before is not None:
            all_gates[t].baddbmm_(h[t - 1][:, :size], recurrent)
        sigmoids[t].sigmoid_()
        g[t].tanh_()
        torch.mul(i[t], g[t], out=c[t])
        if before is not None:
            c[t].addcmul_(f[t], before[:, :size])
        before = c[t]
        torch.tanh(before, out=tanh_c[t])
        torch.mul(o[t], tanh_c[t], out=h[t])


def _run_back(
    trace: _Trace, of_output: Tensor, hidden_weight: Tensor, sizes: Sequence[int], earlier: Tensor
) -> Tensor:
    """Return (N, S, 4 H) the gradients of what the gates' functions read.

    Args:
        trace: of the recurrence.
        of_output: (N, S, H) gradients of its outputs, of whatever reads them.
        hidden_weight: (N, 4 H, H).
        sizes: of the steps.
        earlier: (S - sizes[0],) where the frame before each lies.
    """
    local = torch.empty_like(trace.gates)
    if trace.in_one_launch:
        _kernels().run_back(*trace[:3], of_output, local, hidden_weight, sizes)
        return local
    width = hidden_weight.shape[2]
    before = torch.zeros_like(trace.cells)
    before[:, sizes[0] :] = trace.cells[:, earlier]
    # What a gate's input does to its output does not depend on later steps: all at once.
    i, f, o, g = trace.gates.chunk(4, 2)
    through_output = trace.squashed * o * (1 - o)
    through_cell = o * (1 - trace.squashed * trace.squashed)
    of_i, of_f, of_o, of_g = local.chunk(4, 2)
    torch.mul(g * i, 1 - i, out=of_i)
    torch.mul(before * f, 1 - f, out=of_f)
    torch.mul(i, 1 - g * g, out=of_g)
    of_if = local[..., : 2 * width].unflatten(2, (2, width)).split(sizes, 1)
    d_o, d_g, d = (t.split(sizes, 1) for t in (of_o, of_g, local))
    parts = (of_output, through_output, through_cell, f)
    out, to_o, to_c, keep = (t.split(sizes, 1) for t in parts)
    later_h = later_c = trace.cells[:, :0]
    for t in reversed(range(len(sizes))):
        dh = out[t]
        dh[:, : later_h.shape[1]] += later_h
        dc = dh * to_c[t]
        dc[:, : later_c.shape[1]] += later_c
        torch.mul(dh, to_o[t], out=d_o[t])
        of_if[t].mul_(dc[:, :, None])
        d_g[t].mul_(dc)
        if t:
            later_c = dc * keep[t]
            later_h = torch.bmm(d[t], hidden_weight)
    return local


def _earlier(sizes: Sequence[int]) -> Indices:
    """Return, for every frame behind the first step, where the frame before it lies."""
    # The frame before lies as many places back as there are sequences in the step before.
    back = np.repeat(sizes[:-1], sizes[1:])
    earlier: Indices = np.arange(sizes[0], sum(sizes)) - back
    return earlier
