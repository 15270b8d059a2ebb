"""The parts of an MMSA pickle, and what their fields hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from merbench.corpus.problems import ProblemError, Problems
from merbench.corpus.text import UNWRITABLE, first_unwritable
from merbench.errors import did_you_mean

AnyArray = NDArray[Any]
PARTS = ("train", "valid", "test")
LENGTHS = "_lengths"
_BITS = 64
_QUOTES = "'\""


@dataclass(frozen=True)
class Split:
    """One part of the pickle: `title` says where it is."""

    title: str
    fields: Mapping[str, Any]
    ids: list[str]


def read_splits(path: Path, content: Any, problems: Problems) -> list[Split]:
    """Take the pickle apart; `problems` is told of parts that are none."""
    if not isinstance(content, dict) or not any(part in content for part in PARTS):
        found = ", ".join(_keys(content)) if isinstance(content, dict) else type(content).__name__
        raise ProblemError(
            "missing entry", f"{path}: expected a dict of {', '.join(PARTS)}, found {found:.200}"
        )
    for part, shown in zip(content, _keys(content), strict=True):
        if part not in PARTS:
            what = f"{path}: unknown part {shown}; {did_you_mean(shown.strip(_QUOTES), PARTS)}"
            problems.add(ProblemError("unknown part", what))
    splits = []
    for part in (p for p in PARTS if p in content):
        fields, title = content[part], f"{path}, {part}"
        with problems.part(title):
            if not isinstance(fields, dict):
                found = type(fields).__name__
                raise ProblemError("missing entry", f"expected a dict of fields, found {found}")
            splits.append(Split(title, fields, texts("id", fields)))
    return splits


def _keys(content: Mapping[Any, Any]) -> list[str]:
    """Return keys as messages show them: a pickle's may be anything."""
    return [repr(key) if isinstance(key, str) else type(key).__name__ for key in content]


def texts(field: str, fields: Mapping[str, Any]) -> list[str]:
    """Return a field as text: an array or list of str, bytes or numbers."""
    if field not in fields:
        known = [name for name in fields if isinstance(name, str)]
        raise ProblemError("missing entry", f"no field {field!r}; {did_you_mean(field, known)}")
    values = fields[field]
    if isinstance(values, np.ndarray):
        values = values.reshape(-1).tolist() if values.ndim <= 2 else None
    if not isinstance(values, list | tuple):
        raise ProblemError("shape", f"field {field!r}: expected a list, one entry an utterance")
    found = []
    for row, value in enumerate(values):
        if isinstance(value, bytes):
            value = value.decode("utf-8", "replace")
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            what = f"field {field!r}, entry {row}: expected text or a number"
            raise ProblemError("object array", f"{what}, found {type(value).__name__}")
        if isinstance(value, int) and value.bit_length() > _BITS:
            what = f"field {field!r}, entry {row}: a whole number of {value.bit_length()} bits"
            raise ProblemError("number", f"{what}, expected {_BITS} at most")
        if isinstance(value, str) and first_unwritable([value]) is not None:
            what = f"field {field!r}, entry {row}: {value!r} {UNWRITABLE}"
            raise ProblemError("text", what)
        found.append(str(value))
    return found


def place(splits: Sequence[Split], field: str, row: int) -> str:
    """Say where an utterance stands in the pickle."""
    for split in splits:
        if row < len(split.ids):
            return f"{split.title}, entry {row} of {field!r}"
        row -= len(split.ids)
    raise IndexError(row)


def array_of(field: str, split: Split) -> AnyArray:
    """Return the features of a field: (N, T, D), or (N, D) for one vector an utterance."""
    array = split.fields[field]
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu":
        what = f"of {array.dtype}" if isinstance(array, np.ndarray) else "of objects"
        raise ProblemError(
            "object array",
            f"field {field!r}: expected one array of numbers, (N, T, D) or (N, D), found a list or "
            f"array {what}; pad sequences with zeros and say {field}{LENGTHS}",
        )
    if array.ndim not in (2, 3) and not (array.size == 0 and not split.ids):
        raise ProblemError(
            "shape", f"field {field!r} has shape {array.shape}, expected (N, T, D) or (N, D)"
        )
    if len(array) != len(split.ids):
        what = f"field {field!r} has {len(array)} utterances, 'id' has {len(split.ids)}"
        raise ProblemError("count", what)
    if split.ids and not array.shape[-1]:
        what = f"field {field!r} has shape {array.shape}, expected one column at least"
        raise ProblemError("shape", what)
    return array if array.ndim > 1 else array.reshape(0, 0)


def frame_counts(
    field: str, split: Split, array: AnyArray, problems: Problems
) -> NDArray[np.int64]:
    """Return how many frames of each utterance count."""
    if array.ndim == 2:
        return np.ones(len(array), np.int64)
    longest = array.shape[1]
    if field + LENGTHS not in split.fields:
        if not longest:
            return np.zeros(len(array), np.int64)
        filled = (array != 0).any(axis=2)
        last = longest - filled[:, ::-1].argmax(axis=1)
        return np.where(filled.any(axis=1), last, 0).astype(np.int64)
    cells = texts(field + LENGTHS, split.fields)
    if len(cells) != len(array):
        what = f"field {field + LENGTHS!r} has {len(cells)} entries, {field!r} has {len(array)}"
        raise ProblemError("count", what)
    wrong = [
        ProblemError(
            "length",
            f"field {field + LENGTHS!r}, entry {row} is {cell}; {field!r} has room for 0 to "
            f"{longest} frames",
        )
        for row, cell in enumerate(cells)
        if not (cell.isdecimal() and len(cell) < 10 and int(cell) <= longest)
    ]
    problems.fail(wrong)
    return np.array([int(cell) for cell in cells], np.int64)
