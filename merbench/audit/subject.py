"""The method under audit: by name, by import path, or each one of a suite."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from merbench import registry
from merbench.analysis.facts import RUN, read_record, resolved_suite
from merbench.config import Config
from merbench.methods.base import Method, NetworkMethod
from merbench.suite.entries import MethodEntry
from merbench.suite.load import load_suite, validate
from merbench.suite.source import Source
from merbench.training.config import StageTraining, TrainingConfig, TrainingOverrides
from merbench.training.resolve import resolve_training

# How long networks train. `full` has the learning rates of the preset `converged`, and fewer
# epochs; `short` is enough to tell whether two trainings are the same and leaves a choice of
# epochs; `memorise` learns a tiny set by heart.
Effort = Literal["full", "short", "memorise"]
_EFFORTS: dict[Effort, TrainingOverrides] = {
    "full": TrainingOverrides(epochs=16, decay_epochs=8, batch_size=32, patience=24),
    "short": TrainingOverrides(epochs=4, decay_epochs=0, batch_size=32),
    "memorise": TrainingOverrides(
        epochs=100, decay_epochs=0, batch_size=8, lr=1e-3, dropout=0.0, patience=30
    ),
}


@dataclass(frozen=True)
class Subject:
    """A method and its settings, to be built afresh for every training.

    Attributes:
        label: in tables.
        name: registered, or `package.module:Name`.
        settings: the method's own.
    """

    label: str
    name: str
    settings: Config

    def build(self) -> Method:
        """Return a method that has learnt nothing."""
        method: Method = registry.load("methods", self.name)(self.settings)
        return method

    def trainings(self, method: NetworkMethod, effort: Effort) -> tuple[StageTraining, ...]:
        """Return the settings of its stages."""
        preset = TrainingConfig(preset="converged")
        return resolve_training(method.published(), preset, _EFFORTS[effort], {})


def subject_of(name: str, settings: Mapping[str, Any]) -> Subject:
    """Return a method by name or import path.

    Raises:
        ConfigError: no such method, or settings that it does not have.
    """
    values = {
        "name": "audit",
        "corpus": "synthetic",
        "folds": {"scheme": "group_kfold", "n": 5, "by": "speaker"},
        "methods": [{"name": name, **settings}],
        # A method that trains on the suite's noise must find some.
        "grid": {"noise": [{"type": "gaussian", "severities": [0.5], "on": "present"}]},
    }
    (entry,) = validate(Source("merbench audit", values)).methods
    return _of_entry(entry)


def subjects_of_suite(suite: str) -> tuple[Subject, ...]:
    """Return the methods of a suite, by path or name.

    Raises:
        ConfigError: no such suite, or one that is wrong.
    """
    return tuple(_of_entry(entry) for entry in load_suite(suite).suite.methods)


def subjects_of_run(run: Path) -> tuple[Subject, ...]:
    """Return the methods of a run, with their settings there.

    Raises:
        IncompleteError: there is no run.
        ConfigError: its suite cannot be read any more.
    """
    suite = resolved_suite(read_record(run))
    return tuple(_of_entry(entry) for entry in validate(Source(f"{run / RUN}", suite)).methods)


def _of_entry(entry: MethodEntry) -> Subject:
    return Subject(entry.label, entry.name, entry.settings)
