"""What of a method's entry is tuned: its knobs, their spaces, and entries with other values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic import ValidationError

from merbench import registry
from merbench.errors import ConfigError, did_you_mean
from merbench.execution.build import ConfiguredMethod
from merbench.suite.entries import STAGES, MethodEntry
from merbench.training.config import TrainingOverrides
from merbench.tuning.space import Choice, Float, Int, SearchSpace, Space, Value

Values = Mapping[str, Value]
# Of the stage that predicts; a teacher keeps its settings, and is trained once for all trials.
OF_NETWORKS: SearchSpace = {
    "lr": Float(1e-4, 1e-2, log=True),
    "dropout": Float(0.0, 0.6),
}


class Knob(NamedTuple):
    """A setting that is tuned.

    Attributes:
        key: in the method's entry: `C`, `lr`, `stage2.dropout`.
        space: holds the method's own value.
        own: the value that the suite gives it.
    """

    key: str
    space: Space
    own: Value


def knobs_of(entry: MethodEntry, built: ConfiguredMethod) -> tuple[Knob, ...]:
    """Return what is tuned of a method.

    What the entry sets itself stays as it is, and so does what another setting leaves without a
    meaning (`vae: off` and `beta`).

    Args:
        entry: of the suite.
        built: the same method, with the training that the suite resolves to.

    Raises:
        ConfigError: nothing is left to tune, or the method states a space that it cannot have.
    """
    config = type(built.method.config)
    stated = _stated(entry.name, config)
    spaces = {**(OF_NETWORKS if 0 < len(built.training) <= len(STAGES) else {}), **stated}
    if not spaces:
        raise ConfigError(
            f"method {entry.label!r} has no search space; expected `search_space` on its Config "
            f"(docs/tuning.md), or --methods without {entry.label}"
        )
    found = []
    for name, space in spaces.items():
        own = name in config.model_fields
        if not own and not (built.training and name in TrainingOverrides.model_fields):
            raise _wrong(entry.name, name, _unknown(name, config, network=bool(built.training)))
        knob = (
            _setting(entry, name, space, config.model_fields[name].default)
            if own
            else _of_training(entry, name, space, built)
        )
        if knob is not None:
            found.append(knob)
    if not found:
        raise ConfigError(
            f"method {entry.label!r} has nothing left to tune: its entry in the suite sets "
            f"{', '.join(spaces)}, and what an entry sets stays; leave some of them out, or use "
            f"--methods without {entry.label}"
        )
    return tuple(found)


def with_values(entry: MethodEntry, values: Values) -> MethodEntry:
    """Return an entry with other values of its knobs.

    Raises:
        ValidationError: the method refuses them.
    """
    flat: dict[str, Any] = entry.model_dump(mode="json")
    put_values(flat, values)
    return MethodEntry.model_validate(flat)


def put_values(flat: dict[str, Any], values: Values) -> None:
    """Put values of knobs into a method's entry as a suite writes it."""
    for key, value in values.items():
        stage, _, name = key.rpartition(".")
        if stage:
            flat[stage] = {**flat.get(stage, {}), name: value}
        else:
            flat[name] = value


def at_edge(entry: MethodEntry, knob: Knob, value: Value) -> bool:
    """Say whether a value lies at an edge of its space that the method could go beyond."""
    outside = knob.space.beyond(value)
    return outside is not None and _takes(entry, knob.key, outside)


def _stated(name: str, config: type) -> dict[str, Space]:
    stated = getattr(config, "search_space", {})
    if not isinstance(stated, Mapping):
        raise ConfigError(
            f"{registry.described('methods', name)}: search_space is a {type(stated).__name__}; "
            "expected a mapping of settings to Float, Int or Choice"
        )
    for key, space in stated.items():
        if not isinstance(space, Float | Int | Choice):
            text = f"found {space!r}; expected Float, Int or Choice of merbench.tuning.space"
            raise _wrong(name, key, text)
    return dict(stated)


def _setting(entry: MethodEntry, name: str, space: Space, default: Any) -> Knob | None:
    """Return the knob of a method's own setting, None where it is not to be turned."""
    value = getattr(entry.settings, name)
    if value != default:
        return None
    refused = [v for v in space.samples if not _takes(entry, name, v)]
    if not refused:
        return Knob(name, _holding(entry.name, name, space, value), value)
    plain = MethodEntry.model_validate({"name": entry.name})
    if wrong := [v for v in refused if not _takes(plain, name, v)]:
        raise _wrong(entry.name, name, f"the method refuses {wrong[0]!r}; expected what it takes")
    return None


def _of_training(
    entry: MethodEntry, name: str, space: Space, built: ConfiguredMethod
) -> Knob | None:
    """Return the knob of a training setting of the stage that predicts, None where it is set."""
    stages = len(built.training)
    if stages > len(STAGES):
        raise _wrong(
            entry.name,
            name,
            f"it trains {stages} stages and a suite can set {len(STAGES)}; expected a search_space "
            "of its own settings alone",
        )
    stage = STAGES[stages - 1]
    of_stage = entry.stages.get(stage, TrainingOverrides())
    if getattr(entry.training, name) is not None or getattr(of_stage, name) is not None:
        return None
    key = name if stages == 1 else f"{stage}.{name}"
    if wrong := [v for v in space.samples if not _takes(entry, key, v)]:
        raise _wrong(entry.name, name, f"training refuses {wrong[0]!r}; expected what it takes")
    value = getattr(built.training[-1], name)
    return Knob(key, _holding(entry.name, name, space, value), value)


def _takes(entry: MethodEntry, key: str, value: Value) -> bool:
    try:
        with_values(entry, {key: value})
    except ValidationError:
        return False
    return True


def _holding(method: str, name: str, space: Space, value: Any) -> Space:
    try:
        return space.holding(value)
    except (TypeError, ValueError) as error:
        text = f"its own value is {value!r}; expected a space that can hold it ({error})"
        raise _wrong(method, name, text) from error


def _unknown(name: str, config: type, *, network: bool) -> str:
    valid = [*getattr(config, "model_fields", ())]
    valid += TrainingOverrides.model_fields if network else []
    return f"no such setting; {did_you_mean(name, valid)}"


def _wrong(method: str, name: str, text: str) -> ConfigError:
    said = registry.described("methods", method)
    return ConfigError(f"{said}: search_space of {name!r}: {text}")
