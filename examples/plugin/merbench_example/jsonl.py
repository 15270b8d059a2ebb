"""A reader: a text file with one utterance a line.

    {"id": "u1", "label": "happy", "speaker": "s1", "features": {"audio": [[0.1, 2.0], ...], ...}}

A modality that a line does not have is natively absent there.
"""

import json
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pydantic import ConfigDict, ValidationError

from merbench.config import Config
from merbench.corpus.corpus import Corpus
from merbench.corpus.problems import Problems
from merbench.corpus.readers.base import PathConfig, Reader
from merbench.corpus.sequences import frames_of, ragged
from merbench.errors import ConfigError, CorpusError


class JsonLinesConfig(PathConfig):
    """Settings of the reader: the path."""


class Line(Config):
    """One line of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    label: str
    speaker: str
    features: dict[str, list[list[float]]]


class JsonLinesReader(Reader[JsonLinesConfig]):
    """Reads the file as a whole; modalities come in the order of their names."""

    summary: ClassVar[str] = "one JSON object an utterance, one a line"
    Config: ClassVar[type[Config]] = JsonLinesConfig

    @classmethod
    def detect(cls, path: Path) -> bool:
        """Say whether it is a file of that name."""
        return path.suffix == ".jsonl" and path.is_file()

    @classmethod
    def read(cls, config: JsonLinesConfig) -> Corpus:
        """Read the corpus.

        Raises:
            ConfigError: no path was given.
            CorpusError: no such file, or a line that is not what it should be.
        """
        if config.path is None:
            raise ConfigError("reader 'jsonl' needs a path: jsonl:PATH, or path: in the suite")
        lines = _lines(config.path)
        ids, classes = [line.id for line in lines], sorted({line.label for line in lines})
        names = sorted({name for line in lines for name in line.features})
        return Corpus(
            name=config.path.stem,
            utterances=tuple(ids),
            labels=np.array([classes.index(line.label) for line in lines], np.int64),
            classes=tuple(classes),
            modalities=tuple(
                ragged(name, [_frames(line, name) for line in lines], ids, None, Problems())
                for name in names
            ),
            speakers=np.array([line.speaker for line in lines]),
        )


def _frames(line: Line, name: str) -> np.ndarray[Any, Any] | None:
    if name not in line.features:
        return None
    try:
        return frames_of(f"{line.id}: {name}", np.asarray(line.features[name], np.float32))
    except ValueError as error:
        raise CorpusError(f"{line.id}: {name}: frames of different length") from error


def _lines(path: Path) -> list[Line]:
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CorpusError(f"{path}: cannot be read as text ({error})") from error
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            found.append(Line.model_validate(json.loads(line)))
        except json.JSONDecodeError as error:
            raise CorpusError(f"{path}:{number}: no JSON ({error})") from error
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(map(str, first["loc"]))
            raise CorpusError(f"{path}:{number}: {field or 'line'}: {first['msg']}") from error
    return found
