"""From the entries of a suite to noises and methods."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from merbench import registry
from merbench.corruption.grid import NoiseColumn
from merbench.corruption.missing import MissingColumn
from merbench.corruption.noises.base import Point, ScheduledNoise
from merbench.errors import ConfigError
from merbench.methods.base import Method, NetworkMethod
from merbench.suite.entries import MethodEntry, MissingEntry, NoiseEntry
from merbench.suite.problems import Problem
from merbench.suite.schema import Suite
from merbench.suite.source import Source
from merbench.training.config import ClassWeights, StageTraining
from merbench.training.resolve import equalise, resolve_training


def noise_column(entry: NoiseEntry) -> NoiseColumn:
    """Build a noise and its points from an entry of a suite."""
    noise = registry.load("noises", entry.type)(entry.options)
    points: list[Point]
    if entry.severities is not None:
        points = [noise.at_severity(severity) for severity in entry.severities]
    elif not isinstance(noise, ScheduledNoise):
        raise ConfigError(f"noise {entry.label!r} has no schedule: give severities")
    elif entry.levels is not None:
        points = [noise.at_level(level) for level in entry.levels]
    else:
        points = [noise.at_snr(decibel) for decibel in entry.snrs or ()]
    return NoiseColumn(entry.label, noise, entry.on, tuple(points))


def missing_column(entry: MissingEntry, modalities: Sequence[str]) -> MissingColumn:
    """Build a way of missing at random; a modality that the entry does not weigh weighs 1."""
    weights = tuple(entry.weights.get(name, 1.0) for name in modalities)
    return MissingColumn(entry.label, weights, entry.rates)


class ConfiguredMethod(NamedTuple):
    """A method of a suite, and what it is trained with.

    Attributes:
        label: in the suite.
        method: the method.
        training: settings of its stages; none for a black box.
        class_weights: of a black box.
        missing_rate: share of its training utterances that is made incomplete.
    """

    label: str
    method: Method
    training: tuple[StageTraining, ...]
    class_weights: ClassWeights
    missing_rate: float


def build_methods(suite: Suite, source: Source | None = None) -> tuple[ConfiguredMethod, ...]:
    """Build the methods of a suite.

    Args:
        suite: validated.
        source: says where each entry was written.

    Raises:
        ConfigError: an entry sets a stage or a training setting that its method does not have, or
            asks for noise that the suite has not.
    """
    methods = [registry.load("methods", e.name)(e.settings) for e in suite.methods]
    problems = [
        Problem(("methods", position, *problem.location), problem.text)
        for position, (method, entry) in enumerate(zip(methods, suite.methods, strict=True))
        for problem in _problems(method, entry, suite)
    ]
    if problems:
        raise (source or Source("suite", {})).error(problems)
    trainings = [
        resolve_training(m.published(), suite.training, entry.training, entry.stages)
        if isinstance(m, NetworkMethod)
        else ()
        for m, entry in zip(methods, suite.methods, strict=True)
    ]
    if suite.training.equal_budget:
        networks = [stages for stages in trainings if stages]
        equal = iter(equalise(networks))
        trainings = [next(equal) if stages else () for stages in trainings]
    return tuple(
        ConfiguredMethod(
            entry.label,
            method,
            training,
            entry.training.class_weights or suite.training.class_weights or "off",
            suite.train_missing_rate
            if entry.train_missing_rate is None
            else entry.train_missing_rate,
        )
        for entry, method, training in zip(suite.methods, methods, trainings, strict=True)
    )


def _problems(method: Method, entry: MethodEntry, suite: Suite) -> list[Problem]:
    """Return what an entry asks for that its method or suite cannot give."""
    name, found = entry.name, []
    have = len(method.published()) if isinstance(method, NetworkMethod) else 0
    for stage in entry.stages:
        if int(stage.removeprefix("stage")) > have:
            text = f"{name} has {have} stage{'s' * (have != 1)}; expected no {stage}"
            found.append(Problem((stage,), text))
    if not isinstance(method, NetworkMethod):
        for key in entry.training.model_dump(exclude_none=True, exclude={"class_weights"}):
            text = f"{name} trains by itself, without epochs or steps; expected no {key}"
            found.append(Problem((key,), text))
    elif method.config.train_noise == "suite" and not suite.grid.noise:
        text = "the grid has no noise to train with; expected off or scheduler"
        found.append(Problem(("train_noise",), text))
    return found
