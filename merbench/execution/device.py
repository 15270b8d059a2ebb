"""Choosing a device."""

from __future__ import annotations

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
