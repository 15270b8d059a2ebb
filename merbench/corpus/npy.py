"""Arrays in npy files: read only once their headers are found to fit what is there.

numpy reserves what a header says before it reads, so that a header alone could ask for any amount
of memory.
"""

from __future__ import annotations

import math
import struct
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from merbench.corpus.problems import ProblemError

_HEADERS = {
    (1, 0): npy_format.read_array_header_1_0,
    (2, 0): npy_format.read_array_header_2_0,
}
# What a damaged stream makes of numpy's reader, and of what unpacks it.
BROKEN = (
    *(OSError, EOFError, ValueError, TypeError, KeyError, AttributeError, OverflowError),
    *(SyntaxError, RecursionError, MemoryError, NotImplementedError, RuntimeError),
    *(struct.error, zipfile.BadZipFile, zlib.error, tokenize.TokenError),
)


def load_npy(path: Path, mapped: Literal["r"] | None = None) -> NDArray[Any]:
    """Read or map an npy file of numbers or text.

    Args:
        path: a file, or a link to one.
        mapped: `r` to leave it in the file.

    Raises:
        CorpusError: no npy file, or one that is damaged or holds objects. It says what is wrong and
            leaves it to the caller to say where.
    """
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "is no file that holds data"
        raise ProblemError("unreadable", f"{what}, expected an npy file")
    try:
        with path.open("rb") as stream:
            check_header(stream, path.stat().st_size)
        found: NDArray[Any] = np.load(path, mmap_mode=mapped, allow_pickle=False)
    except BROKEN as error:
        raise ProblemError("unreadable", f"not a readable npy file ({error})") from error
    return found


def check_header(stream: IO[bytes], size: int) -> None:
    """Read the header of an npy stream and compare it with what follows.

    Args:
        stream: at its start.
        size: bytes in it.

    Raises:
        ProblemError: it holds objects.
        ValueError: it is no npy stream, or says more than there is.
    """
    version = npy_format.read_magic(stream)
    if version not in _HEADERS:
        raise ValueError(f"version {version} of the format")
    shape, _, dtype = _HEADERS[version](stream)
    if dtype.hasobject:
        raise ProblemError("object array", "holds Python objects, which are never loaded")
    needed, there = math.prod(shape) * dtype.itemsize, size - stream.tell()
    if needed > there or min(shape, default=0) < 0 or dtype.itemsize == 0:
        raise ValueError(f"its header says {dtype} of shape {shape}, {there} bytes follow")
