"""Writes small corpora in the table layout, for tests to spoil."""

from pathlib import Path

import numpy as np

HEADER = ("utterance", "label", "speaker")


def features(n=6, seed=0):
    """One vector, one ragged and one padded modality for n utterances."""
    rng = np.random.default_rng(seed)
    lengths = np.arange(n) % 3 + 1
    return {
        "prosody": rng.normal(size=(n, 4)).astype(np.float32),
        "text": rng.normal(size=(lengths.sum(), 5)).astype(np.float32),
        "text_offsets": np.concatenate([[0], np.cumsum(lengths)]),
        "face": rng.normal(size=(n, 7, 3)).astype(np.float32),
        "face_lengths": np.arange(n) % 7 + 1,
    }


def rows(n=6):
    return [(f"u{i}", "happy" if i % 2 else "sad", f"s{i % 3}") for i in range(n)]


def write(folder: Path, arrays=None, index=None, header=HEADER) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / "features.npz", **(features() if arrays is None else arrays))
    lines = [",".join(line) for line in (header, *(rows() if index is None else index))]
    (folder / "index.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder
