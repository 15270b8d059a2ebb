"""What a run is held against: its confusion counts, and what makes them comparable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from merbench.analysis.facts import RUN, Record, read_record, suite_name
from merbench.errors import ConfigError
from merbench.results.header import TableHeader
from merbench.results.tables import PREDICTIONS
from merbench.results.tally import Tally, Units, read_tally
from merbench.store.identity import Identity
from merbench.suite.gate import GateConfig


@dataclass(frozen=True)
class Reference:
    """A complete run, without its predictions.

    Attributes:
        suite: name of the suite.
        suite_hash: of the suite, empty where it is not known.
        protocol: decides what it compares with.
        versions: of merbench and what it rests on.
        revision: of the code, empty where it is not known.
        header: names of the axes.
        units: the pieces of the test data, by fold, then by cluster.
        counts: int (method, seed, unit, condition, true class, predicted class); 0 for seeds that
            a method was not to have.
    """

    suite: str
    suite_hash: str
    protocol: Identity
    versions: Mapping[str, str]
    revision: str
    header: TableHeader
    units: Units
    counts: NDArray[np.int32]

    def seeds(self, method: str) -> tuple[int, ...]:
        """Return the seeds of a method."""
        return self.header.seeds_of.get(method, self.header.seeds)

    def by_fold(self, method: str) -> NDArray[np.int64]:
        """Return (seed, fold, condition, C, C) counts of a method, for its own seeds."""
        places = [self.header.seeds.index(seed) for seed in self.seeds(method)]
        mine = self.counts[self.header.methods.index(method), places]
        folds = len(self.header.folds)
        found = np.zeros((len(places), folds, *mine.shape[2:]), np.int64)
        for unit, fold in enumerate(self.units.fold):
            found[:, fold] += mine[:, unit]
        return found


def gate_of_run(directory: Path) -> GateConfig:
    """Return the `gate` section of the suite that was run; the default where it has none.

    Raises:
        ConfigError: the section is broken.
    """
    suite = read_record(directory).get("suite")
    section = suite.get("gate") if isinstance(suite, Mapping) else None
    try:
        return GateConfig() if section is None else GateConfig.model_validate(section)
    except ValidationError as error:
        raise ConfigError(f"{directory / RUN}: suite.gate: {error}") from error


def reference_of_run(directory: Path) -> Reference:
    """Return a run as a reference.

    Raises:
        IncompleteError: there is no run, or it lacks cells, naming each.
        ConfigError: a file of it is not one of ours, or it does not say what protocol it is of.
    """
    record = read_record(directory)
    tally = read_tally(directory / PREDICTIONS)
    tally.confusion.require_complete()
    found = record.get("protocol")
    try:
        protocol = Identity.model_validate(found)
    except ValidationError as error:
        raise ConfigError(
            f"{directory / RUN}: it does not say what protocol the run is of; "
            "the same merbench run again writes that"
        ) from error
    return _reference(directory, record, tally, protocol)


def _reference(directory: Path, record: Record, tally: Tally, protocol: Identity) -> Reference:
    git, versions = record.get("git"), record.get("versions")
    return Reference(
        suite=suite_name(record, directory),
        suite_hash=str(record.get("suite_hash") or ""),
        protocol=protocol,
        versions={str(k): str(v) for k, v in versions.items()}
        if isinstance(versions, Mapping)
        else {},
        revision=str((git.get("revision") if isinstance(git, Mapping) else "") or ""),
        header=tally.header,
        units=tally.units,
        counts=tally.counts,
    )
