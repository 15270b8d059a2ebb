"""Choosing a device, and how networks are trained on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch

from merbench.errors import ConfigError


def choose_device(wanted: str) -> str:
    """Return `cpu` or `cuda:i` for `auto`, `cpu`, `cuda` or `cuda:i`.

    Raises:
        ConfigError: no such device here.
    """
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if wanted == "cpu" or (wanted == "auto" and not count):
        return "cpu"
    known = ["auto", "cpu", *(f"cuda:{i}" for i in range(count))]
    chosen = "cuda:0" if wanted in ("auto", "cuda") else wanted
    if chosen not in known:
        raise ConfigError(f"--device {wanted}: not here; available: {', '.join(known)}")
    return chosen


# A GPU that trains one such network at a time waits for launches; a CPU core is busy with one.
_ON_GPU, _ON_CPU = 32, 1


def fleet_size(wanted: int | Literal["auto"], device: str) -> int:
    """Return how many networks of one stage train at once: a static rule of the kind of device.

    `python -m tests.benchmarks.gpu` measures what it is worth on a GPU.
    """
    if wanted != "auto":
        return wanted
    return _ON_GPU if _is_gpu(device) else _ON_CPU


def takes_tf32(wanted: Literal["auto", "float32", "tf32"], device: str) -> bool:
    """Say whether products in training keep ten bits of their factors: never on a CPU."""
    return wanted != "float32" and _is_gpu(device)


@contextmanager
def products(device: str, *, tf32: bool = False) -> Iterator[None]:
    """Let a GPU's products keep all bits of float32 numbers, or ten, whatever was set before.

    Those of cuDNN, too, which torch would let keep ten. A CPU's always keep all.
    """
    if not _is_gpu(device):
        yield
        return
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    _set_products("high" if tf32 else "highest", tf32)
    try:
        yield
    finally:
        _set_products(*before)


def _is_gpu(device: str) -> bool:
    return device.startswith("cuda")


def _set_products(precision: str, in_cudnn: bool) -> None:
    torch.set_float32_matmul_precision(precision)
    torch.backends.cudnn.allow_tf32 = in_cudnn
