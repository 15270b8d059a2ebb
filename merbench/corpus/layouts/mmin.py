"""Writing the `mmin` layout."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
from numpy.typing import NDArray

from merbench.corpus.corpus import Corpus, Modality, PredefinedFold
from merbench.corpus.folds import Fold, FoldsConfig, make_folds
from merbench.corpus.problems import ProblemError
from merbench.corpus.readers import mmin
from merbench.corpus.side import SIDE, write_side


def write_mmin(corpus: Corpus, folder: Path, ids: str | None) -> None:
    """Write the HDF5 layout of the released MMIN code (IEMOCAP's form) into an empty folder.

    Folds are the corpus's predefined ones, else one per speaker (where sessions hold two speakers
    these are MMIN's: the other speaker of the session validates). Labels are one-hot and ids bytes.
    `A/comparE_mean_std.h5` has mean and standard deviation of the audio frames in each fold's
    training part, for code that expects it. Speaker, session and dialogue are kept where the ids
    tell them.

    Raises:
        CorpusError: the modalities are not audio, visual and text, or the folds leave some
            utterance out.
    """
    if corpus.names != tuple(mmin.FILES):
        raise ProblemError(
            "modalities",
            f"the mmin layout holds {', '.join(mmin.FILES)}; corpus "
            f"{corpus.name!r} has {', '.join(corpus.names)}",
        )
    for utterance in corpus.utterances:
        if "/" in utterance or utterance == "." or "\0" in utterance:
            what = f"the mmin layout cannot hold utterance {utterance!r}: HDF5 names have no '/'"
            raise ProblemError("name", what)
    folds: Sequence[Fold | PredefinedFold] = corpus.predefined or make_folds(
        corpus, FoldsConfig(scheme="speaker")
    )
    for number, fold in enumerate(folds, start=1):
        _write_targets(corpus, fold, folder / mmin.TARGET / str(number))
    kept = np.concatenate([getattr(fold, part) for fold in folds for part in mmin.PARTS])
    left_out = np.setdiff1d(np.arange(len(corpus)), kept)
    if len(left_out):
        raise ProblemError(
            "count",
            f"the mmin layout holds only utterances of a fold; {len(left_out)} of corpus "
            f"{corpus.name!r} are in none, first {corpus.utterances[left_out[0]]!r}",
        )
    for modality in corpus.modalities:
        path = folder / mmin.FILES[modality.name][0]
        path.parent.mkdir(parents=True, exist_ok=True)
        with h5py.File(path, "w") as file:
            for i, utterance in enumerate(corpus.utterances):
                file.create_dataset(utterance, data=modality.sequence(i))
    with h5py.File(folder / mmin.STATISTICS, "w") as file:
        for number, fold in enumerate(folds, start=1):
            statistics = _frame_statistics(corpus.modalities[0], fold.train)
            file.create_dataset(f"{number}/mean", data=statistics.mean)
            file.create_dataset(f"{number}/std", data=statistics.std)
    more: dict[str, Any] = {} if ids is None else {"ids": ids}
    if list(corpus.utterances) != sorted(corpus.utterances):
        more["order"] = corpus.utterances
    write_side(folder / SIDE, corpus, **more)


def _write_targets(corpus: Corpus, fold: Fold | PredefinedFold, folder: Path) -> None:
    folder.mkdir(parents=True)
    one_hot = np.eye(len(corpus.classes))
    for part, short in mmin.PARTS.items():
        members = getattr(fold, part)
        ids = [corpus.utterances[i].encode() for i in members.tolist()]
        np.save(folder / f"{short}_label.npy", one_hot[corpus.labels[members]])
        np.save(folder / f"{short}_int2name.npy", np.array(ids, np.bytes_).reshape(-1, 1))


class _Statistics(NamedTuple):
    mean: NDArray[np.float64]
    std: NDArray[np.float64]


def _frame_statistics(modality: Modality, utterances: NDArray[np.int64]) -> _Statistics:
    """Return mean and standard deviation of each column over frames; 1 where nothing varies."""
    chosen = np.isin(np.arange(len(modality.lengths)), utterances)
    frames = modality.values[np.repeat(chosen, modality.lengths)].astype(np.float64)
    known = ~np.isnan(frames)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, frames, 0).sum(axis=0) / count
    variance = np.square(np.where(known, frames - mean, 0)).sum(axis=0) / count
    return _Statistics(mean, np.where(variance > 0, np.sqrt(variance), 1))
