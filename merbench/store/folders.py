"""Folders that appear whole or not at all, and say whether they are still what was written."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

RECORD = "record.json"
_TEMPORARY = ".writing-"


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Give a folder to write in; it takes its place, flushed to disk, when the block ends well.

    A folder that is already there is replaced: whoever asks to write it has found it wanting.
    """
    with draft_folder(path.parent) as draft:
        yield draft
        for file in draft.iterdir():
            _flush(file)
        _flush(draft)
        if path.exists():
            shutil.rmtree(path)
        draft.rename(path)
        _flush(path.parent)


@contextmanager
def draft_folder(parent: Path) -> Iterator[Path]:
    """Give a folder that is gone when the block ends, unless it was moved to its place."""
    parent.mkdir(parents=True, exist_ok=True)
    draft = parent / f"{_TEMPORARY}{uuid.uuid4().hex}"
    draft.mkdir()
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_text(path: Path, text: str) -> None:
    """Replace a file at once."""
    draft = path.with_name(f"{_TEMPORARY}{uuid.uuid4().hex}")
    try:
        draft.write_text(text, "utf-8")
        _flush(draft)
        draft.replace(path)
    finally:
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
    try:
        record: dict[str, Any] = json.loads((folder / RECORD).read_text("utf-8"))
        sound = record.pop("checksum") == _own_checksum(record) and all(
            Path(name).name == name and _checksum(folder / name) == sha
            for name, sha in record["files"].items()
        )
    except (OSError, ValueError, KeyError, AttributeError, TypeError, RecursionError):
        return None
    return record if sound else None


def _own_checksum(record: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


def _checksum(path: Path) -> str:
    if not path.is_file():  # a pipe or a device has no end
        raise FileNotFoundError(path)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
