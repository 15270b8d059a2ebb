"""A folder of output that appears whole or not at all, beside whatever lies around it."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from merbench.errors import ConfigError

_NAMED = 3


@contextmanager
def fresh_folder(
    folder: Path, what: str, strangers: Callable[[Path], Sequence[str] | None], *, replace: bool
) -> Iterator[Path]:
    """Yield a new folder beside `folder`, and put it there once all has gone well.

    Args:
        folder: where the output goes; must be new or empty.
        what: the output in messages, with its article.
        strangers: returns the files of a folder with such output that are no part of it, None where
            it holds no such output, so that nothing else is ever replaced.
        replace: put the new output in the place of the one that is there.

    Raises:
        ConfigError: the place is taken, or cannot be written to.
    """
    _check_free(folder, what, strangers, replace=replace)
    place = folder.resolve()
    fresh = place.with_name(f".{place.name}.{uuid.uuid4().hex}.new")
    made = [parent for parent in place.parents if not parent.exists()]
    try:
        try:
            fresh.mkdir(parents=True)
        except OSError as error:
            raise _unwritable(folder, error) from error
        yield fresh
        try:
            _put(fresh, place)
        except OSError as error:
            raise _unwritable(folder, error) from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
        _remove_empty(made)


def _check_free(
    folder: Path, what: str, strangers: Callable[[Path], Sequence[str] | None], *, replace: bool
) -> None:
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder}: is a file; expected a new or empty folder")
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    others = strangers(folder)
    if others is None:
        raise ConfigError(f"{folder}: not empty and not {what}; use another --out")
    if others:
        more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
        raise ConfigError(
            f"{folder}: holds {what} and files that are no part of it: "
            f"{', '.join(others[:_NAMED])}{more}; use another --out"
        )
    if not replace:
        raise ConfigError(f"{folder}: holds {what}; --force replaces it")


def _put(fresh: Path, place: Path) -> None:
    """Move a folder to its place; where that fails, what was there is there again."""
    if not place.exists():
        fresh.rename(place)
        return
    old = fresh.with_suffix(".old")
    place.rename(old)
    try:
        fresh.rename(place)
    except BaseException:
        old.rename(place)
        raise
    shutil.rmtree(old)


def _remove_empty(folders: Sequence[Path]) -> None:
    """Remove folders, the innermost first, up to one that holds something."""
    for folder in folders:
        try:
            folder.rmdir()
        except OSError:
            return


def _unwritable(folder: Path, error: OSError) -> ConfigError:
    return ConfigError(f"{folder}: cannot write there ({error.strerror})")
