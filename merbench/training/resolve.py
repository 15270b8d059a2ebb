"""From published settings to those a suite trains with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from merbench.training.config import PRESETS, StageTraining, TrainingConfig, TrainingOverrides


def resolve_training(
    published: Mapping[str, StageTraining],
    suite: TrainingConfig,
    method: TrainingOverrides,
    stages: Mapping[str, TrainingOverrides],
) -> tuple[StageTraining, ...]:
    """Return the settings of each stage of a method.

    Later ones win: published, preset, suite, method, `stage1`/`stage2` of the method.
    """
    preset = PRESETS[suite.preset]
    nothing = TrainingOverrides()
    resolved = []
    for number, (name, training) in enumerate(published.items(), start=1):
        own = stages.get(f"stage{number}", nothing)
        for overrides in (preset.every, preset.stages.get(name, nothing), suite, method, own):
            training = overrides.apply(training)
        resolved.append(training)
    return tuple(resolved)


def equalise(
    trainings: Sequence[tuple[StageTraining, ...]],
) -> tuple[tuple[StageTraining, ...], ...]:
    """Give every method as many epochs, summed over its stages, as the method that has most.

    Each stage keeps its share of the method's epochs; rounding goes to the last stage.
    """
    most = max((sum(s.total_epochs for s in stages) for stages in trainings), default=0)
    return tuple(_stretched(stages, most) for stages in trainings)


def _stretched(stages: tuple[StageTraining, ...], total: int) -> tuple[StageTraining, ...]:
    have = sum(stage.total_epochs for stage in stages)
    stretched: list[StageTraining] = []
    left = total
    for number, stage in enumerate(stages, start=1):
        spare = left - (len(stages) - number)  # every later stage needs an epoch
        decay = min(round(stage.decay_epochs * total / have), spare - 1)
        epochs = spare - decay
        if number < len(stages):
            epochs = min(max(1, round(stage.epochs * total / have)), epochs)
        left -= epochs + decay
        stretched.append(stage.model_copy(update={"epochs": epochs, "decay_epochs": decay}))
    return tuple(stretched)
