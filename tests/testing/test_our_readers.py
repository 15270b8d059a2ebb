"""Our own readers pass what is asked of a third party's."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from merbench.corpus.corpus import Corpus
from merbench.corpus.layouts.write import write_corpus
from merbench.corpus.load import load_corpus
from merbench.testing import ReaderConformance


@cache
def corpus() -> Corpus:
    return load_corpus("synthetic", utterances=60)


class Ours(ReaderConformance):
    """A reader of a layout that `data convert` writes."""

    def write(self, folder: Path) -> Path:
        folder.rmdir()
        assert isinstance(self.reader, str)
        write_corpus(corpus(), folder, self.reader)
        return folder


class TestTable(Ours):
    reader = "table"


class TestNpyDir(Ours):
    reader = "npy_dir"


class TestNative(Ours):
    reader = "native"


class TestMmsa(Ours):
    reader = "mmsa"


class TestMmin(Ours):
    reader = "mmin"
