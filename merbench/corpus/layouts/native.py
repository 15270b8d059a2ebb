"""Writing the native layout."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from merbench.corpus.corpus import Corpus, PredefinedFold
from merbench.corpus.problems import ProblemError
from merbench.corpus.readers.native import (
    FOLD,
    FORMAT,
    INDEX,
    MANIFEST,
    PARTS,
    VERSION,
    Manifest,
    StoredFile,
    StoredModality,
    sha256,
)

_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,64}")


def write_native(corpus: Corpus, folder: Path, ids: str | None = None) -> None:
    """Write arrays, index and manifest into an empty folder.

    Raises:
        CorpusError: a predefined fold has an utterance in two parts, or two folds one name.
    """
    stored = []
    for number, modality in enumerate(corpus.modalities):
        # A name need not be fit for a file; the manifest tells which is whose.
        stem = modality.name if _PLAIN.fullmatch(modality.name) else f"modality.{number}"
        values, offsets = f"{stem}.npy", f"{stem}.offsets.npy"
        np.save(folder / values, np.asarray(modality.values, "<f4"))
        np.save(folder / offsets, np.asarray(modality.offsets, "<i8"))
        frames, width = modality.values.shape
        stored.append(
            StoredModality(
                name=modality.name,
                kind=modality.kind,
                width=width,
                frames=frames,
                values=values,
                offsets=offsets,
            )
        )
    _write_index(corpus, folder / INDEX)
    manifest = Manifest(
        format=FORMAT,
        version=VERSION,
        name=corpus.name,
        fingerprint=corpus.fingerprint,
        utterances=len(corpus),
        classes=list(corpus.classes),
        modalities=stored,
        folds=[fold.name for fold in corpus.predefined],
        files={
            path.name: StoredFile(bytes=path.stat().st_size, sha256=sha256(path))
            for path in sorted(folder.iterdir())
        },
    )
    manifest = manifest.model_copy(update={"digest": manifest.own_digest()})
    text = json.dumps(manifest.model_dump(mode="json"), indent=1, ensure_ascii=False)
    (folder / MANIFEST).write_text(text + "\n", "utf-8")


def _write_index(corpus: Corpus, path: Path) -> None:
    columns: dict[str, list[str | None]] = {
        "utterance": list(corpus.utterances),
        "label": [corpus.classes[k] for k in corpus.labels.tolist()],
        **{name: column.tolist() for name, column in corpus.groups.items()},
    }
    for fold in corpus.predefined:
        if FOLD + fold.name in columns:
            raise ProblemError(
                "name", f"the native layout cannot hold two folds named {fold.name!r}"
            )
        columns[FOLD + fold.name] = _parts(corpus, fold)
    pq.write_table(pa.table({n: pa.array(c, pa.string()) for n, c in columns.items()}), path)


def _parts(corpus: Corpus, fold: PredefinedFold) -> list[str | None]:
    column: list[str | None] = [None] * len(corpus)
    for part in PARTS:
        for i in getattr(fold, part).tolist():
            if column[i] is not None:
                raise ProblemError(
                    "fold",
                    f"the native layout cannot hold fold {fold.name!r}: utterance "
                    f"{corpus.utterances[i]!r} is in both {column[i]} and {part}",
                )
            column[i] = part
    return column
