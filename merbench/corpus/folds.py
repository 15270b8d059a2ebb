"""Folds: which utterances train, select and test, and what the parts still have in common."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveInt

from merbench import seeds
from merbench.config import Config
from merbench.corpus.corpus import GROUPINGS, Corpus, PredefinedFold
from merbench.errors import CorpusError

Indices = NDArray[np.int64]
VALIDATION_SHARE = 0.1
PARTS = ("train", "valid", "test")


class FoldsConfig(Config):
    """The `folds` section of a suite."""

    scheme: Literal["speaker", "session", "group_kfold", "predefined"] = "speaker"
    n: int | None = Field(None, ge=3, description="number of folds (group_kfold)")
    by: Literal["speaker", "session", "dialogue", "utterance"] | None = Field(
        None, description="what group_kfold keeps together"
    )
    limit: PositiveInt | None = Field(None, description="use only the first so many folds")
    validation: Literal["default", "training_sessions"] = Field(
        "default",
        description="speaker folds: training_sessions takes validation from another session and "
        "leaves the test session's other speakers out",
    )


@dataclass(frozen=True)
class Fold:
    """One division of a corpus.

    Attributes:
        name: the speaker, session or number it tests.
        train: (n,) positions in the corpus, increasing; likewise `valid` and `test`.
        overlap: `train/test speaker` -> how many speakers both parts hold, for each pair and group.
        warnings: what a reader of the results should know.
    """

    name: str
    train: Indices
    valid: Indices
    test: Indices
    overlap: dict[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Digest of the utterances in each part."""
        parts = [getattr(self, part).astype("<i8").tobytes().hex() for part in PARTS]
        return seeds.digest("fold", self.name, *parts).hex()


def make_folds(
    corpus: Corpus, config: FoldsConfig, reserved: Indices | None = None
) -> tuple[Fold, ...]:
    """Divide a corpus as the scheme says.

    Args:
        corpus: what to divide.
        config: the scheme.
        reserved: positions that no part may contain (held-out donors of noise).

    Raises:
        CorpusError: the corpus cannot carry the scheme.
    """
    maker = {
        "speaker": _speaker_folds,
        "session": _session_folds,
        "group_kfold": _kfolds,
        "predefined": _predefined_folds,
    }[config.scheme]
    if config.n is not None and config.scheme != "group_kfold":
        raise CorpusError(f"folds.n belongs to group_kfold, not to scheme {config.scheme!r}")
    if config.by is not None and config.scheme != "group_kfold":
        raise CorpusError(f"folds.by belongs to group_kfold, not to scheme {config.scheme!r}")
    if config.validation != "default" and config.scheme != "speaker":
        raise CorpusError("folds.validation: training_sessions belongs to scheme 'speaker'")
    divided = maker(corpus, config)
    if config.limit is not None:
        if config.limit > len(divided):
            raise CorpusError(
                f"folds.limit is {config.limit}, but corpus {corpus.name!r} has "
                f"{len(divided)} folds under scheme {config.scheme!r}"
            )
        divided = divided[: config.limit]
    keep_out = np.array([], np.int64) if reserved is None else reserved
    return tuple(_finish(corpus, fold, config, keep_out) for fold in divided)


def _groups(corpus: Corpus, name: str, scheme: str) -> NDArray[np.str_]:
    if name == "utterance":
        return np.array(corpus.utterances)
    if name not in corpus.groups:
        known = ", ".join((*corpus.groups, "utterance"))
        raise CorpusError(
            f"folds: scheme {scheme!r} needs a {name} for every utterance, and corpus "
            f"{corpus.name!r} has none; known: {known} (group_kfold can use any of them)"
        )
    return corpus.groups[name]


def _ordered(groups: NDArray[np.str_]) -> list[str]:
    """Return the groups in natural order: speaker2 before speaker10."""

    def natural(name: str) -> tuple[list[tuple[int, int, str]], str]:
        runs = ("".join(run) for _, run in itertools.groupby(name, str.isdecimal))
        # The name itself tells "2" from "02", whose runs are equal.
        return [(0, int(run), "") if run.isdecimal() else (1, 0, run) for run in runs], name

    return sorted(set(groups.tolist()), key=natural)


def _need(groups: list[str], what: str, corpus: Corpus) -> None:
    if len(groups) < 3:
        raise CorpusError(
            f"folds: train, validation and test need at least 3 {what}s, corpus "
            f"{corpus.name!r} has {len(groups)}"
        )


def _where(groups: NDArray[np.str_], members: Iterable[str]) -> Indices:
    return np.flatnonzero(np.isin(groups, list(members)))


def _speaker_folds(corpus: Corpus, config: FoldsConfig) -> list[PredefinedFold]:
    speakers = _groups(corpus, "speaker", "speaker")
    order = _ordered(speakers)
    _need(order, "speaker", corpus)
    sessions = corpus.sessions
    if config.validation == "training_sessions" and sessions is None:
        raise CorpusError(
            "folds.validation: training_sessions needs sessions, and corpus "
            f"{corpus.name!r} has none"
        )
    sizes = {s: int((speakers == s).sum()) for s in order}
    folds = []
    for position, tested in enumerate(order):
        others = order[position + 1 :] + order[:position]
        mates: list[str] = []
        if sessions is not None:
            its_sessions = set(sessions[speakers == tested].tolist())
            mates = [s for s in others if its_sessions & set(sessions[speakers == s].tolist())]
        if config.validation == "training_sessions":
            # The test session's other speakers are left out: they share its dialogues.
            others = [s for s in others if s not in mates]
            validating = _until_enough(others, sizes, len(corpus))
        elif len(mates) == 1:
            validating = mates
        else:
            validating = _until_enough(others, sizes, len(corpus))
        training = [s for s in others if s not in validating]
        if not training:
            raise CorpusError(f"folds: no speaker is left to train on when {tested!r} is tested")
        folds.append(
            PredefinedFold(
                tested,
                _where(speakers, training),
                _where(speakers, validating),
                _where(speakers, [tested]),
            )
        )
    return folds


