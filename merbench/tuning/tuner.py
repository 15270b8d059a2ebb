"""The rounds of a tuning: each method tries other settings, as often as every other method."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from optuna.storages import JournalStorage
from pydantic import ValidationError

from merbench.suite.entries import MethodEntry
from merbench.tuning.bench import Bench
from merbench.tuning.knobs import Knob, Values, at_edge, with_values
from merbench.tuning.study import Done, Measured, MethodStudy


class Subject(NamedTuple):
    """A method that is tuned."""

    entry: MethodEntry
    knobs: tuple[Knob, ...]


class Tuned(NamedTuple):
    """What tuning one method came to.

    Attributes:
        label: of the method.
        trials: that count, in order; the first has the method's own settings.
        best: the one that won, the earlier of equals; None where the own settings failed.
        edges: keys whose winning value lies at an edge of its space that could be wider.
        error: why the method's own settings cannot be measured, None where they can.
    """

    label: str
    trials: tuple[Done, ...]
    best: Done | None
    edges: tuple[str, ...] = ()
    error: str | None = None

    @property
    def values(self) -> Values:
        """What the winner changes; nothing where the method's own settings won."""
        return self.best.values if self.best is not None and self.best.number else {}

    @property
    def seconds(self) -> float:
        """Of all trials."""
        return sum(trial.measured.seconds for trial in self.trials)

    @property
    def epochs(self) -> int:
        """Of all trials."""
        return sum(trial.measured.epochs for trial in self.trials)


class Round(NamedTuple):
    """One round that ended.

    Attributes:
        trial: that the slowest method is at, counted from 1.
        trials: of each method.
        methods: that had a trial in it.
        seconds: it took.
        best: label -> best score so far.
    """

    trial: int
    trials: int
    methods: int
    seconds: float
    best: Mapping[str, float]


def run_trials(
    bench: Bench,
    storage: JournalStorage,
    subjects: Sequence[Subject],
    trials: int,
    seed: int,
    watch: Callable[[Round], None],
) -> tuple[Tuned, ...]:
    """Give every method the same number of trials; those in the journal count.

    Args:
        bench: measures.
        storage: the journal.
        subjects: the methods.
        trials: of each method.
        seed: of the suite.
        watch: is told of every round.

    Raises:
        ConfigError: the journal has a study that was made for something else.
        StorageError: the disk is full or closed to us.
    """
    depends_on = bench.depends_on()
    by_label = {subject.entry.label: subject for subject in subjects}
    studies = {
        label: MethodStudy(storage, label, subject.knobs, seed, depends_on[label])
        for label, subject in by_label.items()
    }
    failed: dict[str, str] = {}
    while going := {
        label: study
        for label, study in studies.items()
        if len(study.done) < trials and label not in failed
    }:
        started = time.perf_counter()
        first = min(len(study.done) for study in going.values())
        for label, measured in _round(bench, going, by_label).items():
            if measured.error is not None and not going[label].done:
                failed[label] = measured.error  # not told: the same command tries it again
            else:
                going[label].tell(measured)
        bench.forget()
        best = {
            label: _best(s.done[:trials]).measured.score or 0.0
            for label, s in studies.items()
            if s.done
        }
        seconds = time.perf_counter() - started
        watch(Round(first + 1, trials, len(going), seconds, best))
    return tuple(
        _result(by_label[label], study.done[:trials], failed.get(label))
        for label, study in studies.items()
    )


def _round(
    bench: Bench, going: Mapping[str, MethodStudy], subjects: Mapping[str, Subject]
) -> dict[str, Measured]:
    entries: dict[str, MethodEntry] = {}
    found: dict[str, Measured] = {}
    for label, study in going.items():
        entry = subjects[label].entry
        first = not study.done
        values = study.ask()
        try:
            # The first trial is the entry as it stands, whatever its knobs can say of it.
            entries[label] = entry if first else with_values(entry, values)
        except ValidationError as error:  # each value alone is taken, these together are not
            found[label] = Measured(None, error=error.errors()[0]["msg"])
    return found | bench.measure(entries)


def _best(trials: Sequence[Done]) -> Done:
    return max(trials, key=lambda trial: -1.0 if (s := trial.measured.score) is None else s)


def _result(subject: Subject, trials: tuple[Done, ...], error: str | None) -> Tuned:
    entry = subject.entry
    if not trials:
        return Tuned(entry.label, (), None, error=error)
    best = _best(trials)
    edges = [k.key for k in subject.knobs if at_edge(entry, k, best.values[k.key])]
    return Tuned(entry.label, trials, best, tuple(edges))
