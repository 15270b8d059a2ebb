"""What a tuning leaves: a suite with the settings that won, and a table of all trials."""

from __future__ import annotations

import json
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import pandas as pd

from merbench.store.folders import write_text
from merbench.suite.entries import MethodEntry
from merbench.suite.load import LoadedSuite, validate
from merbench.suite.source import Source
from merbench.suite.tuned import TunedConfig, TunedMethod
from merbench.suite.written import to_yaml
from merbench.training.config import SelectBy
from merbench.tuning.knobs import put_values
from merbench.tuning.tuner import Tuned

TUNED, TRIALS = "tuned.yaml", "trials.csv"
_SUFFIX = "-tuned"


def write_tuned(
    root: Path,
    loaded: LoadedSuite,
    found: Sequence[Tuned],
    *,
    trials: int,
    select_by: SelectBy,
    folds: Sequence[str],
    seeds: Sequence[int],
    untouched: Sequence[str],
) -> Path:
    """Write the suite as its author wrote it, with the settings that won.

    Args:
        root: of the tuning.
        loaded: the suite; its methods are those that were tuned.
        found: of each method.
        trials: of each method.
        select_by: the score.
        folds: that trials trained and validated on.
        seeds: that they trained with.
        untouched: folds whose test part no trial has seen.

    Raises:
        StorageError: the disk is full or closed to us.
    """
    suite = loaded.suite
    fields = deepcopy(loaded.source.values)
    fields["name"] = suite.name.removesuffix(_SUFFIX) + _SUFFIX
    fields["methods"] = _methods(loaded, found)
    if fields.get("contrasts") is not None:
        fields["contrasts"] = [list(pair) for pair in suite.contrasts]
    tuned = TunedConfig(
        trials=trials,
        select_by=select_by,
        folds=tuple(folds),
        seeds=tuple(seeds),
        untouched=tuple(untouched),
        methods={each.label: _cost(each) for each in found if each.best is not None},
    )
    fields["tuned"] = tuned.model_dump(mode="json")
    validate(Source(TUNED, fields))
    path = root / TUNED
    write_text(path, to_yaml(fields))
    return path


def write_trials(root: Path, found: Sequence[Tuned]) -> None:
    """Write a row for every trial.

    Raises:
        StorageError: the disk is full or closed to us.
    """
    rows = [
        {
            "method": each.label,
            "trial": trial.number,
            "score": trial.measured.score,
            "complete": trial.measured.complete,
            "seconds": round(trial.measured.seconds, 3),
            "epochs": trial.measured.epochs,
            "settings": json.dumps(dict(trial.values)),
            "error": trial.measured.error,
        }
        for each in found
        for trial in each.trials
    ]
    columns = ["method", "trial", "score", "complete", "seconds", "epochs", "settings", "error"]
    write_text(root / TRIALS, pd.DataFrame(rows, columns=columns).to_csv(index=False))


def _methods(loaded: LoadedSuite, found: Sequence[Tuned]) -> list[Any]:
    """Return the entries of the methods that were tuned, as they were written."""
    written = [MethodEntry.long_form(raw) for raw in loaded.source.values["methods"]]
    by_label = {
        str(raw.get("label") or raw["name"].rpartition(":")[2]): raw
        for raw in written
        if isinstance(raw, dict)
    }
    entries = []
    for each in found:
        entry = dict(by_label[each.label])
        put_values(entry, each.values)
        entries.append(entry if len(entry) > 1 else entry["name"])
    return entries


def _cost(tuned: Tuned) -> TunedMethod:
    own, best = tuned.trials[0].measured, tuned.best
    return TunedMethod(
        seconds=round(tuned.seconds, 1),
        epochs=tuned.epochs,
        own=round(own.score or 0.0, 4),
        best=round((best.measured.score if best is not None else None) or 0.0, 4),
    )
