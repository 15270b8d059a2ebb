"""A folder of output that appears whole or not at all, beside whatever lies around it."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from merbench.errors import ConfigError


@contextmanager
def fresh_folder(
    folder: Path, what: str, is_one: Callable[[Path], bool], *, replace: bool
) -> Iterator[Path]:
    """Yield a new folder beside `folder`, and put it there once all has gone well.

    Args:
        folder: where the output goes; must be new or empty.
        what: the output in messages, with its article.
        is_one: says whether a folder holds such output, so that nothing else is ever replaced.
        replace: put the new output in the place of the one that is there.

    Raises:
        ConfigError: the place is taken, or cannot be written to.
    """
    folder = folder.resolve()
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder}: is a file; expected a new or empty folder")
    if folder.is_dir() and any(folder.iterdir()):
        if not is_one(folder):
            raise ConfigError(f"{folder}: not empty and not {what}; use another --out")
        if not replace:
            raise ConfigError(f"{folder}: holds {what}; --force replaces it")
    mark = uuid.uuid4().hex
    fresh = folder.with_name(f".{folder.name}.{mark}.new")
    try:
        fresh.mkdir(parents=True)
    except OSError as error:
        raise ConfigError(f"{folder}: cannot write there ({error.strerror})") from error
    try:
        yield fresh
        if folder.exists():
            old = folder.with_name(f".{folder.name}.{mark}.old")
            folder.rename(old)
            fresh.rename(folder)
            shutil.rmtree(old)
        else:
            fresh.rename(folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
