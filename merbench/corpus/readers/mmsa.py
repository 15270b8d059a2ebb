"""The `mmsa` layout: the pickle that MMSA and its relatives exchange."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Literal, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from merbench.config import Config
from merbench.corpus.corpus import GROUPINGS, Corpus, Kind, Modality, PredefinedFold
from merbench.corpus.ids import groups_from_ids
from merbench.corpus.labels import Column, read_labels
from merbench.corpus.pickles import read_pickle
from merbench.corpus.problems import ProblemError, Problems
from merbench.corpus.readers.base import PathConfig, Reader
from merbench.corpus.readers.mmsa_split import (
    PARTS,
    Split,
    array_of,
    frame_counts,
    place,
    read_splits,
    texts,
)
from merbench.corpus.side import read_side
from merbench.corpus.text import name_array
from merbench.errors import ConfigError, CorpusError, did_you_mean

PICKLE = "corpus.pkl"
FIELDS = ("audio", "vision", "text")
LABELS = ("annotations", "classification_labels", "regression_labels")
CLIP = "$_$"


class Bins(Config):
    """How continuous labels become classes."""

    at: tuple[float, ...] = Field(
        strict=False, min_length=1, description="thresholds, rising; a label at one is above it"
    )
    names: tuple[str, ...] = Field(strict=False, description="of the bins, the lowest first")

    @model_validator(mode="after")
    def _fits(self) -> Bins:
        if list(self.at) != sorted(set(self.at)):
            raise ValueError("thresholds must rise")
        if len(set(self.names)) != len(self.at) + 1:
            raise ValueError(f"{len(self.at)} thresholds need {len(self.at) + 1} different names")
        return self


class MmsaConfig(PathConfig):
    """Settings of the mmsa reader."""

    names: dict[Literal["audio", "vision", "text"], str] = Field(
        {}, description="what a field is called here; vision is visual where not said"
    )
    modalities: tuple[str, ...] | None = Field(
        None, strict=False, description="order of the modalities; audio, visual, text if not said"
    )
    kinds: dict[str, Kind] = Field(
        {}, description="kind of a modality, where shape and name do not tell"
    )
    labels: Literal["annotations", "classification_labels", "regression_labels"] | None = Field(
        None, description="field that has the labels; the first of these that is there if not said"
    )
    bin: Bins | None = Field(
        None, description="classes of regression_labels: {at: [0.0], names: [negative, positive]}"
    )
    classes: tuple[str, ...] | None = Field(
        None, strict=False, description="order of the classes; sorted where not said"
    )
    ids: str | None = Field(
        None, description="regular expression on the ids that tells speaker, session, dialogue"
    )
    infinite: Literal["refuse", "nan"] = Field(
        "refuse", description="nan: an infinite value (COVAREP has some) counts as unknown"
    )


class MmsaReader(Reader[MmsaConfig]):
    """Reads the pickle `{train, valid, test} -> {text, audio, vision, id, labels}` of MMSA.

    `text`, `audio` and `vision` are (N, D), one vector an utterance, or (N, T, D) padded with zeros
    behind; `<field>_lengths` (N,) says how many frames count. Where there are no lengths, trailing
    frames of nothing but zeros are padding, and an utterance of nothing else is natively absent.
    Other fields, `raw_text` and `text_bert` among them, are passed over.

    Labels are names (`annotations`), class numbers (`classification_labels`) or, with `bin`,
    `regression_labels`. An id `video$_$clip` tells the dialogue; fields `speaker`, `session` and
    `dialogue`, which `data convert` writes, win over it. Utterances come in the order of their ids,
    and the parts are the one predefined fold.

    The path is the pickle, or a folder with `corpus.pkl` or one pickle; beside `NAME.pkl`,
    `NAME.json` may say what else there is to say (see `SideFile`). Nothing in the pickle is
    executed (see `pickles`).
    """

    summary: ClassVar[str] = "the MMSA pickle, read without executing anything in it"
    Config: ClassVar[type[Config]] = MmsaConfig

    @classmethod
    def detect(cls, path: Path) -> bool:
        """Say whether it is a pickle, or a folder with `corpus.pkl`."""
        return (path / PICKLE).is_file() or (path.is_file() and path.suffix in (".pkl", ".pickle"))

    @classmethod
    def read(cls, config: MmsaConfig) -> Corpus:
        """Read the pickle; see the class."""
        return cls.examine(config, Problems())

    @classmethod
    def examine(cls, config: MmsaConfig, problems: Problems) -> Corpus:
        """Read the pickle and tell of all that is wrong."""
        path = _pickle_file(config)
        side = read_side(path.with_suffix(".json"))
        config = side.fill(config)
        splits = read_splits(path, read_pickle(path), problems)
        problems.settle()
        title = f"{path}, field 'id'"
        every = Column(
            title, [name for s in splits for name in s.ids], partial(place, splits, "id")
        )
        for problem in (*every.empty(), *every.duplicates()):
            problems.add(problem)
        label = _label_column(path, splits, config, problems)
        labels = read_labels(label, config.bin.names if config.bin else config.classes, problems)
        modalities = []
        for field in _fields(path, splits, config):
            with problems.part(path) as inner:
                modalities.append(_modality(field, splits, config, every.cells, inner))
        groups: dict[str, NDArray[np.str_]] = {}
        with problems.part() as inner:
            groups = side.groups_among(_groups(splits, every.cells, config.ids, inner))
        problems.settle()
        corpus = Corpus(
            side.name or (path.parent.resolve().name if path.name == PICKLE else path.stem),
            tuple(every.cells),
            labels.numbers,
            labels.classes,
            _in_order(modalities, config.modalities),
            groups.get("speaker"),
            groups.get("session"),
            groups.get("dialogue"),
            _predefined(splits),
        )
        order = side.order or tuple(sorted(corpus.utterances))
        return side.model_copy(update={"order": order}).in_order(corpus)


def _pickle_file(config: PathConfig) -> Path:
    path = config.path
    if path is None:
        raise ConfigError("reader 'mmsa' needs a path: mmsa:PATH, or path: in the suite")
    if path.is_dir():
        found = [path / PICKLE] if (path / PICKLE).is_file() else _pickles(path)
        if len(found) != 1:
            names = ", ".join(p.name for p in found) or "none"
            raise CorpusError(f"{path}: expected {PICKLE} or one pickle, found {names}")
        return found[0]
    if not path.is_file():
        raise CorpusError(f"{path}: no such file; reader 'mmsa' reads a pickle")
    return path


def _pickles(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.pkl") if path.is_file())


def _label_column(
    path: Path, splits: Sequence[Split], config: MmsaConfig, problems: Problems
) -> Column:
    there = [f for f in LABELS if any(f in split.fields for split in splits)]
    field: str = "regression_labels" if config.bin else config.labels or (there or [LABELS[1]])[0]
    cells: list[str] = []
    for split in splits:
        found: list[str] = []
        with problems.part(split.title):
            found = texts(field, split.fields)
            if len(found) != len(split.ids):
                what = f"field {field!r} has {len(found)} entries, 'id' has {len(split.ids)}"
                raise ProblemError("count", what)
        cells += found if len(found) == len(split.ids) else ["?"] * len(split.ids)
    column = Column(f"{path}, field {field!r}", cells, partial(place, splits, field))
    return column if config.bin is None else _binned(column, config.bin, problems)


def _binned(column: Column, bins: Bins, problems: Problems) -> Column:
    names = []
    for row, cell in enumerate(column.cells):
        try:
            value = float(cell)
        except ValueError:
            value = np.nan
        if not np.isfinite(value):
            problems.add(column.problem(row, "missing label", f"{cell!r} is no number to bin"))
        names.append(
            bins.names[int(np.searchsorted(bins.at, value, side="right")) % len(bins.names)]
        )
    return Column(column.title, names, column.place)


def _fields(path: Path, splits: Sequence[Split], config: MmsaConfig) -> list[str]:
    there = [f for f in FIELDS if all(f in split.fields for split in splits)]
    names = [_name(field, config) for field in there]
    for setting, wanted in (("modalities", config.modalities or ()), ("kinds", config.kinds)):
        for name in wanted:
            if name not in names:
                raise ConfigError(
                    f"{setting}: no modality {name!r} in {path}; {did_you_mean(name, names)}"
                )
    if config.modalities is not None:
        there = [f for f in there if _name(f, config) in config.modalities]
    if len(there) < 2:
        raise ProblemError(
            "count",
            f"{path}: needs at least 2 of {', '.join(FIELDS)} in every part, found: "
            f"{', '.join(there) or 'none'}",
        )
    return there


def _name(field: str, config: MmsaConfig) -> str:
    default = "visual" if field == "vision" else field
    names = cast(Mapping[str, str], config.names)
    return names.get(field, default)


def _in_order(modalities: list[Modality], order: Sequence[str] | None) -> tuple[Modality, ...]:
    if order is None:
        return tuple(modalities)
    return tuple(next(m for m in modalities if m.name == name) for name in order)


def _modality(
    field: str,
    splits: Sequence[Split],
    config: MmsaConfig,
    utterances: Sequence[str],
    problems: Problems,
) -> Modality:
    name = _name(field, config)
    values: list[NDArray[Any]] = []
    lengths: list[NDArray[np.int64]] = []
    for split in splits:
        part = split.title.rpartition(", ")[2]
        with problems.part(part) as inner:
            array = array_of(field, split)
            counted = frame_counts(field, split, array, inner)
            frames = array[:, None] if array.ndim == 2 else array
            values.append(frames[np.arange(frames.shape[1]) < counted[:, None]])
            lengths.append(counted)
    problems.settle()
    widths = {array.shape[1] for array in values if len(array)}
    if len(widths) > 1:
        what = f"field {field!r} has {' and '.join(map(str, sorted(widths)))} columns in its parts"
        raise ProblemError("width", f"{what}; expected one width")
    width = max(widths, default=0)
    # An empty part may have forgotten its width.
    frames = np.concatenate([a if len(a) else np.empty((0, width), a.dtype) for a in values])
    with np.errstate(over="ignore"):
        frames = frames.astype(np.float32)
    if config.infinite == "nan":
        infinite = np.isinf(frames)
        frames[infinite] = np.nan
        if infinite.any():
            problems.note(f"{name}: {infinite.sum()} infinite values were taken as unknown (NaN)")
    return Modality.build(
        name,
        frames,
        np.concatenate([[0], np.cumsum(np.concatenate(lengths))]),
        config.kinds.get(name),
        utterances=utterances,
        problems=problems,
    )


def _groups(
    splits: Sequence[Split], utterances: Sequence[str], ids: str | None, problems: Problems
) -> dict[str, NDArray[np.str_]]:
    groups: dict[str, NDArray[np.str_]] = {}
    if utterances and all(CLIP in name for name in utterances):
        groups["dialogue"] = name_array("dialogue", [u.partition(CLIP)[0] for u in utterances])
    groups |= groups_from_ids(utterances, ids, problems)
    for grouping in GROUPINGS:
        if all(grouping in split.fields for split in splits):
            cells: list[str] = []
            for split in splits:
                with problems.part(split.title):
                    cells += texts(grouping, split.fields)
            problems.settle()
            if len(cells) != len(utterances):
                what = f"field {grouping!r} has {len(cells)} entries for {len(utterances)} ids"
                raise ProblemError("count", what)
            groups[grouping] = name_array(grouping, cells)
    return groups


def _predefined(splits: Sequence[Split]) -> tuple[PredefinedFold, ...]:
    parts = {part: np.empty(0, np.int64) for part in PARTS}
    start = 0
    for split in splits:
        part = split.title.rpartition(", ")[2]
        parts[part] = np.arange(start, start + len(split.ids))
        start += len(split.ids)
    if len(parts["train"]) == start:
        return ()  # one part divides nothing
    return (PredefinedFold("split", **parts),)
