"""`corpus.json`: what a layout has no place for, kept beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from merbench.config import Config
from merbench.corpus.corpus import Corpus, Kind, Modality, PredefinedFold
from merbench.corpus.normalise import frame_positions
from merbench.corpus.problems import ProblemError
from merbench.corpus.text import read_json
from merbench.errors import CorpusError, did_you_mean

SIDE = "corpus.json"
Settings = TypeVar("Settings", bound=Config)


class SideFile(Config):
    """The optional file `corpus.json`: defaults for the settings of the reader, and more.

    A setting that is given in a suite or on the command line wins. A key that the reader of the
    layout has no use for is passed over, so that one file serves every layout of a corpus.
    """

    name: str | None = Field(None, description="name of the corpus; the folder's where not said")
    classes: tuple[str, ...] | None = Field(None, strict=False, description="order of the classes")
    kinds: dict[str, Kind] | None = Field(None, description="kind of a modality, by name")
    modalities: tuple[str, ...] | None = Field(
        None, strict=False, description="order of the modalities"
    )
    names: dict[str, str] | None = Field(
        None, description="modalities that go by another name in the files: {vision: visual}"
    )
    ids: str | None = Field(None, description="regular expression on the ids that tells the groups")
    columns: dict[str, str] | None = Field(None, description="index columns of another name")
    groups: tuple[Literal["speaker", "session", "dialogue"], ...] | None = Field(
        None,
        strict=False,
        description="the groups that the corpus has; what ids tell is kept to it",
    )
    order: tuple[str, ...] | None = Field(
        None, strict=False, description="order of the utterances, for layouts that have none"
    )

    def fill(self, config: Settings) -> Settings:
        """Return a reader's settings with those of this file where none was given."""
        given = {
            name: getattr(self, name)
            for name in self.model_fields_set & set(type(config).model_fields)
            if name not in config.model_fields_set and getattr(self, name) is not None
        }
        return config.model_copy(update=given)

    def groups_among(self, found: Mapping[str, NDArray[np.str_]]) -> dict[str, NDArray[np.str_]]:
        """Keep to the groups that the corpus has."""
        return {g: c for g, c in found.items() if self.groups is None or g in self.groups}

    def in_order(self, corpus: Corpus) -> Corpus:
        """Return the corpus with its utterances in the order this file says.

        Raises:
            CorpusError: the order leaves an utterance out, or names another.
        """
        if self.order is None or self.order == corpus.utterances:
            return corpus
        position = {name: k for k, name in enumerate(corpus.utterances)}
        for name in self.order:
            if name not in position:
                raise ProblemError("unknown id", f"{SIDE}, order: no utterance {name!r}")
        if len(set(self.order)) != len(position) or len(self.order) != len(position):
            raise ProblemError(
                "count",
                f"{SIDE}, order: {len(self.order)} ids for the {len(position)} utterances there "
                "are; expected each once",
            )
        return _reordered(corpus, np.array([position[name] for name in self.order]))


def read_side(path: Path) -> SideFile:
    """Read a side file; an empty one where there is none.

    Raises:
        CorpusError: naming the field.
    """
    if not path.exists():
        return SideFile()
    if not path.is_file():
        raise ProblemError("unreadable", f"{path}: is no file that holds data, expected JSON")
    content = read_json(path)
    if not isinstance(content, dict):
        raise ProblemError("unreadable", f"{path}: expected one JSON object {{...}}")
    for name in content:
        if name not in SideFile.model_fields:
            raise CorpusError(f"{path}: no field {name!r}; {did_you_mean(name, _FIELDS)}")
    try:
        return SideFile(**content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise CorpusError(
            f"{path}, field {where!r}: {first['msg']}; found {first['input']!r}"
        ) from error


_FIELDS = tuple(SideFile.model_fields)


def write_side(path: Path, corpus: Corpus, **more: Any) -> None:
    """Write what a layout cannot hold of a corpus: its name, classes, kinds and groups.

    Args:
        path: the file.
        corpus: what it stands beside.
        more: other fields of the file.
    """
    side = SideFile(
        name=corpus.name,
        classes=corpus.classes,
        kinds={m.name: m.kind for m in corpus.modalities},
        modalities=corpus.names,
        groups=tuple(corpus.groups),
        **more,
    )
    content = side.model_dump(mode="json", exclude_unset=True)
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")


def _reordered(corpus: Corpus, chosen: NDArray[np.int64]) -> Corpus:
    place = np.argsort(chosen)
    return replace(
        corpus,
        utterances=tuple(corpus.utterances[i] for i in chosen.tolist()),
        labels=corpus.labels[chosen],
        modalities=tuple(_reordered_modality(m, chosen) for m in corpus.modalities),
        speakers=None if corpus.speakers is None else corpus.speakers[chosen],
        sessions=None if corpus.sessions is None else corpus.sessions[chosen],
        dialogues=None if corpus.dialogues is None else corpus.dialogues[chosen],
        predefined=tuple(
            PredefinedFold(f.name, *(np.sort(place[p]) for p in (f.train, f.valid, f.test)))
            for f in corpus.predefined
        ),
    )


def _reordered_modality(modality: Modality, chosen: NDArray[np.int64]) -> Modality:
    return Modality(
        modality.name,
        modality.kind,
        modality.values[frame_positions(modality, chosen)],
        np.concatenate([[0], np.cumsum(modality.lengths[chosen])]),
    )
