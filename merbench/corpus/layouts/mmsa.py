"""Writing the `mmsa` layout."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from merbench.corpus.corpus import Corpus, Modality
from merbench.corpus.layouts.table import rows
from merbench.corpus.problems import ProblemError
from merbench.corpus.readers.mmsa import FIELDS, PICKLE
from merbench.corpus.readers.mmsa_split import LENGTHS, PARTS
from merbench.corpus.side import SIDE, write_side


def write_mmsa(corpus: Corpus, folder: Path, ids: str | None) -> None:
    """Write `corpus.pkl` and `corpus.json` into an empty folder.

    The corpus's one predefined fold becomes the three parts; without one, or with several, all
    utterances are in `train`. Vectors are (N, D), everything else is padded with zeros and has
    lengths. Beside MMSA's fields there are `speaker`, `session` and `dialogue` where known, which
    MMSA passes over.

    Raises:
        CorpusError: the modalities are not audio, text and vision (or visual), or the fold leaves
            some utterance out.
    """
    field_of = {name: "vision" if name == "visual" else name for name in corpus.names}
    if sorted(field_of.values()) != sorted(FIELDS):
        raise ProblemError(
            "modalities",
            f"the mmsa layout holds text, audio and vision (or visual); corpus {corpus.name!r} has "
            f"{', '.join(corpus.names)}",
        )
    members = _members(corpus)
    content = {part: _part(corpus, field_of, chosen) for part, chosen in members.items()}
    with (folder / PICKLE).open("wb") as stream:
        pickle.dump(content, stream, protocol=4)
    more: dict[str, Any] = {"names": {field: name for name, field in field_of.items()}}
    if list(corpus.utterances) != sorted(corpus.utterances):
        more["order"] = corpus.utterances
    write_side(folder / SIDE, corpus, **more)


def _members(corpus: Corpus) -> dict[str, NDArray[np.int64]]:
    if len(corpus.predefined) != 1:
        nobody = np.empty(0, np.int64)
        return {"train": np.arange(len(corpus)), "valid": nobody, "test": nobody}
    fold = corpus.predefined[0]
    counts = np.bincount(np.concatenate([fold.train, fold.valid, fold.test]), minlength=len(corpus))
    wrong = np.flatnonzero(counts != 1)
    if len(wrong):
        raise ProblemError(
            "fold",
            f"the mmsa layout holds every utterance in one part; {len(wrong)} of corpus "
            f"{corpus.name!r} are in none or several, first {corpus.utterances[wrong[0]]!r}",
        )
    return {part: getattr(fold, part) for part in PARTS}


def _part(corpus: Corpus, field_of: dict[str, str], members: NDArray[np.int64]) -> dict[str, Any]:
    names = [corpus.classes[k] for k in corpus.labels[members].tolist()]
    content: dict[str, Any] = {
        "id": [corpus.utterances[i] for i in members.tolist()],
        "raw_text": [""] * len(members),
        "annotations": names,
        "classification_labels": corpus.labels[members],
    }
    for modality in corpus.modalities:
        field = field_of[modality.name]
        if modality.kind == "vector":
            content[field] = rows(modality)[members]
        else:
            content[field] = _padded(modality, members)
            content[field + LENGTHS] = modality.lengths[members].tolist()
    for grouping, column in corpus.groups.items():
        content[grouping] = column[members].tolist()
    return content


def _padded(modality: Modality, members: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return (n, T, D), zeros behind the frames there are; T is that of the whole corpus."""
    longest = int(modality.lengths.max())
    padded = np.zeros((len(members), longest, modality.width), np.float32)
    for row, i in enumerate(members.tolist()):
        frames = modality.sequence(i)
        padded[row, : len(frames)] = frames
    return padded
