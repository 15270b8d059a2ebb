"""What a corpus reader is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

from pydantic import Field

from merbench.config import Config
from merbench.corpus.corpus import Corpus
from merbench.corpus.problems import Problems
from merbench.errors import ConfigError, CorpusError

Settings = TypeVar("Settings", bound=Config)


class PathConfig(Config):
    """Settings of a reader that reads from a path."""

    path: Path | None = Field(None, strict=False, description="folder or file of the corpus")


class Reader(ABC, Generic[Settings]):
    """Reads one layout. Registered under `merbench.readers`; its settings are its `Config`."""

    summary: ClassVar[str]
    Config: ClassVar[type[Config]]

    @classmethod
    @abstractmethod
    def detect(cls, path: Path) -> bool:
        """Say whether `path` looks like this layout (cheap: names of files only)."""

    @classmethod
    @abstractmethod
    def read(cls, config: Settings) -> Corpus:
        """Read the corpus.

        Raises:
            CorpusError: naming the file, the row or entry, and what was expected.
        """

    @classmethod
    def examine(cls, config: Settings, problems: Problems) -> Corpus:
        """Read the corpus and tell `problems` everything that is wrong: what `data check` does.

        A reader that only reads tells of the first problem. One that has more to tell reads here,
        and its `read` is `examine` with problems that are raised at once.

        Raises:
            CorpusError: the last problem, where there is no corpus to return.
        """
        return cls.read(config)


def corpus_folder(reader: str, config: PathConfig) -> Path:
    """Return the folder a reader was pointed at.

    Raises:
        ConfigError: no path was given.
        CorpusError: it is not a folder.
    """
    if config.path is None:
        raise ConfigError(f"reader {reader!r} needs a path: {reader}:PATH, or path: in the suite")
    if not config.path.is_dir():
        what = "is not a folder" if config.path.exists() else "no such folder"
        raise CorpusError(f"{config.path}: {what}; reader {reader!r} reads a folder")
    return config.path
