"""The header of a table: what the run was to hold, kept in the file so that it reads by itself."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from merbench.errors import ConfigError
from merbench.results.conditions import ConditionKey
from merbench.results.reading import reading
from merbench.text import UNFIT, first_unfit, shortened

METADATA_KEY = b"merbench"
FORMAT = 1
MOST_COUNTS = 50_000_000  # ten times a study of 10 methods, 5 seeds and 1000 conditions


class CellKey(NamedTuple):
    """One trained cell."""

    method: str
    fold: str
    seed: int

    def __str__(self) -> str:
        return f"({self.method}, fold {self.fold}, seed {self.seed})"


@dataclass(frozen=True)
class TableHeader:
    """The axes of a run, all in the order of its suite.

    Attributes:
        corpus: name of the corpus.
        modalities: names in corpus order.
        classes: class names; labels are positions in it.
        methods: labels.
        folds: names.
        seeds: seeds.
        conditions: the grid; a condition's id is its position here.
        shown_as: label -> how tables call the method, where that is not its label.
        seen: noise -> labels of the methods that met it in training.
        noised_as_absent: labels of the methods that take a noised modality for an absent one.
        imported: labels of the methods that were predicted elsewhere.
        seeds_of: label -> its seeds, for the methods that were not to have every seed.
        unmet: noise -> the modalities that it has no meaning for, where there are any.
    """

    corpus: str
    modalities: tuple[str, ...]
    classes: tuple[str, ...]
    methods: tuple[str, ...]
    folds: tuple[str, ...]
    seeds: tuple[int, ...]
    conditions: tuple[ConditionKey, ...]
    shown_as: dict[str, str] = field(default_factory=dict)
    seen: dict[str, tuple[str, ...]] = field(default_factory=dict)
    noised_as_absent: tuple[str, ...] = ()
    imported: tuple[str, ...] = ()
    seeds_of: dict[str, tuple[int, ...]] = field(default_factory=dict)
    unmet: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def complete(self) -> str:
        """The pattern in which nothing is missing."""
        return "+".join(self.modalities)

    @property
    def cells(self) -> tuple[CellKey, ...]:
        """Every cell the run was to hold, in row order: method, fold, seed."""
        return tuple(
            CellKey(method, fold, seed)
            for method in self.methods
            for fold in self.folds
            for seed in self.own_seeds(method)
        )

    def own_seeds(self, method: str) -> tuple[int, ...]:
        """Return the seeds that a method was to have."""
        return self.seeds_of.get(method, self.seeds)

    def with_imports(self, imports: Mapping[str, Sequence[int]]) -> TableHeader:
        """Return the header with methods after its own that were predicted elsewhere.

        Each brings seeds of its own; tables call it imported, for no one here saw it trained.

        Args:
            imports: label -> seeds.
        """
        if not imports:
            return self
        more = sorted({seed for own in imports.values() for seed in own} - {*self.seeds})
        seeds = (*self.seeds, *more)
        held = dict.fromkeys(self.methods, self.seeds) | {
            label: tuple(seed for seed in seeds if seed in own) for label, own in imports.items()
        }
        return replace(
            self,
            methods=(*self.methods, *imports),
            seeds=seeds,
            shown_as={**self.shown_as, **{label: f"{label} (imported)" for label in imports}},
            imported=tuple(imports),
            seeds_of={label: own for label, own in held.items() if own != seeds},
        )

    def without_imports(self, seeds: Sequence[int]) -> TableHeader:
        """Return the header as it was before `with_imports`.

        Args:
            seeds: of the run's own suite.
        """
        own = tuple(label for label in self.methods if label not in self.imported)
        return replace(
            self,
            methods=own,
            seeds=tuple(seeds),
            shown_as={label: name for label, name in self.shown_as.items() if label in own},
            imported=(),
            seeds_of={},
        )

    def to_metadata(self) -> dict[bytes, bytes]:
        """Return schema metadata (JSON, NaN as null)."""
        conditions = [condition.to_plain() for condition in self.conditions]
        content = {"format": FORMAT, **asdict(self), "conditions": conditions}
        return {METADATA_KEY: json.dumps(content, allow_nan=False).encode()}

    @classmethod
    def from_schema(cls, schema: pa.Schema, path: Path) -> TableHeader:
        """Read the header of a table.

        Args:
            schema: of the parquet file.
            path: of the file, for the error.

        Raises:
            ConfigError: the table was not written by merbench, or by a version too new.
        """
        metadata = schema.metadata or {}
        if METADATA_KEY not in metadata:
            raise ConfigError(f"{path}: not a table that merbench wrote (it has no header)")
        with reading(path):
            return cls._from_json(json.loads(metadata[METADATA_KEY]), path)

    @classmethod
    def _from_json(cls, content: dict[str, Any], path: Path) -> TableHeader:
        if content["format"] != FORMAT:
            raise ConfigError(f"{path}: written in a newer format; expected format {FORMAT}")
        conditions = tuple(ConditionKey.from_plain(c) for c in content["conditions"])
        found = cls(
            corpus=content["corpus"],
            modalities=tuple(content["modalities"]),
            classes=tuple(content["classes"]),
            methods=tuple(content["methods"]),
            folds=tuple(content["folds"]),
            seeds=tuple(content["seeds"]),
            conditions=conditions,
            shown_as=content.get("shown_as", {}),
            seen={noise: tuple(methods) for noise, methods in content.get("seen", {}).items()},
            noised_as_absent=tuple(content.get("noised_as_absent", ())),
            imported=tuple(content.get("imported", ())),
            seeds_of={label: tuple(own) for label, own in content.get("seeds_of", {}).items()},
            unmet={noise: tuple(names) for noise, names in content.get("unmet", {}).items()},
        )
        found.check(path)
        return found

    def check(self, path: Path) -> None:
        """Refuse a header that nobody's run has: another may have written the file.

        Raises:
            ConfigError: a name that cannot be one, or axes that no memory holds.
        """
        lists = (self.modalities, self.classes, self.methods, self.folds, [self.corpus])
        texts = [*chain(*lists), *self.shown_as.values(), *chain(*(c[:3] for c in self.conditions))]
        others: list[object] = [text for text in texts if not isinstance(text, str)]
        others += [seed for seed in self.seeds if type(seed) is not int]
        if others:
            raise ConfigError(f"{path}: damaged: {shortened(repr(others[0]), 100)} is no name")
        wrong = first_unfit(texts)
        if wrong is not None:
            raise ConfigError(f"{path}: {shortened(repr(wrong), 100)} {UNFIT}")
        size = math.prod(map(len, (self.methods, self.seeds, self.conditions)))
        if size * len(self.classes) ** 2 > MOST_COUNTS:
            raise ConfigError(f"{path}: damaged: its axes come to more than {MOST_COUNTS} counts")