def _until_enough(order: list[str], sizes: dict[str, int], total: int) -> list[str]:
    """Return the first groups that together hold a tenth of the corpus."""
    reached = np.cumsum([sizes[s] for s in order]) >= VALIDATION_SHARE * total
    return order[: int(reached.argmax()) + 1] if reached.any() else order


def _rotate(names: list[str], groups: NDArray[np.str_]) -> list[PredefinedFold]:
    """Test each group once; the next one validates."""
    folds = []
    for position, tested in enumerate(names):
        validating = names[(position + 1) % len(names)]
        training = [g for g in names if g not in (tested, validating)]
        folds.append(
            PredefinedFold(
                tested,
                _where(groups, training),
                _where(groups, [validating]),
                _where(groups, [tested]),
            )
        )
    return folds


def _session_folds(corpus: Corpus, config: FoldsConfig) -> list[PredefinedFold]:
    sessions = _groups(corpus, "session", config.scheme)
    order = _ordered(sessions)
    _need(order, "session", corpus)
    return _rotate(order, sessions)


def _kfolds(corpus: Corpus, config: FoldsConfig) -> list[PredefinedFold]:
    n, by = config.n or 5, config.by or "speaker"
    groups = _groups(corpus, by, "group_kfold")
    order = sorted(
        zip(*np.unique(groups, return_counts=True), strict=True),
        key=lambda item: (-item[1], seeds.digest("group_kfold", str(item[0]))),
    )
    if len(order) < n:
        raise CorpusError(
            f"folds: {n} folds by {by} need at least {n} {by}s, corpus {corpus.name!r} has "
            f"{len(order)}"
        )
    load, fold_of = [0] * n, {}
    for group, size in order:
        lightest = load.index(min(load))
        load[lightest] += int(size)
        fold_of[str(group)] = str(lightest + 1)
    return _rotate([str(k + 1) for k in range(n)], np.array([fold_of[g] for g in groups.tolist()]))


def _predefined_folds(corpus: Corpus, config: FoldsConfig) -> list[PredefinedFold]:
    if not corpus.predefined:
        raise CorpusError(
            f"folds: corpus {corpus.name!r} brings no folds of its own; "
            "valid schemes for it: " + ", ".join(_possible_schemes(corpus))
        )
    folds = []
    for fold in corpus.predefined:
        if not len(fold.train):
            raise CorpusError(
                f"folds: scheme 'predefined' needs a training part, and fold {fold.name!r} of "
                f"corpus {corpus.name!r} has none; use group_kfold"
            )
        if not len(fold.test):
            raise CorpusError(
                f"folds: fold {fold.name!r} of corpus {corpus.name!r} has no test part"
            )
        folds.append(fold if len(fold.valid) else _hold_out(corpus, fold))
    return folds


def _possible_schemes(corpus: Corpus) -> list[str]:
    known = [s for s in ("speaker", "session") if s in corpus.groups]
    return [*known, "group_kfold"]


def _hold_out(corpus: Corpus, fold: PredefinedFold) -> PredefinedFold:
    """Take a tenth of the training part's groups for validation."""
    by = next((g for g in ("speaker", "dialogue") if g in corpus.groups), "utterance")
    groups = _groups(corpus, by, "predefined")[fold.train]
    order = sorted(set(groups.tolist()), key=lambda g: seeds.digest("predefined", g))
    if len(order) < 2:
        raise CorpusError(
            f"folds: fold {fold.name!r} has no validation part and only one {by} to train on"
        )
    sizes = {g: int((groups == g).sum()) for g in order}
    chosen = np.isin(groups, _until_enough(order[:-1], sizes, len(fold.train)))
    return PredefinedFold(fold.name, fold.train[~chosen], fold.train[chosen], fold.test)


def _finish(corpus: Corpus, fold: PredefinedFold, config: FoldsConfig, reserved: Indices) -> Fold:
    parts = {name: np.setdiff1d(getattr(fold, name), reserved) for name in PARTS}
    for one, other in itertools.combinations(PARTS, 2):
        shared = np.intersect1d(parts[one], parts[other])
        if len(shared):
            raise CorpusError(
                f"folds: fold {fold.name!r} has {len(shared)} utterances in both {one} and "
                f"{other}, first {corpus.utterances[shared[0]]!r}"
            )
    for name, members in parts.items():
        if len(members) < 2:
            raise CorpusError(
                f"folds: the {name} part of fold {fold.name!r} has {len(members)} utterances"
            )
    overlap = {}
    for grouping, column in corpus.groups.items():
        for one, other in itertools.combinations(PARTS, 2):
            both = set(column[parts[one]].tolist()) & set(column[parts[other]].tolist())
            overlap[f"{one}/{other} {grouping}"] = len(both)
    warnings = []
    for name, members in parts.items():
        present = set(corpus.labels[members].tolist())
        missing = [c for k, c in enumerate(corpus.classes) if k not in present]
        if missing:
            warnings.append(f"fold {fold.name}: the {name} part has no {', '.join(missing)}")
    promised = {"speaker": "speaker", "session": "session"}.get(
        config.scheme, config.by or "speaker"
    )
    if config.scheme != "predefined" and promised in GROUPINGS:
        for pair in ("train/test", "valid/test", "train/valid"):
            if overlap[f"{pair} {promised}"]:
                raise CorpusError(f"folds: fold {fold.name!r} shares {promised}s between {pair}")
    return Fold(fold.name, **parts, overlap=overlap, warnings=tuple(warnings))
