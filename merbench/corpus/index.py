"""The index of a corpus: a csv with one row per utterance."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from merbench.corpus.corpus import GROUPINGS, Kind, PredefinedFold
from merbench.corpus.ids import groups_from_ids
from merbench.corpus.labels import Column, read_labels
from merbench.corpus.problems import ProblemError, Problems
from merbench.corpus.readers.base import PathConfig
from merbench.corpus.side import SideFile
from merbench.corpus.text import name_array
from merbench.errors import ConfigError, CorpusError, did_you_mean

Role = Literal["utterance", "label", "speaker", "session", "dialogue", "split"]
REQUIRED: tuple[Role, ...] = ("utterance", "label")
_SEPARATORS = ";\t|"
PART_OF_SPLIT = {
    "train": "train",
    "valid": "valid",
    "val": "valid",
    "dev": "valid",
    "test": "test",
}


class IndexConfig(PathConfig):
    """Settings of a reader whose layout has an index."""

    kinds: dict[str, Kind] = Field(
        {}, description="kind of a modality, where shape and name do not tell: {speech: tokens}"
    )
    columns: dict[Role, str] = Field(
        {}, description="index columns that go by another name: {label: emotion}"
    )
    ids: str | None = Field(
        None,
        description="regular expression on the ids, its groups named speaker, session, dialogue; "
        "fills in for columns that are not there",
    )
    classes: tuple[str, ...] | None = Field(
        None, strict=False, description="order of the classes; sorted where not said"
    )


@dataclass(frozen=True)
class Index:
    """What an index says.

    Attributes:
        utterances: N ids.
        labels: (N,) int64 positions in `classes`.
        classes: class names.
        groups: (N,) str for each of speaker, session and dialogue that is known.
        predefined: one fold where there is a `split` column, else none.
        rows: how many utterances the file lists, those included with which something is wrong.
    """

    utterances: tuple[str, ...]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    groups: dict[str, NDArray[np.str_]]
    predefined: tuple[PredefinedFold, ...]
    rows: int


@dataclass(frozen=True)
class _Csv:
    """A csv file: its columns, and the number of rows that have a wrong number of cells."""

    columns: dict[str, Column]
    broken: int


def read_index(path: Path, config: IndexConfig, side: SideFile, problems: Problems) -> Index:
    """Read an index; cells are text exactly as written.

    Args:
        path: the csv (UTF-8, with a header).
        config: names of the columns, order of the classes, pattern of the ids.
        side: says which groups the corpus has, where the ids would tell of more.
        problems: told of what is wrong, with the line and the column.

    Raises:
        CorpusError: the file cannot be read, or lacks a column.
        ConfigError: `columns` names a column that is not there.
    """
    columns = config.columns
    table = _read_csv(path, problems)
    for role, name in columns.items():
        if name not in table.columns:
            raise ConfigError(
                f"columns: {role} is said to be {name!r}, which {path} does not have; "
                f"{did_you_mean(name, table.columns)}"
            )
    problems.fail(
        [
            ProblemError(
                "missing column",
                f"{path}: no column {role!r}; {did_you_mean(role, table.columns)} "
                f"(a column of another name is said by columns: {{{role}: name}})",
            )
            for role in REQUIRED
            if columns.get(role, role) not in table.columns
        ]
    )

    found: dict[str, Column] = {
        role: table.columns[columns.get(role, role)]
        for role in get_args(Role)
        if columns.get(role, role) in table.columns
    }
    utterance = found["utterance"]
    for column in (utterance, *(found[g] for g in GROUPINGS if g in found)):
        for problem in column.empty():
            problems.add(problem)
    for problem in utterance.duplicates():
        problems.add(problem)
    labels = read_labels(found["label"], config.classes, problems)
    known = {g: name_array(found[g].title, found[g].cells) for g in GROUPINGS if g in found}
    return Index(
        tuple(utterance.cells),
        labels.numbers,
        labels.classes,
        _groups(utterance.cells, config.ids, known, side, problems),
        (_fold_of_split(found["split"], problems),) if "split" in found else (),
        len(utterance.cells) + table.broken,
    )


def _groups(
    utterances: Sequence[str],
    ids: str | None,
    known: Mapping[str, NDArray[np.str_]],
    side: SideFile,
    problems: Problems,
) -> dict[str, NDArray[np.str_]]:
    """Fill in from the ids what has no column."""
    groups = dict(known)
    if ids is not None or len(groups) < len(GROUPINGS):
        with problems.part() as inner:
            groups = {**groups_from_ids(utterances, ids, inner), **groups}
    return side.groups_among(groups)


def _read_csv(path: Path, problems: Problems) -> _Csv:
    rows: list[list[str]] = []
    lines: list[int] = []
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "is no file that holds data"
        raise ProblemError("unreadable", f"{path}: {what}, expected a csv")
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            _check_separator(path, stream.readline())
            stream.seek(0)
            reader = csv.reader(stream, strict=True)
            header = next(reader, [])
            for row in reader:
                if row:
                    rows.append(row)
                    lines.append(reader.line_num)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ProblemError("unreadable", f"{path}: not a readable UTF-8 csv ({error})") from error
    problems.fail(
        [
            ProblemError(
                "duplicate column", f"{path}, line 1: column {name!r} occurs more than once"
            )
            for name, times in Counter(header).items()
            if times > 1
        ]
    )
    if not rows:
        raise CorpusError(f"{path}: no utterances; expected a header and one row per utterance")
    sound = []
    for row, line in zip(rows, lines, strict=True):
        if len(row) == len(header):
            sound.append((row, line))
            continue
        what = f"{path}, line {line}: {len(row)} cells, the header has {len(header)}"
        problems.add(ProblemError("cells in a row", what))
    return _Csv(
        {
            name: Column(
                f"{path}, column {name!r}",
                [row[k] for row, _ in sound],
                partial(_place, path, name, [line for _, line in sound]),
            )
            for k, name in enumerate(header)
        },
        len(rows) - len(sound),
    )


def _check_separator(path: Path, header: str) -> None:
    """Refuse a header of one column that another separator would divide."""
    other = next((mark for mark in _SEPARATORS if mark in header), None)
    if "," not in header and other is not None:
        what = f"one column {header.strip()!r}; is the separator {other!r}? expected ','"
        raise ProblemError("separator", f"{path}, line 1: {what}")


def _place(path: Path, name: str, lines: Sequence[int], row: int) -> str:
    return f"{path}, line {lines[row]}, column {name!r}"


def _fold_of_split(split: Column, problems: Problems) -> PredefinedFold:
    """Make the one fold a `split` column describes; an empty cell is in no part."""
    parts: dict[str, list[int]] = {"train": [], "valid": [], "test": []}
    for row, cell in enumerate(split.cells):
        if cell == "":
            continue
        if cell not in PART_OF_SPLIT:
            what = f"unknown part {cell!r}; {did_you_mean(cell, PART_OF_SPLIT)}"
            problems.add(split.problem(row, "unknown part", what))
            continue
        parts[PART_OF_SPLIT[cell]].append(row)
    return PredefinedFold("split", **{k: np.array(v, np.int64) for k, v in parts.items()})
