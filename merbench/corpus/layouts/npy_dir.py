"""Writing the `npy_dir` layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from merbench.corpus.corpus import Corpus
from merbench.corpus.layouts.table import write_index
from merbench.corpus.problems import ProblemError
from merbench.corpus.readers.npy_dir import LABELS
from merbench.corpus.side import SIDE, write_side

_LONGEST = 255  # bytes in a file's name


def write_npy_dir(corpus: Corpus, folder: Path, ids: str | None) -> None:
    """Write a folder for each modality, `labels.csv` and `corpus.json` into an empty folder.

    A vector is an array (D,), anything else (T, D); where a modality is natively absent there is no
    file. An utterance that lacks every modality has empty sequences, so that it is seen to be one.

    Raises:
        CorpusError: an id or a modality cannot be the name of a file.
    """
    for what, names in (("utterance", corpus.utterances), ("modality", corpus.names)):
        for name in names:
            file = f"{name}.npy"
            if "/" in name or "\0" in name or not name.strip(".") or len(file.encode()) > _LONGEST:
                raise ProblemError(
                    "name",
                    f"the npy_dir layout cannot hold {what} {name!r}: {file!r} cannot be the name "
                    "of a file",
                )
    there: NDArray[np.bool_] = np.logical_or.reduce(corpus.available, axis=1)
    for modality in corpus.modalities:
        target = folder / modality.name
        target.mkdir()
        for i, utterance in enumerate(corpus.utterances):
            frames = modality.sequence(i)
            if len(frames) or not there[i]:
                one = modality.kind == "vector" and len(frames)
                np.save(target / f"{utterance}.npy", frames[0] if one else frames)
    write_index(corpus, folder / LABELS)
    write_side(folder / SIDE, corpus)
