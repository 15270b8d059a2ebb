"""Writing the `table` layout."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from merbench.corpus.corpus import Corpus, Modality, PredefinedFold
from merbench.corpus.problems import ProblemError
from merbench.corpus.readers import table
from merbench.corpus.side import SIDE, write_side


def write_table(corpus: Corpus, folder: Path, ids: str | None) -> None:
    """Write `features.npz`, `index.csv` and `corpus.json` into an empty folder.

    A predefined fold becomes the `split` column; the layout has room for one, so several are left
    out.

    Raises:
        CorpusError: a modality has a name that means something else in `features.npz`.
    """
    arrays: dict[str, NDArray[Any]] = {}
    for modality in corpus.modalities:
        if modality.name == "file" or modality.name.endswith((table.OFFSETS, table.LENGTHS)):
            raise ProblemError(
                "name",
                f"the table layout cannot hold a modality named {modality.name!r}; expected no "
                f"'file' and no name that ends in {table.OFFSETS} or {table.LENGTHS}",
            )
        if modality.kind == "vector":
            arrays[modality.name] = rows(modality)
        else:
            arrays[modality.name] = modality.values
            arrays[modality.name + table.OFFSETS] = modality.offsets
    np.savez(folder / table.FEATURES, **arrays)  # type: ignore[arg-type]  # no array is a flag
    write_index(corpus, folder / table.INDEX)
    write_side(folder / SIDE, corpus)


def write_index(corpus: Corpus, path: Path) -> None:
    """Write the csv of utterances, labels, groups and the one predefined fold there is room for."""
    columns = {
        "utterance": list(corpus.utterances),
        "label": [corpus.classes[k] for k in corpus.labels.tolist()],
        **{name: column.tolist() for name, column in corpus.groups.items()},
    }
    if len(corpus.predefined) == 1:
        columns["split"] = _split_column(corpus.predefined[0], len(corpus))
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


def rows(modality: Modality) -> NDArray[np.float32]:
    """Return a vector modality as (N, width), with NaN where it is natively absent."""
    found = np.full((len(modality.lengths), modality.width), np.nan, np.float32)
    found[~modality.absent] = modality.values
    return found


def _split_column(fold: PredefinedFold, n: int) -> list[str]:
    column = np.full(n, "", dtype="<U5")
    for part in ("train", "valid", "test"):
        column[getattr(fold, part)] = part
    return list(column.tolist())
