"""The `table` layout: `features.npz` beside `index.csv`."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from merbench.config import Config
from merbench.corpus.corpus import Corpus, Kind, Modality
from merbench.corpus.expansion import Expansion
from merbench.corpus.index import Index, IndexConfig, read_index
from merbench.corpus.npy import BROKEN, check_header
from merbench.corpus.problems import ProblemError, Problems, SettledError
from merbench.corpus.readers.base import Reader, corpus_folder
from merbench.corpus.side import SIDE, read_side
from merbench.errors import ConfigError, did_you_mean

AnyArray = NDArray[Any]
Integers = NDArray[np.int64]
FEATURES, INDEX = "features.npz", "index.csv"
OFFSETS, LENGTHS, NPY = "_offsets", "_lengths", ".npy"


class TableConfig(IndexConfig):
    """Settings of the table reader."""


class TableReader(Reader[TableConfig]):
    """Reads a folder with `features.npz` and `index.csv`.

    `features.npz` holds any number of modalities, in the order of its arrays: `m` of shape (N, D)
    is one vector per utterance; with `m_offsets` (N + 1,) it is (sum of lengths, D), utterance i in
    `m[m_offsets[i]:m_offsets[i + 1]]`; with `m_lengths` (N,) it is (N, T, D), of which the first
    `m_lengths[i]` frames count. Nothing in it is ever unpickled.

    `index.csv` has the columns utterance and label, and any of speaker, session, dialogue and split
    (train, valid and test; becomes one predefined fold). Cells are read as they are written:
    `001` and `NA` are names. Classes are sorted by name, numeric ones by value. Where `corpus.json`
    is there, it says what else there is to say (see `SideFile`).
    """

    summary: ClassVar[str] = "features.npz (any modalities, vectors or ragged) + index.csv"
    Config: ClassVar[type[Config]] = TableConfig

    @classmethod
    def detect(cls, path: Path) -> bool:
        """Say whether both files are there."""
        return (path / FEATURES).is_file() and (path / INDEX).is_file()

    @classmethod
    def read(cls, config: TableConfig) -> Corpus:
        """Read the folder; see the class."""
        return cls.examine(config, Problems())

    @classmethod
    def examine(cls, config: TableConfig, problems: Problems) -> Corpus:
        """Read the folder and tell of all that is wrong."""
        folder = corpus_folder("table", config)
        problems.fail(
            [
                ProblemError(
                    "missing file",
                    f"{folder / name}: no such file; the table layout needs {FEATURES} and {INDEX}",
                )
                for name in (FEATURES, INDEX)
                if not (folder / name).is_file()
            ]
        )
        side = read_side(folder / SIDE)
        config = side.fill(config)
        index: Index | None = None
        with problems.part() as inner:
            index = read_index(folder / INDEX, config, side, inner)
        modalities = _read_modalities(folder / FEATURES, index, config.kinds, problems)
        problems.settle()
        if index is None:
            raise SettledError
        return Corpus(
            side.name or folder.resolve().name,
            index.utterances,
            index.labels,
            index.classes,
            modalities,
            index.groups.get("speaker"),
            index.groups.get("session"),
            index.groups.get("dialogue"),
            index.predefined,
        )


def _read_modalities(
    path: Path, index: Index | None, kinds: dict[str, Kind], problems: Problems
) -> tuple[Modality, ...]:
    arrays: dict[str, AnyArray] = {}
    listed: list[str] = []
    try:
        with zipfile.ZipFile(path) as archive:
            with problems.part(path):
                listed = _members(Expansion(path), archive)
            for name in listed:
                with problems.part():
                    arrays[name] = _array(path, archive, name)
    except BROKEN as error:
        raise ProblemError("unreadable", f"{path}: not a readable npz archive ({error})") from error
    names = [a for a in listed if not a.endswith((OFFSETS, LENGTHS))]
    for companion in (a for a in listed if a not in names):
        owner = companion.removesuffix(OFFSETS).removesuffix(LENGTHS)
        if owner not in names:
            what = (
                f"{path}: array {companion!r} belongs to a modality {owner!r} that is not there; "
                f"{did_you_mean(owner, names)}"
            )
            problems.add(ProblemError("unknown array", what))
    for name in kinds:
        if name not in names:
            raise ConfigError(f"kinds: no modality {name!r} in {path}; {did_you_mean(name, names)}")
    if len(names) < 2:
        what = f"{path}: needs at least 2 modalities, found: {', '.join(names) or 'none'}"
        problems.add(ProblemError("count", what))
    modalities = []
    for name in names:
        if name in arrays:
            with problems.part(path) as inner:
                modalities.append(_modality(name, arrays, index, kinds.get(name), inner))
    return tuple(modalities)


def _members(expansion: Expansion, archive: zipfile.ZipFile) -> list[str]:
    """Return the names of the arrays, once it is known that they fit in memory."""
    names: list[str] = []
    for member in archive.infolist():
        expansion.add(member.file_size)
        name = member.filename.removesuffix(NPY)
        if name == member.filename or "/" in name or name in names:
            what = f"member {member.filename!r}; expected each array once, as NAME{NPY}"
            raise ProblemError("unknown array", what)
        names.append(name)
    return names


def _array(path: Path, archive: zipfile.ZipFile, name: str) -> AnyArray:
    member = archive.getinfo(name + NPY)
    try:
        with archive.open(member) as stream:
            check_header(stream, member.file_size)
        with archive.open(member) as stream:
            return np.asarray(npy_format.read_array(stream, allow_pickle=False))
    except ProblemError as problem:
        raise ProblemError(
            problem.kind,
            f"{path}: array {name!r} {problem}; save numbers, and ragged sequences as one "
            f"(sum of lengths, width) array with {name}{OFFSETS}",
        ) from problem
    except BROKEN as error:
        what = f"{path}: array {name!r} is damaged ({error})"
        raise ProblemError("unreadable", what) from error


def _modality(
    name: str,
    arrays: dict[str, AnyArray],
    index: Index | None,
    kind: Kind | None,
    problems: Problems,
) -> Modality:
    values, offsets, lengths = (arrays.get(name + end) for end in ("", OFFSETS, LENGTHS))
    if values is None or (offsets is not None and lengths is not None):
        raise ProblemError(
            "unknown array", f"{name!r} has both {name}{OFFSETS} and {name}{LENGTHS}"
        )
    if lengths is not None:
        values, offsets = _unpad(name, values, _whole_numbers(name + LENGTHS, lengths), problems)
    elif offsets is not None:
        offsets = _whole_numbers(name + OFFSETS, offsets)
    elif values.ndim == 3:
        raise ProblemError(
            "shape",
            f"{name!r} has shape {values.shape}, (N, T, D), and needs {name}{LENGTHS}: "
            "how many of the T frames of each utterance count",
        )
    rows = len(values) if offsets is None and values.ndim else 0
    found = rows if offsets is None else len(offsets) - 1
    if index is not None and found != index.rows:
        what = f"{name!r} has {found} utterances, {INDEX} has {index.rows} rows"
        problems.add(ProblemError("count", what))
    whole = index is not None and len(index.utterances) == found
    return Modality.build(
        name,
        values,
        offsets,
        kind,
        utterances=index.utterances if index is not None and whole else None,
        problems=problems,
    )


def _whole_numbers(name: str, numbers: AnyArray) -> Integers:
    if numbers.ndim != 1 or numbers.dtype.kind not in "iu":
        raise ProblemError(
            "shape",
            f"{name!r} must be a row of whole numbers, found {numbers.dtype} of shape "
            f"{numbers.shape}",
        )
    return numbers.astype(np.int64)


class _Ragged(NamedTuple):
    values: AnyArray
    offsets: Integers


def _unpad(name: str, values: AnyArray, lengths: Integers, problems: Problems) -> _Ragged:
    if values.ndim != 3 or len(values) != len(lengths):
        raise ProblemError(
            "count",
            f"{name}{LENGTHS} has {len(lengths)} entries and goes with an array of shape "
            f"({len(lengths)}, T, D); {name!r} has shape {values.shape}",
        )
    longest = values.shape[1]
    problems.fail(
        [
            ProblemError(
                "length",
                f"{name}{LENGTHS} says {lengths[row]} frames in row {row}, "
                f"{name!r} has room for 0 to {longest}",
            )
            for row in np.flatnonzero((lengths < 0) | (lengths > longest)).tolist()
        ]
    )
    counted = np.arange(longest) < lengths[:, None]
    return _Ragged(values[counted], np.concatenate([[0], np.cumsum(lengths)]))
