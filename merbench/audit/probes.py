"""Simple measurements on a corpus: what is told by a linear probe, and what goes with what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import GroupKFold

from merbench import seeds
from merbench.corpus.corpus import Corpus
from merbench.corpus.folds import Fold
from merbench.corpus.normalise import fit_normaliser
from merbench.features.part import make_part
from merbench.methods.sklearn import pool

_COMPONENTS = 32
_PERMUTATIONS = 60
_FOLDS = 5

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Pooled:
    """Principal components of each modality's features, pooled over time.

    Attributes:
        of_modality: name -> (N, k); 0 where the modality is natively absent.
        labels: (N, C) which class.
        groups: (N,) the speaker, as a number; all the same where unknown.
        orders: rows in other orders that a careless join gives -> (N,) positions.
    """

    of_modality: Mapping[str, Floats]
    labels: Floats
    groups: NDArray[np.int64]
    orders: Mapping[str, NDArray[np.int64]]

    @classmethod
    def of(cls, corpus: Corpus) -> Pooled:
        """Pool a corpus."""
        everyone = np.arange(len(corpus))
        part = make_part(corpus, fit_normaliser(corpus, everyone), everyone, torch.device("cpu"))
        groups = np.zeros(len(corpus), np.int64)
        if corpus.speakers is not None:
            groups = np.unique(corpus.speakers, return_inverse=True)[1].reshape(-1)
        by_id = np.argsort(np.array(corpus.utterances), kind="stable")
        orders = {
            "sorted by id": np.argsort(by_id),
            "taken from the order of the ids": by_id,
            "reversed": everyone[::-1].copy(),
            "moved by one": np.roll(everyone, 1),
            "moved back by one": np.roll(everyone, -1),
        }
        return cls(
            {
                m.name: _components(pool(part.features[m.name], m.kind).double().numpy())
                for m in corpus.modalities
            },
            np.eye(len(corpus.classes))[corpus.labels],
            groups,
            {how: rows for how, rows in orders.items() if not np.array_equal(rows, everyone)},
        )

    def columns(self, name: str) -> Floats:
        """Return a modality's, or the labels'."""
        return self.labels if name == "label" else self.of_modality[name]


def _components(pooled: Floats) -> Floats:
    """Return the first principal components of standardised columns."""
    there = np.isfinite(pooled).all(1)
    known = pooled[there]
    centred = (known - known.mean(0)) / np.maximum(known.std(0), 1e-9)
    _, vectors = np.linalg.eigh(centred.T @ centred)
    found = np.zeros((len(pooled), min(_COMPONENTS, pooled.shape[1])))
    found[there] = centred @ vectors[:, ::-1][:, : found.shape[1]]
    return found


class Probe(NamedTuple):
    """What a linear probe tells.

    Attributes:
        inside: accuracy inside the training part, cross-validated.
        test: accuracy on the test part, trained on all of training.
        errors: their difference in standard errors.
    """

    inside: float
    test: float
    errors: float


def probe(corpus: Corpus, features: Floats, fold: Fold) -> Probe:
    """Train a probe on a fold; speakers, where known, are kept together on either side."""
    labels, train, test = corpus.labels, fold.train, fold.test
    groups = np.arange(len(corpus)) if corpus.speakers is None else _numbers(corpus.speakers)
    n = min(_FOLDS, len(set(groups[train].tolist())))
    inside = np.zeros(len(train))
    for fitted, left in GroupKFold(n).split(train, groups=groups[train]):
        model = RidgeClassifier().fit(features[train[fitted]], labels[train[fitted]])
        inside[left] = model.predict(features[train[left]]) == labels[train[left]]
    model = RidgeClassifier().fit(features[train], labels[train])
    outside = (model.predict(features[test]) == labels[test]).astype(float)
    error = np.hypot(_error(inside, groups[train]), _error(outside, groups[test]))
    return Probe(inside.mean(), outside.mean(), float((inside.mean() - outside.mean()) / error))


def _numbers(names: NDArray[np.str_]) -> NDArray[np.int64]:
    return np.unique(names, return_inverse=True)[1].reshape(-1)


def _error(right: Floats, groups: NDArray[np.int64]) -> float:
    """Return the standard error of a mean: by groups, and not below that of as many coins."""
    away = right - right.mean()
    sums = np.bincount(_numbers(groups.astype(str)), away)
    share = np.clip(right.mean(), 0.05, 0.95)
    return float(
        max(np.sqrt((sums**2).sum()) / len(right), np.sqrt(share * (1 - share) / len(right)))
    )


def related(one: Floats, other: Floats, groups: NDArray[np.int64]) -> float:
    """Return how much closer two sets of columns are than with rows permuted within groups.

    The measure is the sum of squared canonical correlations, after each group's mean is taken off;
    the unit is its standard deviation over permutations.
    """
    first, second = (_orthonormal(_centred(each, groups)) for each in (one, other))
    rng = seeds.generator("audit", "permutations")
    members = [np.flatnonzero(groups == g) for g in np.unique(groups)]

    def tie(rows: NDArray[np.int64]) -> float:
        return float(((first[rows].T @ second) ** 2).sum())

    null = []
    for _ in range(_PERMUTATIONS):
        rows = np.arange(len(one))
        for some in members:
            rows[some] = rng.permutation(some)
        null.append(tie(rows))
    return (tie(np.arange(len(one))) - float(np.mean(null))) / max(float(np.std(null)), 1e-12)


def _centred(columns: Floats, groups: NDArray[np.int64]) -> Floats:
    counts = np.bincount(groups)
    found = np.empty_like(columns)
    for k in range(columns.shape[1]):
        means = np.bincount(groups, columns[:, k]) / np.maximum(counts, 1)
        found[:, k] = columns[:, k] - means[groups]
    return found


def _orthonormal(columns: Floats) -> Floats:
    left, size, _ = np.linalg.svd(columns, full_matrices=False)
    return left[:, size > 1e-9 * max(float(size[0]), 1e-300)]
