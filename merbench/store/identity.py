"""The identity of a test protocol: predictions compare only where it is equal."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from typing import Any

from merbench.config import Config
from merbench.results.conditions import ConditionKey


class Identity(Config):
    """What utterances were tested on what, told apart by digests.

    Attributes:
        corpus: fingerprint of the corpus: features, labels, classes, groups.
        conditions: digest of the grid's conditions, in order.
        count: how many conditions there are.
        noises: label -> digest of the noise's kind and settings.
        draws: the draws hash.
        folds: name -> digest of the utterances in each part.
        missing_rate: the suite's `train_missing_rate`, which features are normalised after; a
            record without it is of a time when only 0 was meant.
    """

    corpus: str
    conditions: str
    count: int
    noises: dict[str, str]
    draws: str
    folds: dict[str, str]
    missing_rate: float = 0.0

    @property
    def short(self) -> str:
        """A short digest of all of it, which predictions carry to say what they were made for.

        It begins with a letter, so that no table takes it for a number.
        """
        return "p" + digest_of(self.model_dump(mode="json"))[:12]

    def differences(self, other: Identity, mine: str, others: str) -> list[str]:
        """Say in what two protocols differ, folds that only one of them has aside.

        Args:
            other: the one to compare with.
            mine: how this one is called in messages.
            others: how the other one is.
        """
        found = []
        if self.corpus != other.corpus:
            found.append(
                f"corpus fingerprint: {mine} has {self.corpus[:12]}, {others} {other.corpus[:12]}"
            )
        if self.conditions != other.conditions:
            found.append(
                f"conditions: {mine} has {self.count}, {others} {other.count}"
                + (" different ones" if self.count == other.count else "")
            )
        for label in self.noises.keys() & other.noises.keys():
            if self.noises[label] != other.noises[label]:
                found.append(f"noise {label!r}: its settings differ")
        if self.draws != other.draws:
            found.append(f"draws hash: {mine} has {self.draws[:12]}, {others} {other.draws[:12]}")
        if self.missing_rate != other.missing_rate:
            found.append(
                f"train_missing_rate: {mine} has {self.missing_rate:g}, {others} "
                f"{other.missing_rate:g}"
            )
        for name in self.folds.keys() & other.folds.keys():
            if self.folds[name] != other.folds[name]:
                found.append(f"fold {name!r}: its parts hold other utterances")
        return sorted(found)

    def all_differences(self, other: Identity, mine: str, others: str) -> list[str]:
        """Say in what two protocols differ, folds that only one of them has included."""
        found = self.differences(other, mine, others)
        if self.folds.keys() != other.folds.keys():
            found.append(
                f"folds: {mine} has {', '.join(self.folds)}, {others} {', '.join(other.folds)}"
            )
        return found


def digest_of(content: Any) -> str:
    """Return the sha256 of plain data."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def digest_of_conditions(conditions: Sequence[ConditionKey]) -> str:
    """Return the sha256 of conditions in order; what was requested does not matter."""
    return digest_of(
        [[*c[:4], None if math.isnan(c.severity) else c.severity, c.draw] for c in conditions]
    )
