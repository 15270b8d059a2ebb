"""The HDF5 layout of the released MMIN, IF-MMIN and NMER code."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import h5py
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from merbench.config import Config
from merbench.corpus.corpus import Corpus, Kind, Modality, PredefinedFold
from merbench.corpus.expansion import Expansion
from merbench.corpus.ids import groups_from_ids
from merbench.corpus.npy import load_npy
from merbench.corpus.problems import ProblemError, Problems, SettledError, located
from merbench.corpus.readers.base import PathConfig, Reader, corpus_folder
from merbench.corpus.sequences import frames_of, ragged
from merbench.corpus.side import SIDE, read_side
from merbench.corpus.text import UNWRITABLE, first_unwritable
from merbench.errors import ConfigError, CorpusError, did_you_mean

# The first file that is there counts.
FILES = {
    "audio": ("A/comparE.h5", "A/comparE_raw.h5"),
    "visual": ("V/denseface.h5",),
    "text": ("L/bert_large.h5",),
}
STATISTICS = "A/comparE_mean_std.h5"
TARGET = "target"
MOST_CLASSES = 10_000  # a class number has a name made for it, and for each below it
PARTS = {"train": "trn", "valid": "val", "test": "tst"}


class MminConfig(PathConfig):
    """Settings of the mmin reader."""

    classes: tuple[str, ...] | None = Field(
        None,
        strict=False,
        description="class names by label number; class0, class1, ... where not said",
    )
    ids: str | None = Field(
        None,
        description="regular expression on the ids, its groups named speaker, session, dialogue",
    )
    kinds: dict[str, Kind] = Field(
        {}, description="kind of a modality, where shape and name do not tell: {visual: tokens}"
    )


class _Labels(NamedTuple):
    numbers: list[int]
    classes: int


class _Part(NamedTuple):
    names: list[str]
    labels: _Labels


class MminReader(Reader[MminConfig]):
    """Reads a folder in the layout the released MMIN code reads.

    `A/comparE.h5` (or `A/comparE_raw.h5`), `V/denseface.h5` and `L/bert_large.h5` hold one (T, D)
    dataset per utterance id. `target/{fold}/{trn,val,tst}_label.npy` and `..._int2name.npy` hold
    the labels (one-hot, or integers) and the ids (bytes in a 2-D array whose first column counts,
    or plain) of each fold's parts, for folds 1, 2, ...

    The corpus has every utterance that some fold names, in the order of the sorted ids, and those
    folds as its predefined ones. Speaker, session and dialogue come from the ids.
    `A/comparE_mean_std.h5` is not read: every modality is normalised by statistics of the training
    part that we compute ourselves, in every fold. `corpus.json`, where it is there, names the
    classes, and says what else there is to say (see `SideFile`).
    """

    summary: ClassVar[str] = "the HDF5 files of MMIN, IF-MMIN and NMER, with their folds"
    Config: ClassVar[type[Config]] = MminConfig

    @classmethod
    def detect(cls, path: Path) -> bool:
        """Say whether there are targets and an audio file."""
        return (path / TARGET).is_dir() and any((path / f).is_file() for f in FILES["audio"])

    @classmethod
    def read(cls, config: MminConfig) -> Corpus:
        """Read the folder; see the class."""
        return cls.examine(config, Problems())

    @classmethod
    def examine(cls, config: MminConfig, problems: Problems) -> Corpus:
        """Read the folder and tell of all that is wrong."""
        folder = corpus_folder("mmin", config)
        side = read_side(folder / SIDE)
        config = side.fill(config)
        folds: dict[str, dict[str, _Part]] = {}
        for number in _fold_numbers(folder):
            for part, short in PARTS.items():
                with problems.part():
                    folds.setdefault(number, {})[part] = _read_part(folder, number, short)
        label_of = _agreed_labels(folder, folds, problems)
        utterances = tuple(sorted(label_of))
        modalities = []
        for name in FILES:
            with problems.part() as inner:
                kind = config.kinds.get(name)
                modalities.append(_read_modality(folder, name, utterances, kind, inner))
        for name in config.kinds:
            if name not in FILES:
                raise ConfigError(f"kinds: no modality {name!r}; {did_you_mean(name, FILES)}")
        groups: dict[str, NDArray[np.str_]] = {}
        with problems.part() as inner:
            groups = side.groups_among(groups_from_ids(utterances, config.ids, inner))
        problems.settle()
        count = max(part.labels.classes for parts in folds.values() for part in parts.values())
        corpus = Corpus(
            side.name or folder.resolve().name,
            utterances,
            np.array([label_of[name] for name in utterances], np.int64),
            _class_names(count, config.classes),
            tuple(modalities),
            groups.get("speaker"),
            groups.get("session"),
            groups.get("dialogue"),
            _predefined(folds, utterances),
        )
        return side.in_order(corpus)


def _predefined(
    folds: dict[str, dict[str, _Part]], utterances: tuple[str, ...]
) -> tuple[PredefinedFold, ...]:
    position = {name: k for k, name in enumerate(utterances)}
    return tuple(
        PredefinedFold(
            number,
            **{
                part: np.array(sorted(position[name] for name in members.names), np.int64)
                for part, members in parts.items()
            },
        )
        for number, parts in folds.items()
    )


def _fold_numbers(folder: Path) -> list[str]:
    target = folder / TARGET
    found = {entry.name for entry in target.glob("*") if entry.is_dir()}
    expected = [str(k + 1) for k in range(len(found))]
    if not found or found != set(expected):
        raise CorpusError(
            f"{target}: expected one folder per fold, named 1, 2, 3, ...; found "
            f"{', '.join(sorted(found)) or 'none'}"
        )
    return expected


def _read_part(folder: Path, fold: str, part: str) -> _Part:
    names_file = folder / TARGET / fold / f"{part}_int2name.npy"
    label_file = folder / TARGET / fold / f"{part}_label.npy"
    names, labels = _load(names_file), _load(label_file)
    if names.ndim == 2 and names.shape[1] >= 1:
        names = names[:, 0]
    if names.ndim != 1 or names.dtype.kind not in "SU":
        raise CorpusError(
            f"{names_file}: expected utterance ids, found {names.dtype} of shape {names.shape}"
        )
    ids = [
        name.decode("utf-8", "replace") if isinstance(name, bytes) else name
        for name in names.tolist()
    ]
    wrong = first_unwritable(ids)
    if wrong is not None:
        raise ProblemError("text", f"{names_file}: utterance {wrong!r} {UNWRITABLE}")
    found = _class_numbers(label_file, labels)
    if len(ids) != len(found.numbers):
        raise CorpusError(
            f"{label_file}: {len(found.numbers)} labels for the {len(ids)} ids of {names_file.name}"
        )
    if len(set(ids)) < len(ids):
        twice = next(name for name in ids if ids.count(name) > 1)
        raise CorpusError(f"{names_file}: utterance {twice!r} occurs more than once")
    return _Part(ids, found)


def _load(path: Path) -> NDArray[Any]:
    if not path.is_file():
        raise CorpusError(f"{path}: no such file; every fold has trn, val and tst labels and ids")
    try:
        return load_npy(path)
    except ProblemError as problem:
        raise located(f"{path}: not an npy file of numbers or names", problem) from problem


def _class_numbers(path: Path, labels: NDArray[Any]) -> _Labels:
    """Return class numbers from one-hot rows or integers."""
    if labels.dtype.kind not in "fiub" or labels.ndim not in (1, 2):
        raise CorpusError(
            f"{path}: expected one-hot rows or class numbers, found {labels.dtype} of shape "
            f"{labels.shape}"
        )
    if labels.ndim == 2 and labels.shape[1] > 1:
        one_hot = ((labels == 0) | (labels == 1)).all(axis=1) & (labels.sum(axis=1) == 1)
        if not one_hot.all():
            row = int(one_hot.argmin())
            raise CorpusError(f"{path}: row {row} is not one-hot: {labels[row].tolist()}")
        return _Labels(labels.argmax(axis=1).tolist(), labels.shape[1])
    numbers = labels.reshape(-1)
    for row, number in enumerate(numbers.tolist()):
        if not (number >= 0 and float(number).is_integer()):
            raise CorpusError(
                f"{path}: row {row} is {number}, not a class number; bin continuous labels first"
            )
    highest = int(numbers.max(initial=-1))
    if highest >= MOST_CLASSES:
        raise CorpusError(f"{path}: class number {highest}; expected less than {MOST_CLASSES}")
    return _Labels(numbers.astype(int).tolist(), highest + 1)


def _agreed_labels(
    folder: Path, folds: dict[str, dict[str, _Part]], problems: Problems
) -> dict[str, int]:
    """Return the label of every utterance, which all folds must agree on."""
    label_of: dict[str, int] = {}
    for number, parts in folds.items():
        for part, members in parts.items():
            for name, label in zip(members.names, members.labels.numbers, strict=True):
                if label_of.setdefault(name, label) != label:
                    what = (
                        f"{folder / TARGET / number}: utterance {name!r} has class {label} in "
                        f"{PARTS[part]}, and class {label_of[name]} in another part or fold"
                    )
                    problems.add(ProblemError("label at odds", what))
    if not label_of:
        problems.settle()
        raise ProblemError("no value", f"{folder / TARGET}: no fold has any utterance")
    return label_of


def _class_names(count: int, names: tuple[str, ...] | None) -> tuple[str, ...]:
    if names is None:
        return tuple(f"class{k}" for k in range(count))
    if len(names) < count or len(set(names)) < len(names):
        raise ConfigError(
            f"classes: expected {count} different names, one per label number; "
            f"found {', '.join(names)}"
        )
    return names


def _read_modality(
    folder: Path, name: str, utterances: tuple[str, ...], kind: Kind | None, problems: Problems
) -> Modality:
    path = next((folder / f for f in FILES[name] if (folder / f).is_file()), None)
    if path is None:
        what = f"{folder}: no {name} features; expected {' or '.join(FILES[name])}"
        raise ProblemError("missing file", what)
    sequences: list[NDArray[Any] | None] = []
    with problems.part(path) as inner:
        try:
            expansion = Expansion(path)
            with h5py.File(path, "r") as file:
                for utterance in utterances:
                    sequences.append(None)
                    with inner.part():
                        sequences[-1] = _sequence(file, utterance, expansion)
                more = len(set(file) - set(utterances))
        except (OSError, ValueError, KeyError, RuntimeError, TypeError, MemoryError) as error:
            raise ProblemError("unreadable", f"not a readable HDF5 file ({error})") from error
        if more:
            problems.note(f"{path}: {more} datasets that no fold names were left out")
        inner.settle()
        return ragged(name, sequences, utterances, kind, inner)
    raise SettledError


def _sequence(file: h5py.File, utterance: str, expansion: Expansion) -> NDArray[Any]:
    """Return what the file itself holds for an utterance: no link in it is followed."""
    parts = utterance.split("/")
    for depth in range(1, len(parts) + 1):
        link = file.get("/".join(parts[:depth]) or "/", getlink=True, default=None)
        if isinstance(link, h5py.SoftLink | h5py.ExternalLink):
            raise ProblemError("link", f"{utterance!r} is a link, which is never followed")
    if utterance not in file:
        what = f"no dataset {utterance!r}, which the folds name ({len(file)} datasets)"
        raise ProblemError("missing entry", what)
    dataset = file[utterance]
    if not isinstance(dataset, h5py.Dataset):
        kind = "a group" if isinstance(dataset, h5py.Group) else "a type"
        raise ProblemError("shape", f"{utterance!r} is {kind}, expected a dataset of shape (T, D)")
    if dataset.external or dataset.is_virtual:
        raise ProblemError("link", f"{utterance!r} lies in another file, which is never opened")
    if dataset.shape is None or dataset.dtype.kind not in "fiu":
        raise ProblemError("shape", f"{utterance!r} has type {dataset.dtype}, expected numbers")
    expansion.add(dataset.nbytes)
    return frames_of(utterance, np.asarray(dataset[()]))
