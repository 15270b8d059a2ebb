"""The base of every settings model: strict, frozen, and deaf to nothing."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Config(BaseModel):
    """Settings as users write them: unknown keys are errors, numbers finite, types kept."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
