"""The `table` layout: `features.npz` beside `index.csv`."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from merbench.config import Config
from merbench.corpus.corpus import Corpus, Kind, Modality
from merbench.corpus.ids import groups_from_ids
from merbench.corpus.index import Role, read_index
from merbench.corpus.readers.base import PathConfig, Reader, corpus_folder
from merbench.errors import ConfigError, CorpusError, did_you_mean

AnyArray = NDArray[Any]
Integers = NDArray[np.int64]
FEATURES, INDEX = "features.npz", "index.csv"
OFFSETS, LENGTHS = "_offsets", "_lengths"


class TableConfig(PathConfig):
    """Settings of the table reader."""

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


class TableReader(Reader[TableConfig]):
    """Reads a folder with `features.npz` and `index.csv`.

    `features.npz` holds any number of modalities, in the order of its arrays: `m` of shape (N, D)
    is one vector per utterance; with `m_offsets` (N + 1,) it is (sum of lengths, D), utterance i in
    `m[m_offsets[i]:m_offsets[i + 1]]`; with `m_lengths` (N,) it is (N, T, D), of which the first
    `m_lengths[i]` frames count. Nothing in it is ever unpickled.

    `index.csv` has the columns utterance and label, and any of speaker, session, dialogue and split
    (train, valid and test; becomes one predefined fold). Cells are read as they are written:
    `001` and `NA` are names. Classes are sorted by name, numeric ones by value.
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
        folder = corpus_folder("table", config)
        for name in (FEATURES, INDEX):
            if not (folder / name).is_file():
                raise CorpusError(
                    f"{folder / name}: no such file; the table layout needs {FEATURES} and {INDEX}"
                )
        index = read_index(folder / INDEX, config.columns, config.classes)
        modalities = _read_modalities(folder / FEATURES, len(index.utterances), config.kinds)
        groups = index.groups
        if config.ids is not None or len(groups) < 3:
            groups = {**groups_from_ids(index.utterances, config.ids), **groups}
        return Corpus(
            folder.resolve().name,
            index.utterances,
            index.labels,
            index.classes,
            modalities,
            groups.get("speaker"),
            groups.get("session"),
            groups.get("dialogue"),
            index.predefined,
        )


def _read_modalities(path: Path, n: int, kinds: dict[str, Kind]) -> tuple[Modality, ...]:
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            arrays = {name: _array(path, archive, name) for name in archive.files}
    except (zipfile.BadZipFile, OSError, EOFError, AttributeError, TypeError, ValueError) as error:
        raise CorpusError(f"{path}: not a readable npz archive ({error})") from error
    names = [a for a in arrays if not a.endswith((OFFSETS, LENGTHS))]
    for companion in (a for a in arrays if a not in names):
        owner = companion.removesuffix(OFFSETS).removesuffix(LENGTHS)
        if owner not in names:
            raise CorpusError(
                f"{path}: array {companion!r} belongs to a modality {owner!r} that is not there; "
                f"{did_you_mean(owner, names)}"
            )
    for name in kinds:
        if name not in names:
            raise ConfigError(f"kinds: no modality {name!r} in {path}; {did_you_mean(name, names)}")
    if len(names) < 2:
        raise CorpusError(
            f"{path}: needs at least 2 modalities, found: {', '.join(names) or 'none'}"
        )
    return tuple(_modality(path, name, arrays, n, kinds.get(name)) for name in names)


def _array(path: Path, archive: Mapping[str, AnyArray], name: str) -> AnyArray:
    try:
        return archive[name]
    except ValueError as error:
        raise CorpusError(
            f"{path}: array {name!r} holds Python objects, which are never loaded; save numbers, "
            f"and ragged sequences as one (sum of lengths, width) array with {name}{OFFSETS}"
        ) from error


def _modality(
    path: Path, name: str, arrays: dict[str, AnyArray], n: int, kind: Kind | None
) -> Modality:
    values, offsets, lengths = (arrays.get(name + end) for end in ("", OFFSETS, LENGTHS))
    if values is None or (offsets is not None and lengths is not None):
        raise CorpusError(f"{path}: {name!r} has both {name}{OFFSETS} and {name}{LENGTHS}")
    if lengths is not None:
        values, offsets = _unpad(path, name, values, _whole_numbers(path, name + LENGTHS, lengths))
    elif offsets is not None:
        offsets = _whole_numbers(path, name + OFFSETS, offsets)
    elif values.ndim == 3:
        raise CorpusError(
            f"{path}: {name!r} has shape {values.shape}, (N, T, D), and needs {name}{LENGTHS}: "
            "how many of the T frames of each utterance count"
        )
    rows = len(values) if offsets is None and values.ndim else 0
    found = rows if offsets is None else len(offsets) - 1
    if found != n:
        raise CorpusError(f"{path}: {name!r} has {found} utterances, {INDEX} has {n} rows")
    try:
        return Modality.build(name, values, offsets, kind)
    except CorpusError as error:
        raise CorpusError(f"{path}: {error}") from error


def _whole_numbers(path: Path, name: str, numbers: AnyArray) -> Integers:
    if numbers.ndim != 1 or numbers.dtype.kind not in "iu":
        raise CorpusError(
            f"{path}: {name!r} must be a row of whole numbers, found {numbers.dtype} of shape "
            f"{numbers.shape}"
        )
    return numbers.astype(np.int64)


class _Ragged(NamedTuple):
    values: AnyArray
    offsets: Integers


def _unpad(path: Path, name: str, values: AnyArray, lengths: Integers) -> _Ragged:
    if values.ndim != 3 or len(values) != len(lengths):
        raise CorpusError(
            f"{path}: {name}{LENGTHS} has {len(lengths)} entries and goes with an array of shape "
            f"({len(lengths)}, T, D); {name!r} has shape {values.shape}"
        )
    longest = values.shape[1]
    wrong = np.flatnonzero((lengths < 0) | (lengths > longest))
    if len(wrong):
        row = int(wrong[0])
        raise CorpusError(
            f"{path}: {name}{LENGTHS} says {lengths[row]} frames in row {row}, "
            f"{name!r} has room for 0 to {longest}"
        )
    counted = np.arange(longest) < lengths[:, None]
    return _Ragged(values[counted], np.concatenate([[0], np.cumsum(lengths)]))
