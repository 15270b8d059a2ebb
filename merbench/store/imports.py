"""Methods of a run whose predictions were made elsewhere: one file each beside their cells."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator, ValidationError

from merbench.config import Config
from merbench.errors import ConfigError
from merbench.results.header import CellKey
from merbench.store.folders import write_text
from merbench.store.identity import Identity
from merbench.store.store import Store
from merbench.text import UNFIT, first_unfit, plain

FORMAT = 1


def _one_folder(name: str) -> str:
    # What an import replaces is removed, so that a path to elsewhere must not get this far.
    if Path(name).name != name or name in ("", ".", ".."):
        raise ValueError(f"{name!r} is not the name of a folder")
    return name


def _name(text: str) -> str:
    if first_unfit([text]) is not None:
        raise ValueError(UNFIT)
    return text


class ImportedCell(Config):
    """One (fold, seed) of an imported method, and the folder that holds it."""

    fold: str
    seed: int
    folder: Annotated[str, AfterValidator(_one_folder)]
    key: str


class Import(Config):
    """A method whose predictions came from a file.

    Attributes:
        format: of this record.
        label: what the tables call the method.
        source: name of the file.
        sha256: of the file.
        rows: predictions in it.
        imported: when, in UTC.
        protocol: what the predictions were checked against.
        file_protocol: the short digest of it that the file has, None where the file does not say
            what its predictions were made for.
        cells: where they are.
    """

    format: int
    label: Annotated[str, AfterValidator(_name)]
    source: str
    sha256: str
    rows: int
    imported: str
    protocol: Identity
    file_protocol: str | None = None
    cells: tuple[ImportedCell, ...]

    @property
    def seeds(self) -> tuple[int, ...]:
        """Its seeds, increasing."""
        return tuple(sorted({cell.seed for cell in self.cells}))


class Usable(NamedTuple):
    """The imports that fit a protocol, and for each other one a line that says why it does not."""

    imports: tuple[Import, ...]
    left_out: tuple[str, ...]


class FoundCell(NamedTuple):
    """A cell on disk: its folder and its record."""

    folder: str
    record: dict[str, Any]


def read_imports(store: Store) -> tuple[Import, ...]:
    """Return the imports of a run, by label.

    Raises:
        ConfigError: a record is damaged.
    """
    found = []
    for path in sorted(store.imports.glob("*.json")):
        try:
            # JSON has no tuples, so a strict model would refuse what it wrote itself.
            found.append(Import.model_validate_json(path.read_text("utf-8")))
        except (OSError, ValidationError, ValueError) as error:
            raise ConfigError(
                f"{path}: not a record of an import (damaged?); remove the file and import the "
                "predictions again"
            ) from error
    return tuple(sorted(found, key=lambda each: each.label))


def write_import(store: Store, record: Import) -> None:
    """Write or replace the record of an import, whose cells are there already."""
    store.imports.mkdir(parents=True, exist_ok=True)
    write_text(_path(store, record.label), record.model_dump_json(indent=1) + "\n")


def _path(store: Store, label: str) -> Path:
    # Labels that differ only in what a file name cannot hold must not meet in one file.
    mark = hashlib.sha256(label.encode()).hexdigest()[:8]
    return store.imports / f"{plain(label)}-{mark}.json"


def usable(imports: Sequence[Import], protocol: Identity) -> Usable:
    """Divide imports by whether they fit a protocol."""
    fit, left_out = [], []
    for each in imports:
        apart = each.protocol.differences(protocol, "it", "the run")
        if apart:
            left_out.append(
                f"imported predictions {each.label!r} are left out of the tables: they were made "
                f"under another protocol ({'; '.join(apart)})"
            )
        else:
            fit.append(each)
    return Usable(tuple(fit), tuple(left_out))


def refuse_taken(imports: Iterable[Import], labels: Sequence[str], root: Path) -> None:
    """Refuse methods of a suite that are called like imported ones.

    Raises:
        ConfigError: naming the label.
    """
    for each in imports:
        if each.label in labels:
            raise ConfigError(
                f"{root}: {each.label!r} is the label of imported predictions there, and of a "
                "method of the suite; give the method another `label:`, or use another --out"
            )


def seeds_by_label(imports: Sequence[Import]) -> dict[str, tuple[int, ...]]:
    """Return label -> seeds."""
    return {each.label: each.seeds for each in imports}


def imported_cells(
    store: Store, imports: Sequence[Import], order: Sequence[CellKey]
) -> Iterator[FoundCell]:
    """Yield the sound cells of imports that tables ask for, in the order of the tables."""
    known = {
        CellKey(each.label, cell.fold, cell.seed): cell for each in imports for cell in each.cells
    }
    for key in order:
        cell = known.get(key)
        record = None if cell is None else store.cell_record(cell.folder, cell.key)
        if cell is not None and record is not None:
            yield FoundCell(cell.folder, record)


def describe_imports(description: dict[str, Any], imports: Sequence[Import]) -> dict[str, Any]:
    """Return a run's description with these imports in it, in the place of those it had.

    Args:
        description: the content of run.json; its own methods and folders stay as they are.
        imports: all there are now.
    """
    before = description.get("imports", [])
    labels = {each["label"] for each in before}
    folders = {folder for each in before for folder in each["folders"]}
    now: list[dict[str, Any]] = [
        {
            "label": each.label,
            "source": each.source,
            "sha256": each.sha256,
            "rows": each.rows,
            "imported": each.imported,
            "protocol": each.file_protocol,
            "seeds": list(each.seeds),
            "folders": [cell.folder for cell in each.cells],
        }
        for each in imports
    ]
    added = [folder for each in now for folder in each["folders"]]
    methods = [label for label in description["methods"] if label not in labels]
    cells = dict(description["cells"])
    for key in ("done", "total"):
        cells[key] += len(added) - len(folders)
    return {
        **description,
        "methods": methods + [each["label"] for each in now],
        "folders": [f for f in description["folders"] if f not in folders] + added,
        "cells": cells,
        "imports": now,
    }
