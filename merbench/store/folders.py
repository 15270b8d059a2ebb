"""Folders that appear whole or not at all, and say whether they are still what was written."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from merbench.store.writing import writing

RECORD = "record.json"
_TEMPORARY = ".writing-"


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Give a folder to write in; it takes its place, flushed to disk, when the block ends well.

    A folder that is already there is replaced: whoever asks to write it has found it wanting.

    Raises:
        StorageError: the disk is full or closed to us.
    """
    with draft_folder(path.parent) as draft:
        yield draft
        with writing(path.parent):
            for file in draft.iterdir():
                flush(file)
            flush(draft)
            if path.exists():
                shutil.rmtree(path)
            draft.rename(path)
            flush(path.parent)


@contextmanager
def draft_folder(parent: Path) -> Iterator[Path]:
    """Give a folder that is gone when the block ends, unless it was moved to its place."""
    draft = parent / f"{_TEMPORARY}{uuid.uuid4().hex}"
    with writing(parent):
        draft.mkdir(parents=True)
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def flush(path: Path) -> None:
    """Have a file, or the names in a folder, outlast a loss of power."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_text(path: Path, text: str) -> None:
    """Replace a file at once.

    Raises:
        StorageError: the disk is full or closed to us.
    """
    draft = path.with_name(f"{_TEMPORARY}{uuid.uuid4().hex}")
    with writing(path.parent):
        try:
            draft.write_text(text, "utf-8")
            flush(draft)
            draft.replace(path)
            flush(path.parent)
        finally:
            _drop(draft)


def _drop(draft: Path) -> None:
    """Remove a draft where there is one; a disk that is closed to us keeps what it has."""
    with suppress(OSError):
        draft.unlink(missing_ok=True)


def is_draft(path: Path) -> bool:
    """Say whether something is what an interrupted writer left."""
    return path.name.startswith(_TEMPORARY) or (path.name[:1] == "." and path.suffix == ".part")


def remove_drafts(parent: Path) -> None:
    """Remove what an interrupted writer left."""
    for path in parent.iterdir():
        if is_draft(path) and path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        elif is_draft(path):
            path.unlink(missing_ok=True)


def write_record(folder: Path, record: Mapping[str, Any]) -> None:
    """Write a folder's record with the checksums of all other files in it, and its own."""
    whole = {**record, "files": {p.name: _checksum(p) for p in sorted(folder.iterdir())}}
    text = json.dumps({**whole, "checksum": _own_checksum(whole)}, indent=1, sort_keys=True)
    (folder / RECORD).write_text(text + "\n", "utf-8")


def read_record(folder: Path) -> dict[str, Any] | None:
    """Return a folder's record, or None where anything in it is missing or was changed."""
    record = _record_alone(folder)
    return record if record is not None and _changed(folder, record) is None else None


def find_damage(folder: Path) -> str | None:
    """Return the first file of a folder that is missing or was changed, None where none is.

    A folder that is not there is not damaged.
    """
    if not folder.is_dir():
        return None
    record = _record_alone(folder)
    return RECORD if record is None else _changed(folder, record)


def _record_alone(folder: Path) -> dict[str, Any] | None:
    """Return a record that has its own checksum, whatever became of the other files."""
    try:
        record: dict[str, Any] = json.loads((folder / RECORD).read_text("utf-8"))
        sound = record.pop("checksum") == _own_checksum(record)
        return record if sound and isinstance(record["files"], dict) else None
    except (OSError, ValueError, KeyError, AttributeError, TypeError, RecursionError):
        return None


def _changed(folder: Path, record: Mapping[str, Any]) -> str | None:
    for name, sha in record["files"].items():
        try:
            # A record reads no file but its own.
            if Path(name).name != name or _checksum(folder / name) != sha:
                return str(name)
        except OSError:
            return str(name)
    return None


def _own_checksum(record: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


def _checksum(path: Path) -> str:
    if not path.is_file():  # a pipe or a device has no end
        raise FileNotFoundError(path)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
