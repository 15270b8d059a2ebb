"""The study of one method: Optuna proposes, and its journal remembers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, Trial, TrialState

from merbench import seeds
from merbench.errors import ConfigError
from merbench.store.writing import writing
from merbench.tuning.knobs import Knob
from merbench.tuning.space import Choice, Float, Space, Value

JOURNAL = "study.journal"
# Random trials before the sampler looks at what there is: of the 20 by default, less than half.
_RANDOM = 8
_MADE_FOR, _OUTCOME = "made for", "outcome"
_COUNTED = (TrialState.COMPLETE, TrialState.PRUNED)
_TURNED = {"corpus": "corpus", "score": "score", "space": "search space"}


class Measured(NamedTuple):
    """What a trial came to.

    Attributes:
        score: on validation, averaged over the partial patterns; None where it could not be done.
        complete: on the complete pattern.
        seconds: of training and scoring.
        epochs: of training.
        error: why it could not be done.
    """

    score: float | None
    complete: float | None = None
    seconds: float = 0.0
    epochs: int = 0
    error: str | None = None


class Done(NamedTuple):
    """A trial that counts.

    Attributes:
        number: 0 has the method's own settings.
        values: key of a knob -> value.
        measured: what it came to.
    """

    number: int
    values: Mapping[str, Value]
    measured: Measured


def open_journal(root: Path) -> JournalStorage:
    """Open the journal of a tuning's studies, or begin one.

    Raises:
        ConfigError: it is there and cannot be read.
        StorageError: it cannot be written to.
    """
    path = root / JOURNAL
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with writing(root):
            _mend(path)
            return JournalStorage(JournalFileBackend(str(path)))
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{path}: not a journal of studies ({error}); use another --out"
        ) from error


def _mend(path: Path) -> None:
    """Drop the half of a line that a killed process may have left at the end."""
    if not path.is_file():
        return
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        with path.open("r+b") as file:
            file.truncate(whole)


class MethodStudy:
    """Trials of one method, in order.

    What trial n tries is a function of the suite's seed, the method's label, n and the trials
    before, so that a study that was interrupted goes on as if it had not been.

    Args:
        storage: of all methods.
        label: of the method in the suite.
        knobs: what is tuned.
        seed: of the suite.
        made_for: what the scores depend on, by name.

    Raises:
        ConfigError: the journal has a study of this label that was made for something else.
    """

    def __init__(
        self,
        storage: JournalStorage,
        label: str,
        knobs: Sequence[Knob],
        seed: int,
        made_for: Mapping[str, Any],
    ) -> None:
        self.label, self.knobs, self._seed = label, {k.key: k for k in knobs}, seed
        self._spaces = {knob.key: _distribution(knob.space) for knob in knobs}
        if label in optuna.get_all_study_names(storage):
            self._study = optuna.load_study(study_name=label, storage=storage)
        else:
            self._study = optuna.create_study(
                storage=storage, study_name=label, direction="maximize"
            )
        made_for = {**made_for, "space": {key: repr(knob) for key, knob in self.knobs.items()}}
        before = self._study.user_attrs.get(_MADE_FOR)
        if before is None:
            self._study.set_user_attr(_MADE_FOR, made_for)
        elif before != made_for:
            changed = [_TURNED.get(k, k) for k, v in made_for.items() if before.get(k) != v]
            raise ConfigError(
                f"the study of {label!r} there was made for another suite (changed: "
                f"{', '.join(changed)}); use another --out, or the suite it was made for"
            )
        self._asked: Trial | None = None
        for trial in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            self._study.tell(trial.number, state=TrialState.FAIL)

    @property
    def done(self) -> tuple[Done, ...]:
        """The trials that count, in order; one that was interrupted does not."""
        found = self._study.get_trials(deepcopy=False, states=_COUNTED)
        return tuple(self._done(number, trial) for number, trial in enumerate(found))

    def ask(self) -> dict[str, Value]:
        """Return the values to try next: the method's own, then what Optuna proposes."""
        number = len(self.done)
        if number == 0:
            return {key: knob.own for key, knob in self.knobs.items()}
        seed = seeds.torch_seed("tune", self._seed, self.label, number) % 2**32
        self._study.sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=_RANDOM)
        self._asked = self._study.ask(self._spaces)
        return self._tidy(self._asked.params)

    def tell(self, measured: Measured) -> None:
        """Note what the values asked for came to; one that could not be done counts, as worst."""
        state = TrialState.PRUNED if measured.score is None else TrialState.COMPLETE
        if self._asked is not None:
            self._asked.set_user_attr(_OUTCOME, measured._asdict())
            # Optuna takes no value with a trial that came to nothing.
            self._study.tell(self._asked, measured.score, state)
            self._asked = None
            return
        self._study.add_trial(
            optuna.trial.create_trial(
                state=state,
                value=measured.score,
                params={key: knob.own for key, knob in self.knobs.items()},
                distributions=self._spaces,
                user_attrs={_OUTCOME: measured._asdict()},
            )
        )

    def _done(self, number: int, trial: FrozenTrial) -> Done:
        values = self._tidy(trial.params) if number else trial.params
        return Done(number, values, Measured(**trial.user_attrs[_OUTCOME]))

    def _tidy(self, params: Mapping[str, Any]) -> dict[str, Value]:
        return {key: knob.space.tidy(params[key]) for key, knob in self.knobs.items()}


def _distribution(space: Space) -> BaseDistribution:
    if isinstance(space, Choice):
        return CategoricalDistribution(space.options)
    if isinstance(space, Float):
        return FloatDistribution(space.low, space.high, log=space.log)
    return IntDistribution(space.low, space.high, log=space.log)
