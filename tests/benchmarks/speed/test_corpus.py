"""A corpus on disk, beside its bare bytes."""

from __future__ import annotations

import hashlib
from pathlib import Path

from merbench.corpus.layouts.write import write_corpus
from merbench.corpus.load import load_corpus
from tests.benchmarks.fold import make_corpus
from tests.benchmarks.speed.beside import SPEED, beside

pytestmark = SPEED


def test_load_and_fingerprint(benchmark, tmp_path):
    write_corpus(make_corpus(300), tmp_path, "table")
    beside(
        benchmark,
        lambda: read_and_hash(tmp_path),
        lambda: load_corpus(f"table:{tmp_path}").fingerprint,
        rounds=9,
    )


def read_and_hash(folder: Path) -> list[str]:
    """Read every file, and hash it."""
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())]
