"""Skeleton: a folder with one .npz an utterance, `LABEL/SPEAKER/UTTERANCE.npz`."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from merbench.corpus.corpus import Corpus
from merbench.corpus.problems import Problems
from merbench.corpus.readers.base import PathConfig, Reader, corpus_folder
from merbench.corpus.sequences import frames_of, ragged
from merbench.errors import CorpusError

PATTERN = "*/*/*.npz"


class SkeletonConfig(PathConfig):
    """Settings of the reader; `path` is there already."""


class Skeleton(Reader[SkeletonConfig]):
    """Each file holds one array a modality, (frames, features)."""

    summary = "one npz an utterance, in folders by label and speaker"
    Config = SkeletonConfig

    @classmethod
    def detect(cls, path: Path) -> bool:
        """Say whether a path looks like this layout, by names of files only."""
        return path.is_dir() and next(path.glob(PATTERN), None) is not None

    @classmethod
    def read(cls, config: SkeletonConfig) -> Corpus:
        """Read the corpus; what is wrong is a `CorpusError` that names the file."""
        folder = corpus_folder("skeleton", config)
        files = sorted(folder.glob(PATTERN))
        if not files:
            raise CorpusError(f"{folder}: expected files LABEL/SPEAKER/UTTERANCE.npz, found none")
        arrays = [_arrays(file) for file in files]
        ids = [file.stem for file in files]
        labels = [file.parts[-3] for file in files]
        classes = sorted({*labels})
        names = sorted({name for held in arrays for name in held})
        return Corpus(
            name=folder.name,
            utterances=tuple(ids),
            labels=np.array([classes.index(label) for label in labels], np.int64),
            classes=tuple(classes),
            modalities=tuple(
                # An utterance whose file lacks a modality is natively absent there.
                ragged(name, [held.get(name) for held in arrays], ids, None, Problems())
                for name in names
            ),
            speakers=np.array([file.parts[-2] for file in files]),
        )


def _arrays(file: Path) -> dict[str, NDArray[Any]]:
    try:
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as held:
            return {name: frames_of(f"{file}: {name}", held[name]) for name in held.files}
    except (OSError, ValueError, EOFError, AttributeError, BadZipFile) as error:
        raise CorpusError(f"{file}: cannot be read as npz ({error})") from error
