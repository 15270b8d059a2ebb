"""The `npy_dir` layout: a folder for each modality, with one file an utterance."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from numpy.typing import NDArray
from pydantic import Field

from merbench.config import Config
from merbench.corpus.corpus import Corpus, Kind, Modality
from merbench.corpus.index import Index, IndexConfig, read_index
from merbench.corpus.npy import load_npy
from merbench.corpus.problems import ProblemError, Problems, SettledError
from merbench.corpus.readers.base import Reader, corpus_folder
from merbench.corpus.sequences import frames_of, ragged
from merbench.corpus.side import SIDE, read_side
from merbench.errors import ConfigError, CorpusError, did_you_mean

LABELS = "labels.csv"
_HINTS = 10
Files = Mapping[str, Path]


class NpyDirConfig(IndexConfig):
    """Settings of the npy_dir reader."""

    labels: str | None = Field(
        None, description="name of the csv of labels; labels.csv, or the only csv of the folder"
    )
    modalities: tuple[str, ...] | None = Field(
        None,
        strict=False,
        description="folders to read, in corpus order; every folder that holds npy files, sorted, "
        "where not said",
    )


class NpyDirReader(Reader[NpyDirConfig]):
    """Reads the layout that GCNet and MERTools extract features into.

    Each modality has a folder, named after it, with one `<utterance>.npy` of shape (T, D), or (D,)
    for one vector. A csv beside them has the columns that the `table` layout's index has, with the
    same settings. An utterance of the csv without a file in a folder lacks that modality (natively
    absent); one without any file is an error. Files of utterances that the csv does not name are
    left out, and counted by `data check`.

    Modalities come in the order of the sorted folder names, unless `modalities` or `corpus.json`
    says otherwise.
    """

    summary: ClassVar[str] = "a folder a modality with <utterance>.npy (GCNet, MERTools) + a csv"
    Config: ClassVar[type[Config]] = NpyDirConfig

    @classmethod
    def detect(cls, path: Path) -> bool:
        """Say whether there are a csv and two folders with npy files."""
        return path.is_dir() and any(path.glob("*.csv")) and len(_folders(path)) > 1

    @classmethod
    def read(cls, config: NpyDirConfig) -> Corpus:
        """Read the folder; see the class."""
        return cls.examine(config, Problems())

    @classmethod
    def examine(cls, config: NpyDirConfig, problems: Problems) -> Corpus:
        """Read the folder and tell of all that is wrong."""
        folder = corpus_folder("npy_dir", config)
        side = read_side(folder / SIDE)
        config = side.fill(config)
        names = _modality_names(folder, config)
        index = read_index(_labels_file(folder, config.labels), config, side, problems)
        files = {name: _files(folder / name) for name in names}
        _tell_of_strangers(folder, files, index, problems)
        modalities = []
        for name in names:
            with problems.part(folder / name) as inner:
                kind = config.kinds.get(name)
                modalities.append(_read_modality(name, files[name], index, kind, inner))
        problems.settle()
        return Corpus(
            side.name or folder.resolve().name,
            index.utterances,
            index.labels,
            index.classes,
            tuple(modalities),
            index.groups.get("speaker"),
            index.groups.get("session"),
            index.groups.get("dialogue"),
            index.predefined,
        )


def _folders(folder: Path) -> list[str]:
    """Return the folders that hold npy files, sorted."""
    return sorted(
        entry.name
        for entry in folder.iterdir()
        if entry.is_dir() and next(entry.glob("*.npy"), None) is not None
    )


def _modality_names(folder: Path, config: NpyDirConfig) -> tuple[str, ...]:
    there = _folders(folder)
    names = tuple(there) if config.modalities is None else config.modalities
    for name in names:
        if name not in there:
            raise ConfigError(
                f"modalities: {folder} has no folder {name!r} with npy files; "
                f"{did_you_mean(name, there)}"
            )
    for name in config.kinds:
        if name not in names:
            raise ConfigError(
                f"kinds: no modality {name!r} in {folder}; {did_you_mean(name, names)}"
            )
    if len(names) < 2:
        raise ProblemError(
            "count",
            f"{folder}: needs at least 2 folders of npy files, found: {', '.join(names) or 'none'}",
        )
    return names


def _labels_file(folder: Path, name: str | None) -> Path:
    found = sorted(path.name for path in folder.glob("*.csv"))
    if name is not None and name not in found:
        raise ConfigError(f"labels: {folder} has no csv {name!r}; {did_you_mean(name, found)}")
    if name is None and LABELS not in found and len(found) != 1:
        raise CorpusError(
            f"{folder}: expected {LABELS} or one csv of labels, found "
            f"{', '.join(found) or 'none'}; labels: NAME says which"
        )
    return folder / (name or (LABELS if LABELS in found else found[0]))


def _files(folder: Path) -> Files:
    return {path.stem: path for path in folder.glob("*.npy")}


def _tell_of_strangers(
    folder: Path, files: Mapping[str, Files], index: Index, problems: Problems
) -> None:
    """Tell of ids without any file, and of files without an id."""
    named = set(index.utterances)
    unnamed = sorted(set().union(*files.values()) - named)
    alone = [u for u in index.utterances if u and not any(u in own for own in files.values())]
    for number, utterance in enumerate(alone):
        # Comparing thousands of names with thousands would take minutes.
        near = difflib.get_close_matches(utterance[:200], unnamed, n=1) if number < _HINTS else []
        hint = f"; did you mean {near[0]!r}?" if near else ""
        what = f"utterance {utterance!r} has no {utterance}.npy in {', '.join(files)}{hint}"
        problems.add(ProblemError("missing file", f"{folder}: {what}"))
    for name, own in files.items():
        more = sorted(set(own) - named)
        if more:
            problems.note(
                f"{folder / name}: {len(more)} files that the csv does not name were left out, "
                f"first {more[0]}.npy"
            )


def _read_modality(
    name: str, files: Files, index: Index, kind: Kind | None, problems: Problems
) -> Modality:
    sequences: list[NDArray[Any] | None] = []
    with problems.part() as inner:
        for utterance in index.utterances:
            sequences.append(None)
            if utterance in files:
                with inner.part(files[utterance].name):
                    sequences[-1] = frames_of(utterance, load_npy(files[utterance]))
        inner.settle()
        return ragged(name, sequences, index.utterances, kind, inner)
    raise SettledError
