"""Writing a corpus in a layout that others read."""

from __future__ import annotations

import csv
import shutil
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
from numpy.typing import NDArray

from merbench.corpus.corpus import Corpus, Modality, PredefinedFold
from merbench.corpus.folds import Fold, FoldsConfig, make_folds
from merbench.corpus.load import recognised_by
from merbench.corpus.readers import mmin, table
from merbench.errors import ConfigError, CorpusError

Writer = Callable[[Corpus, Path], None]


def write_corpus(corpus: Corpus, folder: Path, layout: str, *, replace: bool = False) -> None:
    """Write a corpus into a folder of its own; a write that fails leaves no trace.

    Args:
        corpus: what to write.
        folder: where; must be new or empty.
        layout: a name in `LAYOUTS`.
        replace: put the new corpus in the place of the one that is there.

    Raises:
        ConfigError: the folder holds something, and `replace` is not set or it is no corpus.
        CorpusError: the layout cannot hold this corpus.
    """
    with _fresh_folder(folder, replace=replace) as fresh:
        LAYOUTS[layout](corpus, fresh)


def write_table(corpus: Corpus, folder: Path) -> None:
    """Write `features.npz` and `index.csv` into an empty folder.

    Read back, the corpus has the same fingerprint, except that classes come back sorted and kinds
    inferred unless the reader's `classes` and `kinds` say otherwise. A predefined fold becomes the
    `split` column; the layout has room for one, so several are left out.
    """
    arrays: dict[str, NDArray[Any]] = {}
    for modality in corpus.modalities:
        if modality.kind == "vector":
            arrays[modality.name] = _rows(modality, len(corpus))
        else:
            arrays[modality.name] = modality.values
            arrays[modality.name + table.OFFSETS] = modality.offsets
    np.savez(folder / table.FEATURES, **arrays)  # type: ignore[arg-type]  # no array is a flag

    columns = {
        "utterance": list(corpus.utterances),
        "label": [corpus.classes[k] for k in corpus.labels.tolist()],
        **{name: column.tolist() for name, column in corpus.groups.items()},
    }
    if len(corpus.predefined) == 1:
        columns["split"] = _split_column(corpus.predefined[0], len(corpus))
    with (folder / table.INDEX).open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


def _rows(modality: Modality, n: int) -> NDArray[np.float32]:
    """Return (N, width) with NaN where the modality is natively absent."""
    rows = np.full((n, modality.width), np.nan, np.float32)
    rows[~modality.absent] = modality.values
    return rows


def _split_column(fold: PredefinedFold, n: int) -> list[str]:
    column = np.full(n, "", dtype="<U5")
    for part in ("train", "valid", "test"):
        column[getattr(fold, part)] = part
    return list(column.tolist())


def write_mmin(corpus: Corpus, folder: Path) -> None:
    """Write the HDF5 layout of the released MMIN code (IEMOCAP's form) into an empty folder.

    Folds are the corpus's predefined ones, else one per speaker (where sessions hold two speakers
    these are MMIN's: the other speaker of the session validates). Labels are one-hot and ids bytes.
    `A/comparE_mean_std.h5` has mean and standard deviation of the audio frames in each fold's
    training part, for code that expects it. Read back with the reader's `classes` set, the corpus
    has the same fingerprint if its utterances are in the order of their ids and the ids tell the
    speakers.

    Raises:
        CorpusError: the modalities are not audio, visual and text, or the folds leave some
            utterance out.
    """
    if corpus.names != tuple(mmin.FILES):
        raise CorpusError(
            f"the mmin layout holds {', '.join(mmin.FILES)}; corpus {corpus.name!r} has "
            f"{', '.join(corpus.names)}"
        )
    folds: Sequence[Fold | PredefinedFold] = corpus.predefined or make_folds(
        corpus, FoldsConfig(scheme="speaker")
    )
    for number, fold in enumerate(folds, start=1):
        _write_targets(corpus, fold, folder / mmin.TARGET / str(number))
    kept = np.concatenate([getattr(fold, part) for fold in folds for part in mmin.PARTS])
    left_out = np.setdiff1d(np.arange(len(corpus)), kept)
    if len(left_out):
        raise CorpusError(
            f"the mmin layout holds only utterances of a fold; {len(left_out)} of corpus "
            f"{corpus.name!r} are in none, first {corpus.utterances[left_out[0]]!r}"
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


LAYOUTS: dict[str, Writer] = {"table": write_table, "mmin": write_mmin}


@contextmanager
def _fresh_folder(folder: Path, *, replace: bool) -> Iterator[Path]:
    """Yield a new folder beside `folder` and put it there once all has gone well."""
    folder = folder.resolve()
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder}: is a file; expected a new or empty folder")
    occupied = folder.is_dir() and any(folder.iterdir())
    if occupied and not replace:
        raise ConfigError(f"{folder}: not empty; --force replaces the corpus that is there")
    if occupied and not recognised_by(folder):
        raise ConfigError(f"{folder}: holds something that is no corpus; remove it yourself")
    folder.parent.mkdir(parents=True, exist_ok=True)
    mark = uuid.uuid4().hex
    fresh = folder.with_name(f".{folder.name}.{mark}.new")
    fresh.mkdir()
    try:
        yield fresh
        if folder.exists():
            old = folder.with_name(f".{folder.name}.{mark}.old")
            folder.rename(old)
            fresh.rename(folder)
            shutil.rmtree(old)
        else:
            fresh.rename(folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
