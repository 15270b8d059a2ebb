"""Memory of this process: how much it took, and what is free of it."""

from __future__ import annotations

import ctypes
import resource

import torch


def peak_memory(device: str) -> int:
    """Return bytes: of the device where it is a GPU, else the most this process ever held."""
    if device.startswith("cuda"):
        return int(torch.cuda.max_memory_allocated(device))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def give_back() -> None:
    """Return to the system what this process holds and no longer uses.

    Training leaves its heap full of holes. What comes next would grow beside them, and several
    workers with holes do not fit where several without do. Only glibc needs to be asked.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
