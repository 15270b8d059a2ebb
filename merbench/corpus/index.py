"""The index of a corpus: a csv with one row per utterance."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from merbench.corpus.corpus import GROUPINGS, PredefinedFold
from merbench.errors import ConfigError, CorpusError, did_you_mean

Role = Literal["utterance", "label", "speaker", "session", "dialogue", "split"]
REQUIRED: tuple[Role, ...] = ("utterance", "label")
PART_OF_SPLIT = {
    "train": "train",
    "valid": "valid",
    "val": "valid",
    "dev": "valid",
    "test": "test",
}


@dataclass(frozen=True)
class Index:
    """What an index says.

    Attributes:
        utterances: N ids.
        labels: (N,) int64 positions in `classes`.
        classes: class names.
        groups: (N,) str for each of speaker, session and dialogue that has a column.
        predefined: one fold where there is a `split` column, else none.
    """

    utterances: tuple[str, ...]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    groups: dict[str, NDArray[np.str_]]
    predefined: tuple[PredefinedFold, ...]


@dataclass(frozen=True)
class _Column:
    """One column and where its cells stand, so that errors can point there."""

    path: Path
    name: str
    cells: list[str]
    lines: list[int]

    def error(self, row: int, what: str) -> CorpusError:
        return CorpusError(f"{self.path}, line {self.lines[row]}, column {self.name!r}: {what}")

    def filled(self) -> _Column:
        if "" in self.cells:
            raise self.error(self.cells.index(""), "the cell is empty")
        return self


def read_index(
    path: Path, columns: Mapping[Role, str] | None = None, classes: Sequence[str] | None = None
) -> Index:
    """Read an index; cells are text exactly as written.

    Args:
        path: the csv (UTF-8, with a header).
        columns: the name a column has in this file, where it is not the ordinary one.
        classes: order of the class names; sorted where not given, numeric names by value.

    Raises:
        CorpusError: naming the line and the column.
        ConfigError: `columns` names a column that is not there.
    """
    columns = columns or {}
    table = _read_csv(path)
    for role, name in columns.items():
        if name not in table:
            raise ConfigError(
                f"columns: {role} is said to be {name!r}, which {path} does not have; "
                f"{did_you_mean(name, table)}"
            )
    for role in REQUIRED:
        if columns.get(role, role) not in table:
            raise CorpusError(
                f"{path}: no column {role!r}; {did_you_mean(role, table)} "
                f"(a column of another name is said by columns: {{{role}: name}})"
            )

    found: dict[str, _Column] = {
        role: table[columns.get(role, role)]
        for role in get_args(Role)
        if columns.get(role, role) in table
    }
    utterances, label = found["utterance"].filled(), found["label"]
    _refuse_duplicates(utterances)
    order = _check_order(label, classes) if classes is not None else _sorted_classes(label)
    position = {name: k for k, name in enumerate(order)}
    groups = {g: np.array(found[g].filled().cells) for g in GROUPINGS if g in found}
    return Index(
        tuple(utterances.cells),
        np.array([position[cell] for cell in label.cells], np.int64),
        order,
        groups,
        (_fold_of_split(found["split"]),) if "split" in found else (),
    )


def _read_csv(path: Path) -> dict[str, _Column]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            header = next(reader, [])
            rows, lines = [], []
            for row in reader:
                if row:
                    rows.append(row)
                    lines.append(reader.line_num)
    except (UnicodeDecodeError, csv.Error) as error:
        raise CorpusError(f"{path}: not a readable UTF-8 csv ({error})") from error
    for name in header:
        if header.count(name) > 1:
            raise CorpusError(f"{path}, line 1: column {name!r} occurs more than once")
    if not rows:
        raise CorpusError(f"{path}: no utterances; expected a header and one row per utterance")
    for row, line in zip(rows, lines, strict=True):
        if len(row) != len(header):
            raise CorpusError(
                f"{path}, line {line}: {len(row)} cells, the header has {len(header)}"
            )
    return {
        name: _Column(path, name, [row[k] for row in rows], lines) for k, name in enumerate(header)
    }


def _refuse_duplicates(utterances: _Column) -> None:
    first: dict[str, int] = {}
    for row, name in enumerate(utterances.cells):
        if name in first:
            raise utterances.error(
                row, f"utterance {name!r} stands in line {utterances.lines[first[name]]} already"
            )
        first[name] = row


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


def _sorted_classes(label: _Column) -> tuple[str, ...]:
    """Check that the labels are classes, and sort them: numbers by value, names by letters."""
    numbers = [_number(cell) for cell in label.cells]
    for row, (cell, number) in enumerate(zip(label.cells, numbers, strict=True)):
        if cell == "" or (number is not None and math.isnan(number)):
            raise label.error(row, f"no label ({cell!r}); label the utterance or leave it out")
    values = [number for number in numbers if number is not None]
    if len(values) < len(numbers):
        return tuple(sorted(set(label.cells)))
    for row, (cell, number) in enumerate(zip(label.cells, values, strict=True)):
        if not number.is_integer():
            raise label.error(
                row,
                f"{cell} is a continuous label, and merbench scores classes: bin the labels (for "
                "example negative < 0 <= positive, or at the median) and write the bins' names",
            )
    by_value = dict(zip(label.cells, values, strict=True))
    if len(set(values)) < len(by_value):
        raise CorpusError(
            f"{label.path}, column {label.name!r}: the same number is written in two ways "
            f"({', '.join(sorted(by_value))}); write each class in one"
        )
    return tuple(sorted(by_value, key=by_value.__getitem__))


def _check_order(label: _Column, classes: Sequence[str]) -> tuple[str, ...]:
    _sorted_classes(label)
    for row, cell in enumerate(label.cells):
        if cell not in classes:
            raise label.error(
                row, f"label {cell!r} is not among classes; {did_you_mean(cell, classes)}"
            )
    if len(set(classes)) < len(classes):
        raise ConfigError(f"classes: a name occurs twice in {', '.join(classes)}")
    return tuple(classes)


def _fold_of_split(split: _Column) -> PredefinedFold:
    """Make the one fold a `split` column describes; an empty cell is in no part."""
    parts: dict[str, list[int]] = {"train": [], "valid": [], "test": []}
    for row, cell in enumerate(split.cells):
        if cell == "":
            continue
        if cell not in PART_OF_SPLIT:
            raise split.error(row, f"unknown part {cell!r}; {did_you_mean(cell, PART_OF_SPLIT)}")
        parts[PART_OF_SPLIT[cell]].append(row)
    return PredefinedFold("split", **{k: np.array(v, np.int64) for k, v in parts.items()})
