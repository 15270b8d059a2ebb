"""The largest response of each filter over the windows of a text, with the gradient it needs.

Only one window of a text decides a filter's maximum, so only that window has a gradient. The
weights' gradient is therefore a sparse matrix times the frames: about as many products as there are
texts, not as there are windows, and equal to the dense one up to rounding.
"""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

with warnings.catch_warnings():
    # Torch says once in a process that its compressed rows are young: what is used here of them, a
    # product with a dense matrix, is tested against the dense form.
    warnings.simplefilter("ignore")
    torch.sparse_csr_tensor([0, 1], [0], [1.0], (1, 1), check_invariants=False)


def window_maximum(values: Tensor, lengths: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return (B, C): max over windows of relu(w . window + b), for all filters of one height.

    A window starts at every frame from which it fits, or at the first frame of a text that is
    shorter than the window.

    Args:
        values: (B, T, D) frames, 0 where there is none; T is k at least.
        lengths: (B,) frames of each text.
        weight: (C, D, k) filters.
        bias: (C,).
    """
    found: Tensor = _WindowMaximum.apply(values, lengths, weight, bias)  # type: ignore[no-untyped-call]
    return found


class _WindowMaximum(torch.autograd.Function):
    """Forward by convolution, backward by the one window that counts."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, lengths: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """Return (B, C) maxima."""
        # Frames lie channels last as they are: as an image of height 1 they need no reordering.
        image = values.transpose(1, 2)[:, :, None]
        filters = weight[:, :, None].contiguous(memory_format=torch.channels_last)
        windows = functional.conv2d(image, filters, bias)[:, :, 0].transpose(1, 2)
        last = (lengths - weight.shape[2]).clamp(min=0)
        beyond = torch.arange(windows.shape[1], device=lengths.device) > last[:, None]
        windows = windows.masked_fill(beyond[..., None], -torch.inf)
        highest = windows.amax(1)
        ctx.save_for_backward(values, weight, windows, highest)
        return highest.clamp(min=0)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, None, Tensor, Tensor]:
        """Return the gradients of values, where anyone asks, of weight and of bias."""
        values, weight, windows, highest = ctx.saved_tensors
        (texts, frames, width), (filters, _, height) = values.shape, weight.shape
        device = values.device
        reaching = (gradient * (highest > 0)).t()  # (C, B)
        # The first window that attains the maximum: the one of highest rank.
        count = windows.shape[1]
        rank = torch.arange(count, 0, -1, device=device, dtype=windows.dtype)[:, None]
        where = count - ((windows == highest[:, None]) * rank).amax(1).long()
        first = where.t() + torch.arange(0, texts * frames, frames, device=device)
        taps = torch.arange(height, device=device)[:, None, None]
        rows = height * filters  # one for each tap and filter, with an entry for each text
        product = torch.sparse_csr_tensor(
            torch.arange(0, rows * texts + 1, texts, device=device),
            (first + taps).flatten(),
            reaching.expand(height, -1, -1).flatten(),
            (rows, texts * frames),
            check_invariants=False,
        )
        of_taps: Tensor = product @ values.reshape(-1, width)
        of_weight = of_taps.view(height, filters, width).permute(1, 2, 0)
        of_values = None
        if ctx.needs_input_grad[0]:
            by_tap = weight.permute(2, 0, 1).reshape(rows, width)
            of_values = (product.to_dense().t() @ by_tap).view_as(values)
        return of_values, None, of_weight, reaching.sum(1)
