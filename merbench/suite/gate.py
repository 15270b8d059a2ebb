"""The `gate` section of a suite: which drops matter to `merbench check`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError, model_validator

from merbench.config import Config
from merbench.statistics.outcome import ALPHA
from merbench.suite.problems import Problems, problems_of
from merbench.suite.source import read

DEFAULT_POINTS = 1.0


class Tolerance(Config):
    """How far a value may drop: in points of the metric, or relative to the reference.

    Attributes:
        points: percentage points.
        relative: a share of the reference's value.
        metric: for this metric only.
        method: for the method of this label only.
        group: for this group of conditions only: `complete`, `partial mean`, `grid mean`, a pattern
            (`audio+text`), a noise (`gaussian`, or as tables call it, `gaussian noise on absent
            modalities`), `patterns` or `noises`.
    """

    points: Annotated[float, Field(ge=0, le=100)] | None = None
    relative: Annotated[float, Field(ge=0, le=1)] | None = None
    metric: str | None = None
    method: str | None = None
    group: str | None = None

    @model_validator(mode="after")
    def _check_one(self) -> Tolerance:
        problems = Problems()
        if (self.points is None) == (self.relative is None):
            problems.add("expected either points or relative")
        problems.raise_any()
        return self

    def of(self, reference: float) -> float:
        """Return the largest drop that is tolerated, a fraction.

        Args:
            reference: the value that drops, a fraction.
        """
        if self.points is not None:
            return self.points / 100
        return (self.relative or 0.0) * reference


class GateConfig(Config):
    """The `gate` section.

    Attributes:
        alpha: the chance that a run like its reference is failed, all rules together.
        tolerances: the last one that fits a rule is its own; 1 point where none does.
    """

    alpha: Annotated[float, Field(gt=0, lt=1)] = ALPHA
    tolerances: tuple[Tolerance, ...] = Field((), strict=False)


def read_gate(path: Path) -> GateConfig:
    """Read a YAML file that holds a `gate` section's fields.

    Raises:
        ConfigError: everything that is wrong, each with file, line and field.
    """
    source = read(path)
    try:
        return GateConfig.model_validate(source.values)
    except ValidationError as error:
        raise source.error(problems_of(error, GateConfig, source.values)) from error
