"""Where every random number comes from: a stream is a function of its key and of nothing else.

This module holds the one exception to "no global random state": torch draws dropout masks and
LSTM weights from its global generator, so training runs inside `torch_scope`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

Part = str | int


def digest(*parts: Part) -> bytes:
    """Return 32 bytes that depend on the parts, their order, types and boundaries."""
    return hashlib.sha256(json.dumps(parts).encode()).digest()


def generator(*parts: Part) -> np.random.Generator:
    """Return the numpy stream of a key (counter-based, so equal on every machine)."""
    return np.random.Generator(np.random.Philox(key=np.frombuffer(digest(*parts), "<u8")[:2]))


def torch_seed(*parts: Part) -> int:
    """Return a 63-bit seed for a torch generator."""
    return int.from_bytes(digest(*parts)[:8], "little") >> 1


def torch_generator(device: torch.device | str, *parts: Part) -> torch.Generator:
    """Return the torch stream of a key on a device."""
    return torch.Generator(device=device).manual_seed(torch_seed(*parts))


@contextmanager
def torch_scope(device: torch.device, *parts: Part) -> Iterator[None]:
    """Seed torch's global generators by a key, and restore what they were on leaving."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(torch_seed(*parts))
        yield


def forked_generator(device: torch.device) -> torch.Generator:
    """Return a generator that goes on where torch's global one of a device is now."""
    generator = torch.Generator(device)
    state = torch.cuda.get_rng_state(device) if device.type == "cuda" else torch.get_rng_state()
    return generator.set_state(state)
