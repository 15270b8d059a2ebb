"""What every reader must pass: it knows its own layout, and says what is wrong with a corpus."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from merbench import registry
from merbench.config import Config
from merbench.corpus.check import check_corpus
from merbench.corpus.corpus import Corpus
from merbench.corpus.load import configure, read, recognised_by
from merbench.corpus.readers.base import PathConfig, Reader
from merbench.errors import MerbenchError
from merbench.registry import path_of

_FILES = 8  # of a corpus that are damaged, about


class ReaderConformance:
    """Subclass it under a name that pytest collects, say which reader, and write a corpus for it.

        class TestMine(ReaderConformance):
            reader = Mine

            def write(self, folder):
                (folder / "corpus.json").write_text(...)
                return folder / "corpus.json"

    Attributes:
        reader: the class, its import path or its registered name.
        settings: of the reader, beside the path.
    """

    reader: ClassVar[type[Reader[Any]] | str]
    settings: ClassVar[Mapping[str, Any]] = {}

    def write(self, folder: Path) -> Path:
        """Write a small corpus into an empty folder, and return the path to read it from."""
        raise NotImplementedError("expected `write`, which writes a small corpus to be read")

    @pytest.fixture
    def name(self) -> str:
        """What a suite calls it."""
        return self.reader if isinstance(self.reader, str) else path_of(self.reader)

    @pytest.fixture
    def found(self, name: str) -> type[Reader[Any]]:
        """The reader itself."""
        found: type[Reader[Any]] = registry.load("readers", name)
        return found

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        """A corpus that is as it should be."""
        folder = tmp_path / "corpus"
        folder.mkdir()
        return self.write(folder)

    def _config(self, name: str, path: Path) -> Config:
        return configure(name, path=path, **self.settings)

    def _read(self, name: str, path: Path) -> Corpus:
        return read(name, self._config(name, path))

    def test_takes_a_path(self, found: type[Reader[Any]]) -> None:
        """`--corpus NAME:PATH` works where the settings have a path."""
        assert issubclass(found.Config, PathConfig), "expected a Config derived from PathConfig"

    def test_recognises_its_own_layout_and_no_empty_folder(
        self, found: type[Reader[Any]], path: Path, tmp_path: Path
    ) -> None:
        """`--corpus PATH` asks every reader whether the path is its own."""
        (tmp_path / "nothing").mkdir()
        (tmp_path / "notes.txt").write_text("nothing\n", "utf-8")
        assert found.detect(path), f"expected {path.name} to be recognised"
        assert not found.detect(tmp_path / "nothing"), "an empty folder is recognised"
        assert not found.detect(tmp_path / "notes.txt"), "any file is recognised"

    def test_no_other_reader_recognises_it(self, found: type[Reader[Any]], path: Path) -> None:
        """Otherwise a user must always say which."""
        others = {n for n in recognised_by(path) if registry.load("readers", n) is not found}
        assert not others, f"{', '.join(sorted(others))} would read it, too"

    def test_reads_the_same_corpus_twice(self, name: str, path: Path) -> None:
        """Frozen draws are keyed by the fingerprint."""
        corpus = self._read(name, path)
        assert corpus.fingerprint == self._read(name, path).fingerprint
        assert len(corpus) >= 1
        assert len(corpus.modalities) >= 2, "expected two modalities or more"

    def test_a_corpus_that_is_right_has_no_problem(self, name: str, path: Path) -> None:
        """`merbench data check` finds nothing."""
        report = check_corpus(name, self._config(name, path))
        assert not report.problems, "; ".join(problem.text for problem in report.problems)

    def test_what_is_not_there_is_named(self, name: str, tmp_path: Path) -> None:
        """In a message, and not in a traceback."""
        with pytest.raises(MerbenchError, match="nowhere"):
            self._read(name, tmp_path / "nowhere")

    def test_a_file_that_is_damaged_is_a_clear_error(self, name: str, tmp_path: Path) -> None:
        """Each file in turn, or some of many, is emptied, cut in half, and no format at all."""
        (tmp_path / "whole").mkdir()
        files = sorted(_files(self.write(tmp_path / "whole")))
        for number in range(0, len(files), max(1, len(files) // _FILES)):
            file = files[number]
            whole = file.read_bytes()
            for how, damaged in enumerate((b"", whole[: len(whole) // 2], b"\x00\xff" * 40)):
                folder = tmp_path / f"{number}-{how}"
                folder.mkdir()
                path = self.write(folder)
                sorted(_files(path))[number].write_bytes(damaged)
                try:
                    self._read(name, path)  # some files may be short
                except MerbenchError as error:
                    assert str(error).strip(), f"{file.name}: the error says nothing"


def _files(path: Path) -> list[Path]:
    return [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
