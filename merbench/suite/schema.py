"""The schema of a suite: what is run, on what, against which noise."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field, PositiveInt, ValidationInfo, field_validator

from merbench.config import Config
from merbench.corpus.corpus import Corpus
from merbench.corpus.folds import FoldsConfig, make_folds
from merbench.corruption.grid import all_patterns, partial_patterns
from merbench.errors import ConfigError, CorpusError, did_you_mean
from merbench.results.conditions import CLEAN
from merbench.results.metrics import confusion_metric
from merbench.suite.entries import (
    CorpusEntry,
    MethodEntry,
    MissingEntry,
    MissingRate,
    Name,
    NoiseEntry,
)
from merbench.suite.gate import GateConfig
from merbench.suite.problems import Problem, Problems, shown
from merbench.suite.source import Source
from merbench.suite.tuned import TunedConfig
from merbench.training.config import TrainingConfig

Pattern = tuple[str, ...]
# What tables show beside one column a pattern: no pattern may be called so.
COLUMNS = ("mean", "pooled", "complete")
_SETS = ("all", "partial")
# What a table's column of whole numbers holds; a draw is a column of 16 bits.
Seed = Annotated[int, Field(ge=0, le=2**63 - 1)]
MOST_DRAWS = 2**15 - 1


class Contrast(NamedTuple):
    """Two methods to be compared, by label."""

    method: str
    against: str


class GridConfig(Config):
    """The `grid` section: the conditions every trained method meets.

    Attributes:
        patterns: which missing patterns, as modalities present joined by `+`.
        noise: the noises, beside the noise-free columns.
        missing: modalities missing at random, from some utterances and not from others.
        draws: frozen draws of each noise, and of what is missing at random.
        donors: whose frames babble and token_swap take: the whole corpus's, or a reserved tenth's.
    """

    patterns: Literal["all", "partial"] | tuple[str, ...] = "all"
    noise: tuple[NoiseEntry, ...] = Field((), strict=False)
    missing: tuple[MissingEntry, ...] = Field((), strict=False)
    draws: Annotated[int, Field(gt=0, le=MOST_DRAWS)] = 1
    donors: Literal["corpus", "held_out"] = "corpus"

    @field_validator("patterns", mode="before")
    @classmethod
    def _check_patterns(cls, raw: object) -> object:
        problems = Problems()
        if isinstance(raw, str):
            if raw not in _SETS:
                problems.add(
                    f"unknown value {raw!r}; {did_you_mean(raw, _SETS)}, or a list of patterns"
                )
                problems.raise_any()
            return raw
        if not isinstance(raw, list | tuple) or not raw:
            problems.add(f"found {shown(raw)}; expected all, partial or a list like [audio+text]")
            raw = ()
        for position, pattern in enumerate(raw):
            if not isinstance(pattern, str) or not all(_modalities(pattern)):
                problems.add(f"found {shown(pattern)}; expected names joined by +", position)
            elif len(set(_modalities(pattern))) < len(_modalities(pattern)):
                problems.add(f"{pattern!r} names a modality twice; expected each once", position)
        problems.raise_any()
        problems.need_unique("+".join(sorted(_modalities(pattern))) for pattern in raw)
        problems.raise_any()
        return tuple("+".join(_modalities(pattern)) for pattern in raw)

    @field_validator("noise")
    @classmethod
    def _check_labels(cls, noise: tuple[NoiseEntry, ...]) -> tuple[NoiseEntry, ...]:
        _need_labels([entry.label for entry in noise], [CLEAN])
        return noise

    @field_validator("missing")
    @classmethod
    def _check_missing(
        cls, missing: tuple[MissingEntry, ...], info: ValidationInfo
    ) -> tuple[MissingEntry, ...]:
        taken = [CLEAN, *(entry.label for entry in info.data.get("noise", ()))]
        _need_labels([entry.label for entry in missing], taken)
        return missing


class NumericsConfig(Config):
    """The `numerics` section: what can change the last bits of a result.

    Attributes:
        threads: of the CPU, for each cell.
        evaluation_batch: rows that are fused at once in evaluation.
        fleet: networks of one stage that train at once, at most: `auto` is 1 on a CPU and 32 on a
            GPU; fewer where memory does not hold as many.
        matmul: what matrix products keep of their factors in training: all of a float32 number, or,
            on a GPU, the ten bits of `tf32`; `auto` is tf32 on a GPU. Evaluation keeps all.
    """

    threads: PositiveInt = 1
    evaluation_batch: PositiveInt = 4096
    fleet: PositiveInt | Literal["auto"] = "auto"
    matmul: Literal["auto", "float32", "tf32"] = "auto"


class Suite(Config):
    """A benchmark: corpus, folds, seeds, methods, training, and the grid they are scored on.

    Attributes:
        name: for tables and folders.
        version: raised by its author when results stop being comparable.
        seed: of the frozen draws.
        seeds: of the training runs.
        train_missing_rate: share of training utterances that are incomplete.
        contrasts: pairs to test; where left out, nmer against every other method.
        metrics: that are shown and tested, each one of a confusion matrix.
    """

    name: str = Field(max_length=100, description="a name for the suite")
    version: PositiveInt = 1
    seed: Seed = 0
    corpus: CorpusEntry = Field(
        description="a reader with its settings, such as {reader: synthetic}"
    )
    folds: FoldsConfig = FoldsConfig()
    seeds: tuple[Seed, ...] = Field((0,), strict=False, min_length=1)
    train_missing_rate: MissingRate = 0.0
    methods: tuple[MethodEntry, ...] = Field(
        strict=False, min_length=1, description="a list of methods"
    )
    training: TrainingConfig = TrainingConfig()
    grid: GridConfig = GridConfig()
    contrasts: tuple[Contrast, ...] = Field(None, strict=False, validate_default=True)
    metrics: tuple[Name, ...] = Field(("wa", "ua", "f1"), strict=False, min_length=1)
    numerics: NumericsConfig = NumericsConfig()
    gate: GateConfig = GateConfig()
    tuned: TunedConfig | None = Field(None, description="how `merbench tune` found the settings")

    @field_validator("name")
    @classmethod
    def _check_name(cls, name: str) -> str:
        problems = Problems()
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
            problems.add(f"found {name!r}; expected letters, digits, '.', '_' and '-'")
        problems.raise_any()
        return name

    @field_validator("folds")
    @classmethod
    def _check_folds(cls, folds: FoldsConfig) -> FoldsConfig:
        problems = Problems()
        for field in ("n", "by"):
            if getattr(folds, field) is not None and folds.scheme != "group_kfold":
                problems.add(f"belongs to group_kfold; expected none with {folds.scheme!r}", field)
        if folds.validation != "default" and folds.scheme != "speaker":
            problems.add(
                f"belongs to speaker; expected default with {folds.scheme!r}", "validation"
            )
        problems.raise_any()
        return folds

    @field_validator("seeds", "metrics")
    @classmethod
    def _check_unique(cls, values: tuple[object, ...]) -> tuple[object, ...]:
        problems = Problems()
        problems.need_unique(values)
        problems.raise_any()
        return values

    @field_validator("metrics")
    @classmethod
    def _check_metrics(cls, metrics: tuple[str, ...]) -> tuple[str, ...]:
        problems = Problems()
        for position, name in enumerate(metrics):
            try:
                confusion_metric(name)
            except ConfigError as error:
                problems.add(str(error), position)
        problems.raise_any()
        return metrics

    @field_validator("methods")
    @classmethod
    def _check_labels(cls, methods: tuple[MethodEntry, ...]) -> tuple[MethodEntry, ...]:
        _need_labels([entry.label for entry in methods])
        return methods

    @field_validator("contrasts", mode="before")
    @classmethod
    def _check_contrasts(cls, raw: object, info: ValidationInfo) -> object:
        if "methods" not in info.data:  # wrong themselves: there are no labels to compare with
            return ()
        labels = [entry.label for entry in info.data["methods"]]
        if raw is None:
            return tuple(Contrast("nmer", x) for x in labels if "nmer" in labels and x != "nmer")
        if not isinstance(raw, list | tuple):
            return raw
        problems = Problems()
        for position, pair in enumerate(raw):
            if not isinstance(pair, list | tuple) or len(pair) != 2:
                problems.add(f"found {shown(pair)}; expected two method labels", position)
                continue
            for side, label in enumerate(pair):
                if label not in labels:
                    text = (
                        f"unknown method label {shown(label)}; {did_you_mean(str(label), labels)}"
                    )
                    problems.add(text, position, side)
            if pair[0] == pair[1]:
                problems.add(f"found {shown(pair)}; expected two different methods", position)
        problems.raise_any()
        problems.need_unique(" against ".join(sorted(map(str, pair))) for pair in raw)
        problems.raise_any()
        return raw

    def resolved(self) -> dict[str, Any]:
        """Return the suite as plain values, defaults written out; it loads as the same suite."""
        return self.model_dump(mode="json")

    @property
    def hash(self) -> str:
        """Sha256 of the resolved suite.

        Comments, order of keys and defaults do not enter, and neither do tolerances of the gate
        and the story of the settings, which change no result, nor where the corpus lies: its
        fingerprint says what it is.
        """
        resolved = self.resolved()
        for section in ("gate", "tuned"):
            resolved.pop(section)
        resolved["corpus"].pop("path", None)
        if not self.grid.missing:  # so that suites keep the hash they had before there was any
            del resolved["grid"]["missing"]
        text = json.dumps(resolved, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()


def check_corpus(suite: Suite, corpus: Corpus, source: Source) -> tuple[Pattern, ...]:
    """Check a suite against its corpus, and return its missing patterns.

    Returns:
        The modalities present in each pattern, in corpus order.

    Raises:
        ConfigError: a pattern names a modality that the corpus lacks, a modality is called as a
            column of tables is, or the corpus cannot carry the folds; all of it, each with its
            place.
    """
    found: list[Problem] = []
    try:
        make_folds(corpus, suite.folds)
    except CorpusError as error:
        field = "limit" if "folds.limit" in str(error) else "n" if suite.folds.n else "scheme"
        found.append(Problem(("folds", field), str(error).removeprefix("folds: ")))
    for name in corpus.names:
        if name in COLUMNS:
            text = f"{corpus.name!r} has a modality {name!r}, as tables call a column of their own"
            found.append(Problem(("corpus",), f"{text}; expected another name"))
    patterns = suite.grid.patterns
    if not isinstance(patterns, str):
        for position, pattern in enumerate(patterns):
            for name in _modalities(pattern):
                if name not in corpus.names:
                    text = (
                        f"corpus {corpus.name!r} has no modality {name!r}; "
                        f"{did_you_mean(name, corpus.names)}"
                    )
                    found.append(Problem(("grid", "patterns", position), text))
    for position, entry in enumerate(suite.grid.missing):
        found += _weight_problems(entry, corpus, ("grid", "missing", position, "weights"))
    if found:
        raise source.error(found)
    if patterns == "all":
        return all_patterns(corpus.names)
    if patterns == "partial":
        return partial_patterns(corpus.names)
    sets = [_modalities(pattern) for pattern in patterns]
    return tuple(tuple(name for name in corpus.names if name in names) for names in sets)


def _weight_problems(
    entry: MissingEntry, corpus: Corpus, place: tuple[str | int, ...]
) -> list[Problem]:
    found = [
        Problem(
            (*place, name),
            f"corpus {corpus.name!r} has no modality {name!r}; {did_you_mean(name, corpus.names)}",
        )
        for name in entry.weights
        if name not in corpus.names
    ]
    if not found and not any(entry.weights.get(name, 1.0) for name in corpus.names):
        found.append(Problem(place, "every weight is 0; expected one above 0 at least"))
    return found


def _modalities(pattern: str) -> list[str]:
    return [name.strip() for name in pattern.split("+")]


def _need_labels(labels: Sequence[str], taken: Sequence[str] = ()) -> None:
    problems = Problems()
    for position, label in enumerate(labels):
        if label in (*taken, *labels[:position]):
            text = f"label {label!r} is taken; expected `label:` with a name of its own"
            problems.add(text, position, "label")
    problems.raise_any()
