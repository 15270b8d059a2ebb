"""The GPU's kernels leave what the loop over steps leaves: in their interpreter, and on a GPU."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec

import pytest
import torch
from torch import Tensor

from merbench.features.many import put
from merbench.methods.parts import recurrence
from merbench.methods.parts.recurrence import _earlier, _run, _run_back, _Trace

SIZES = [37, 37, 30, 22, 22, 16, 9, 3, 1]
NEEDS_TRITON = pytest.mark.skipif(find_spec("triton") is None, reason="Triton is not installed")
NEEDS_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")


def left_by(kernels: bool, width: int, device: str) -> list[Tensor]:
    """Return what both directions leave of the frames of two networks."""
    torch.manual_seed(0)
    frames = sum(SIZES)
    gates, out = torch.randn(2, frames, 4 * width), torch.randn(2, frames, width)
    weight = torch.randn(2, 4 * width, width) / width**0.5
    nothing = (torch.full_like(out, torch.nan) for _ in range(3))
    run = _Trace(*(t.to(device) for t in (gates, *nothing)))
    out, weight, local = out.to(device), weight.to(device), torch.full_like(run.gates, torch.nan)
    if kernels:
        recurrence._kernels().run(*run, weight, SIZES)
        recurrence._kernels().run_back(*run[:3], out, local, weight, SIZES)
        return [*run, local]
    _run(run, weight, SIZES)
    return [*run, _run_back(run, out, weight, SIZES, put(_earlier(SIZES), torch.device(device)))]


def compare(width: int, device: str) -> None:
    for ours, plain in zip(
        left_by(True, width, device), left_by(False, width, device), strict=True
    ):
        torch.testing.assert_close(ours, plain, atol=2e-6, rtol=1e-5)


@NEEDS_TRITON
@pytest.mark.timeout(300)
def test_kernels_leave_what_the_loop_leaves() -> None:
    # Triton asks the environment how it runs when it is imported.
    code = "from tests.methods.test_recurrence_kernels import compare; compare(16, 'cpu')"
    environment = os.environ | {"TRITON_INTERPRET": "1"}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)


@NEEDS_TRITON
@NEEDS_GPU
@pytest.mark.gpu
@pytest.mark.parametrize("width", [16, 128])
def test_kernels_leave_on_a_gpu_what_the_loop_leaves(width, monkeypatch) -> None:
    monkeypatch.setattr(recurrence, "_HAS_TRITON", False)
    compare(width, "cuda")


@NEEDS_GPU
@pytest.mark.gpu
def test_what_no_kernel_holds_goes_step_by_step() -> None:
    wide, double = torch.zeros(1, 1, 256), torch.zeros(1, 1, 128, dtype=torch.float64)
    for cells in (wide, double, torch.zeros(1, 1, 96)):
        cells = cells.to("cuda")
        assert not _Trace(cells, cells, cells, cells).in_one_launch
