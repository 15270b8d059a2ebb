"""A folder of a store on its way between machines."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from merbench.errors import CellError
from merbench.store.folders import new_folder, read_record
from merbench.store.writing import writing


@dataclass(frozen=True)
class PackedFolder:
    """The files of a cell or a stage, whole and in memory.

    Attributes:
        name: of the folder.
        key: content key that its record names.
        files: name -> content.
    """

    name: str
    key: str
    files: dict[str, bytes]


def pack(folder: Path, key: str) -> PackedFolder:
    """Read the files of a cell or a stage."""
    files = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
    return PackedFolder(folder.name, key, files)


def unpack(packed: PackedFolder, parent: Path) -> None:
    """Put a folder in its place, whole or not at all, once its checksums are found right.

    Raises:
        CellError: it was damaged on its way, or before it was sent.
        StorageError: the disk is full or closed to us.
    """
    with new_folder(parent / packed.name) as draft:
        with writing(parent):
            for name, content in packed.files.items():
                (draft / name).write_bytes(content)
        record = read_record(draft)
        if record is None or record.get("key") != packed.key:
            raise CellError(f"{packed.name}: damaged on its way; run again to do it anew")
