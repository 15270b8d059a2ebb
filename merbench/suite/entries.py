"""The entries of a suite whose settings belong to a plug-in: corpus, methods and noises.

A suite writes them flat (`{name: nmer, vae: off, epochs: 10}`); here each key finds its owner.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator, Field, field_validator, model_serializer, model_validator

from merbench import registry
from merbench.config import Config
from merbench.corpus.load import parse_spec
from merbench.corruption.grid import On
from merbench.corruption.schedule import STEPS
from merbench.errors import ConfigError, MerbenchError
from merbench.suite.problems import Problems, shown, unknown_key
from merbench.text import UNFIT, first_unfit, shortened
from merbench.training.config import TrainingOverrides

STAGES = ("stage1", "stage2")
AXES = ("severities", "levels", "snrs")


def _fit(name: str) -> str:
    if first_unfit([name]) is not None:
        raise ValueError(f"{shortened(name, 100)!r} {UNFIT}")
    if not name.strip():
        raise ValueError(f"found {name!r}; expected a name that can be seen")
    return name


Name = Annotated[str, Field(min_length=1), AfterValidator(_fit)]
Severity = Annotated[float, Field(ge=0, le=1)]
MissingRate = Annotated[float, Field(ge=0, lt=1)]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Level = Annotated[int, Field(ge=0, le=STEPS)]
Decibel = Annotated[float, Field(allow_inf_nan=False)]
Axis = Field(None, strict=False, min_length=1)


class CorpusHead(Config):
    """What every corpus entry has."""

    reader: Name = Field(description="the name of a reader")


class CorpusEntry(CorpusHead):
    """The corpus of a suite: `{reader: synthetic, utterances: 1200}`, `table:PATH` or `PATH`."""

    settings: Config

    @staticmethod
    def long_form(raw: object) -> object:
        """Return `table:PATH` as `{reader: table, path: PATH}`.

        Raises:
            MerbenchError: the path leads nowhere, or no reader knows what is there.
        """
        if not isinstance(raw, str):
            return raw
        spec = parse_spec(raw)
        path = {} if spec.path is None else {"path": str(spec.path)}
        return {"reader": spec.reader, **path}

    @model_validator(mode="before")
    @classmethod
    def _split(cls, raw: object) -> object:
        problems = Problems()
        try:
            raw = cls.long_form(raw)
        except MerbenchError as error:
            problems.add(str(error))
        if isinstance(raw, Mapping):
            raw = _divide(raw, _CORPUS, problems)
        problems.raise_any()
        return raw

    @model_serializer
    def _flat(self) -> dict[str, Any]:
        return {"reader": self.reader, **self.settings.model_dump(mode="json")}


class MethodHead(Config):
    """What every method entry has, beside its training and its own settings."""

    name: Name = Field(description="the name of a method, or package.module:Name")
    label: Name | None = Field(None, description="how tables call it; the name by default")
    train_missing_rate: MissingRate | None = Field(
        None, description="share of its training utterances that are incomplete, if not the suite's"
    )


class MethodEntry(MethodHead):
    """A method of a suite: `nmer`, or `{name: nmer, label: ..., vae: off, epochs: 10}`.

    Attributes:
        label: unique in the suite.
        settings: the method's own `Config`.
        training: what it changes of the suite's training, in every stage.
        stages: `stage1` and `stage2` -> what that stage changes on top of it.
    """

    label: Name
    settings: Config
    training: TrainingOverrides
    stages: dict[str, TrainingOverrides]

    @staticmethod
    def long_form(raw: object) -> object:
        """Return `nmer` as `{name: nmer}`."""
        return {"name": raw} if isinstance(raw, str) else raw

    @model_validator(mode="before")
    @classmethod
    def _split(cls, raw: object) -> object:
        raw = cls.long_form(raw)
        if not isinstance(raw, Mapping):
            return raw
        problems = Problems()
        training = problems.read(TrainingOverrides, _part(raw, TrainingOverrides.model_fields))
        stages = {}
        for stage in STAGES:
            if stage in raw:
                stages[stage] = problems.read(TrainingOverrides, raw[stage], stage)
        entry = _divide(raw, _METHOD, problems)
        problems.raise_any()
        if entry.get("label") is None:
            entry["label"] = entry["name"].rpartition(":")[2]
        return {**entry, "training": training, "stages": stages}

    @model_serializer
    def _flat(self) -> dict[str, Any]:
        stages = {
            stage: training.model_dump(mode="json", exclude_none=True)
            for stage, training in self.stages.items()
        }
        return {
            "name": self.name,
            "label": self.label,
            "train_missing_rate": self.train_missing_rate,
            **self.settings.model_dump(mode="json"),
            **self.training.model_dump(mode="json", exclude_none=True),
            **stages,
        }


class NoiseHead(Config):
    """What every noise entry has, beside its own options."""

    type: Name = Field(description="the name of a noise")
    label: Name | None = Field(None, description="how tables call it; the type by default")
    on: tuple[On, ...] = Field(
        strict=False, min_length=1, description="absent, present or all, or a list of them"
    )
    severities: tuple[Severity, ...] | None = Axis
    levels: tuple[Level, ...] | None = Axis
    snrs: tuple[Decibel, ...] | None = Axis

    @model_validator(mode="before")
    @classmethod
    def _listed(cls, raw: object) -> object:
        if isinstance(raw, Mapping) and isinstance(raw.get("on"), str):
            return {**raw, "on": [raw["on"]]}
        return raw


class NoiseEntry(NoiseHead):
    """A noise of the grid: `{type: burst, severities: [0.2, 0.5], on: present}`.

    Attributes:
        label: unique in the suite.
        on: which modalities it meets.
        severities: shares of damage, 0 to 1; or
        levels: steps of the schedule, 0 to T; or
        snrs: signal-to-noise ratios in dB. Exactly one of the three is set.
        options: the noise's own `Config`.
    """

    label: Name
    options: Config

    @model_validator(mode="before")
    @classmethod
    def _split(cls, raw: object) -> object:
        if not isinstance(raw, Mapping):
            return raw
        problems = Problems()
        entry = _divide(raw, _NOISE, problems)
        _check_axis(entry, problems)
        if isinstance(on := raw.get("on"), list | tuple):
            problems.need_unique(on, "on")
        problems.raise_any()
        if entry.get("label") is None:
            entry["label"] = entry["type"].rpartition(":")[2]
        return entry

    @model_serializer
    def _flat(self) -> dict[str, Any]:
        axes = {axis: list(values) for axis in AXES if (values := getattr(self, axis)) is not None}
        options = self.options.model_dump(mode="json")
        return {"type": self.type, "label": self.label, "on": list(self.on), **axes, **options}


class MissingEntry(Config):
    """A way of missing at random: `{rates: [0.1, 0.3, 0.5], weights: {text: 3}}`.

    Attributes:
        label: unique in the suite.
        rates: shares of all modalities of all utterances that are missing.
        weights: how the rate is divided among the modalities; one that is not named weighs 1.
    """

    label: Name = Field("random", description="how tables call it")
    rates: tuple[MissingRate, ...] = Field(
        strict=False, min_length=1, description="shares of all modalities that are missing"
    )
    weights: dict[Name, Weight] = Field({}, description="modality: its part in the rate")

    @field_validator("rates")
    @classmethod
    def _check_rates(cls, rates: tuple[float, ...]) -> tuple[float, ...]:
        problems = Problems()
        problems.need_unique(rates)
        problems.raise_any()
        return rates


class _Kind(NamedTuple):
    """How the entries of one kind are written.

    Attributes:
        group: of the plug-ins.
        naming: the key that names the plug-in.
        head: model of the keys that every entry of the kind has.
        settings: what the plug-in's settings are called.
        reserved: keys that are dealt with elsewhere.
    """

    group: registry.Group
    naming: str
    head: type[Config]
    settings: str
    reserved: tuple[str, ...] = ()


_CORPUS = _Kind("readers", "reader", CorpusHead, "settings")
_METHOD = _Kind(
    "methods", "name", MethodHead, "settings", (*TrainingOverrides.model_fields, *STAGES)
)
_NOISE = _Kind("noises", "type", NoiseHead, "options")


def _part(raw: Mapping[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    return {key: raw[key] for key in keys if key in raw}


def _divide(raw: Mapping[str, Any], kind: _Kind, problems: Problems) -> dict[str, Any]:
    """Divide an entry between its head and its plug-in's settings, noting what is wrong."""
    in_head = _part(raw, kind.head.model_fields)
    checked = problems.read(kind.head, in_head)
    entry = in_head if checked is None else dict(checked)
    name = raw.get(kind.naming)
    if not isinstance(name, str) or not name:
        return entry
    try:
        config = registry.load(kind.group, name).Config
    except ConfigError as error:
        problems.add(str(error), kind.naming)
        return entry
    own, common = set(config.model_fields), {*kind.head.model_fields, *kind.reserved}
    if clash := sorted(own & common):
        problems.add(
            f"the settings of {registry.described(kind.group, name)} use keys that every entry "
            f"has: {', '.join(clash)}; "
            "expected names of their own",
            kind.naming,
        )
        return entry
    for key in raw:
        if key not in own | common:
            problems.add(unknown_key(key, own | common), key)
    return {**entry, kind.settings: problems.read(config, _part(raw, own))}


def _check_axis(entry: Mapping[str, Any], problems: Problems) -> None:
    """Check that one axis is given, without repetition, and that the noise has it."""
    given = [axis for axis in AXES if entry.get(axis) is not None]
    if len(given) != 1:
        problems.add(
            f"found {' and '.join(given) or 'no axis'}; "
            "expected exactly one of severities, levels, snrs"
        )
    for axis in given:
        if isinstance(values := entry[axis], list | tuple):
            problems.need_unique(values, axis)
    kind: Any = None
    if "options" in entry:
        kind = registry.load("noises", entry["type"])
    for axis in given:
        if kind is not None and axis != "severities" and not kind.scheduled:
            problems.add(
                f"noise {shown(entry['type'])} follows no schedule; expected severities (0 to 1)",
                axis,
            )
