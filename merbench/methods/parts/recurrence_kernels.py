"""The recurrence of many LSTMs in one launch a direction, in Triton.

With some ten launches a step a GPU waits for launches. Here one program takes 16 sequences of one
network through all of their steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import triton
import triton.language as tl
from torch import Tensor

from merbench.features.many import put

# Of a program: the fewest that a matrix unit takes. More would not fit into its registers.
_SEQUENCES = 16
_WARPS = 8


def run(
    gates: Tensor,
    cells: Tensor,
    squashed: Tensor,
    outputs: Tensor,
    hidden_weight: Tensor,
    sizes: Sequence[int],
) -> None:
    """Go through the steps; arguments are `recurrence`'s, contiguous and float32."""
    _launch(_forward, (gates, cells, squashed, outputs), hidden_weight, sizes)


def run_back(
    gates: Tensor,
    cells: Tensor,
    squashed: Tensor,
    of_output: Tensor,
    local: Tensor,
    hidden_weight: Tensor,
    sizes: Sequence[int],
) -> None:
    """Go back through the steps, and fill in `local`, (N, S, 4 H)."""
    _launch(_backward, (gates, cells, squashed, of_output, local), hidden_weight, sizes)


def _launch(
    kernel: Any, tensors: Sequence[Tensor], hidden_weight: Tensor, sizes: Sequence[int]
) -> None:
    members, frames, width = tensors[1].shape
    at_once = np.asarray(sizes, dtype=np.int32)
    first = np.arange(0, at_once[0], _SEQUENCES)
    # Of each step its width and its first frame; of each program how many steps it has.
    plan = np.concatenate(
        [at_once, at_once.cumsum() - at_once, (at_once[:, None] > first).sum(0)], dtype=np.int32
    )
    # Programs with the longest sequences start first.
    kernel[(members, len(first))](
        *tensors,
        hidden_weight.contiguous(),
        put(plan, hidden_weight.device),
        len(sizes),
        frames,
        width=width,
        block=_SEQUENCES,
        precision="tf32x3" if torch.get_float32_matmul_precision() == "highest" else "tf32",
        num_warps=_WARPS,
        num_stages=1,
    )


@triton.jit
def _sigmoid(x):
    return 1.0 / (1.0 + tl.exp(-x))


@triton.jit
def _tanh(x):
    e = tl.exp(-2.0 * tl.abs(x))  # of the absolute value, so that nothing overflows
    t = (1.0 - e) / (1.0 + e)
    return tl.where(x < 0, -t, t)


@triton.jit
def _times(x, weight, start, precision: tl.constexpr):
    """Add a product; one of float32's precision is three of the matrix unit's."""
    return tl.dot(x, tl.load(weight), start, input_precision=precision)


@triton.jit(do_not_specialize=["steps", "frames"])
def _forward(
    gates,
    cells,
    squashed,
    outputs,
    weight,
    plan,
    steps,
    frames,
    width: tl.constexpr,
    block: tl.constexpr,
    precision: tl.constexpr,
):
    member, tile = tl.program_id(0).to(tl.int64), tl.program_id(1)
    column = tile * block + tl.arange(0, block)
    unit = tl.arange(0, width)
    size: tl.constexpr = width * width
    # (H of the step before, H) of the first gate; the others' lie behind it.
    w = weight + member * 4 * size + unit[None, :] * width + unit[:, None]
    h = tl.zeros((block, width), tl.float32)
    c = tl.zeros((block, width), tl.float32)
    t, mine = 0, tl.load(plan + 2 * steps + tile)
    while t < mine:
        there = (column < tl.load(plan + t))[:, None]
        frame = (member * frames + tl.load(plan + steps + t) + column)[:, None]
        own = frame * width + unit[None, :]
        gate = gates + frame * (4 * width) + unit[None, :]
        i = _sigmoid(_times(h, w, tl.load(gate, there, 0.0), precision))
        f = _sigmoid(_times(h, w + size, tl.load(gate + width, there, 0.0), precision))
        o = _sigmoid(_times(h, w + 2 * size, tl.load(gate + 2 * width, there, 0.0), precision))
        g = _tanh(_times(h, w + 3 * size, tl.load(gate + 3 * width, there, 0.0), precision))
        c = f * c + i * g
        s = _tanh(c)
        h = o * s
        tl.store(gate, i, there)
        tl.store(gate + width, f, there)
        tl.store(gate + 2 * width, o, there)
        tl.store(gate + 3 * width, g, there)
        tl.store(cells + own, c, there)
        tl.store(squashed + own, s, there)
        tl.store(outputs + own, h, there)
        t += 1


@triton.jit(do_not_specialize=["steps", "frames"])
def _backward(
    gates,
    cells,
    squashed,
    of_output,
    local,
    weight,
    plan,
    steps,
    frames,
    width: tl.constexpr,
    block: tl.constexpr,
    precision: tl.constexpr,
):
    member, tile = tl.program_id(0).to(tl.int64), tl.program_id(1)
    column = tile * block + tl.arange(0, block)
    unit = tl.arange(0, width)
    size: tl.constexpr = width * width
    # (H, H of the step before) of the first gate.
    w = weight + member * 4 * size + unit[:, None] * width + unit[None, :]
    later_h = tl.zeros((block, width), tl.float32)
    later_c = tl.zeros((block, width), tl.float32)
    t = tl.load(plan + 2 * steps + tile)
    while t > 0:
        t -= 1
        size_now = tl.load(plan + t)
        there = (column < size_now)[:, None]
        had_before = (column < tl.where(t > 0, size_now, 0))[:, None]
        first = member * frames + column
        frame = (first + tl.load(plan + steps + t))[:, None]
        earlier = (first + tl.load(plan + steps + tl.maximum(t - 1, 0)))[:, None]
        own = frame * width + unit[None, :]
        at = frame * (4 * width) + unit[None, :]
        i = tl.load(gates + at, there, 0.0)
        f = tl.load(gates + at + width, there, 0.0)
        o = tl.load(gates + at + 2 * width, there, 0.0)
        g = tl.load(gates + at + 3 * width, there, 0.0)
        s = tl.load(squashed + own, there, 0.0)
        before = tl.load(cells + earlier * width + unit[None, :], had_before, 0.0)
        dh = tl.load(of_output + own, there, 0.0) + later_h
        dc = dh * o * (1.0 - s * s) + later_c
        later_c = dc * f
        di = dc * g * i * (1.0 - i)
        df = dc * before * f * (1.0 - f)
        do = dh * s * o * (1.0 - o)
        dg = dc * i * (1.0 - g * g)
        tl.store(local + at, di, there)
        tl.store(local + at + width, df, there)
        tl.store(local + at + 2 * width, do, there)
        tl.store(local + at + 3 * width, dg, there)
        later_h = _times(di, w, tl.zeros((block, width), tl.float32), precision)
        later_h = _times(df, w + size, later_h, precision)
        later_h = _times(do, w + 2 * size, later_h, precision)
        later_h = _times(dg, w + 3 * size, later_h, precision)
