"""Writing to a disk that may be full or closed to us: one clear error for all of it."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from merbench.errors import StorageError

# Errors of the place and of no single file. EFBIG is what a limit on file sizes looks like.
_OF_THE_PLACE = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EROFS,
    errno.EIO,
    errno.EACCES,
    errno.EPERM,
}


def says_no(error: OSError) -> bool:
    """Say whether an error is that of a place that cannot be written to."""
    # numpy, which counts what was written, names no reason.
    return error.errno in _OF_THE_PLACE or (error.errno is None and "written" in str(error))


def storage_error(place: Path | str, error: OSError) -> StorageError:
    """Return what to tell of a place that cannot be written to."""
    reason = error.strerror or "No space left on device"
    return StorageError(
        f"{place}: cannot write there ({reason}); what was written before is whole, and the same "
        "command goes on once it can be written to"
    )


@contextmanager
def writing(place: Path) -> Iterator[None]:
    """Tell a full, closed or failing disk from every other error of the block.

    Args:
        place: that is written to.

    Raises:
        StorageError: it cannot be written to.
    """
    try:
        yield
    except OSError as error:
        if not says_no(error):
            raise
        raise storage_error(place, error) from error
