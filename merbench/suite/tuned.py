"""The `tuned` section of a suite: what `merbench tune` spent on the settings that stand in it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveInt

from merbench.config import Config
from merbench.training.config import SelectBy

Score = Annotated[float, Field(ge=0, le=1)]


class TunedMethod(Config):
    """What tuning one method took, and what it brought.

    Attributes:
        seconds: of training and scoring, all trials together.
        epochs: of training, all trials together; 0 for a method that trains by itself.
        own: validation score of the method's own settings.
        best: validation score of the settings that won: the best of many, so an optimistic one.
    """

    seconds: NonNegativeFloat
    epochs: NonNegativeInt
    own: Score
    best: Score


class TunedConfig(Config):
    """How the settings of a suite were found; it changes no result.

    Attributes:
        trials: of every method, its own settings included.
        select_by: the validation score, averaged over the partial patterns.
        folds: that trials trained and validated on.
        seeds: that they trained with.
        untouched: folds whose test part holds no utterance that a trial trained or validated on.
        methods: label -> what it took.
    """

    trials: PositiveInt
    select_by: SelectBy
    folds: tuple[str, ...] = Field(strict=False)
    seeds: tuple[NonNegativeInt, ...] = Field(strict=False)
    untouched: tuple[str, ...] = Field(strict=False)
    methods: dict[str, TunedMethod]
