"""Files of a run, which a disk may have damaged or somebody else may have made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from merbench.errors import ConfigError

_DAMAGE = (
    *(OSError, ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError),
    *(RecursionError, MemoryError, ZeroDivisionError, EOFError, pa.ArrowException),
)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Name the file where what is read from it cannot be what merbench wrote.

    Raises:
        ConfigError: naming the file and what became of the attempt.
    """
    try:
        yield
    except _DAMAGE as error:
        what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise ConfigError(f"{path}: damaged, or not written by merbench ({what})") from error
