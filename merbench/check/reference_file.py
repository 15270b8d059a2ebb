"""References on disk: JSON with one line for each (method, seed, condition), so that diffs show."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, NonNegativeInt, ValidationError

from merbench.check.reference import Reference, reference_of_run
from merbench.config import Config
from merbench.errors import ConfigError, IncompleteError
from merbench.results.conditions import ConditionKey
from merbench.results.header import TableHeader
from merbench.results.tally import Units
from merbench.store.identity import Identity
from merbench.suite.problems import problems_of
from merbench.text import UNFIT, first_unfit, shortened

FORMAT = "merbench reference 1"
Count = Annotated[int, Field(ge=0, le=2**31 - 1)]
# Far beyond any reference; a file that unpacks to more is none.
LARGEST = 2**28


class _Condition(Config):
    pattern: str
    noise: str
    on: str
    level: int | None
    requested: float | None
    severity: float
    draw: int


class _Unit(Config):
    fold: str
    cluster: str
    utterances: Count


class _Line(Config):
    method: str
    seed: int
    condition: NonNegativeInt
    counts: list[list[Count]]


class _File(Config):
    """The file, as it is read.

    Attributes:
        format: which form of file it is.
        suite: name of the suite.
        suite_hash: of the suite.
        protocol: identity of the protocol.
        versions: of the software.
        revision: of the code.
        corpus: name of the corpus.
        unit: what a cluster is, `speaker` or `dialogue`; empty where none is known.
        modalities: names.
        classes: names.
        methods: label -> its seeds.
        shown_as: label -> how tables call the method.
        conditions: the grid; a line names a condition by its position here.
        units: what one cluster has in one fold.
        lines: for each unit, the confusion matrix, row after row (rows: true class).
    """

    format: Literal["merbench reference 1"] = Field(description=FORMAT)
    suite: str
    suite_hash: str
    protocol: Identity
    versions: dict[str, str]
    revision: str
    corpus: str
    unit: str
    modalities: list[str]
    classes: list[str]
    methods: dict[str, list[int]]
    shown_as: dict[str, str]
    conditions: list[_Condition]
    units: list[_Unit]
    lines: list[_Line]


def load_reference(path: Path) -> Reference:
    """Load a reference: a file, or a run's directory.

    Raises:
        ConfigError: there is nothing, or it is broken, saying where.
        IncompleteError: counts are missing, or it has none.
    """
    if path.is_dir():
        return reference_of_run(path)
    if not path.is_file():
        raise ConfigError(
            f"{path}: no such reference; expected a file that merbench check RUN --save-reference "
            "wrote, or a run"
        )
    return _build(_read(path), path)


def save_reference(reference: Reference, path: Path) -> None:
    """Write a reference; `.gz` at the end of the name packs it. Equal references, equal bytes.

    Raises:
        ConfigError: the file cannot be written.
    """
    content = _text(reference).encode()
    if path.suffix == ".gz":
        content = gzip.compress(content, mtime=0)
    draft = path.with_name(f".{path.name}.draft")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(content)
        draft.replace(path)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error.strerror})") from error


def _text(reference: Reference) -> str:
    header, units = reference.header, reference.units
    head: dict[str, Any] = {
        "format": FORMAT,
        "suite": reference.suite,
        "suite_hash": reference.suite_hash,
        "protocol": reference.protocol.model_dump(mode="json"),
        "versions": dict(reference.versions),
        "revision": reference.revision,
        "corpus": header.corpus,
        "unit": units.kind,
        "modalities": header.modalities,
        "classes": header.classes,
        "methods": {method: reference.seeds(method) for method in header.methods},
        "shown_as": header.shown_as,
    }
    conditions = [condition.to_plain() for condition in header.conditions]
    rows = [
        {
            "fold": header.folds[fold],
            "cluster": units.clusters[cluster],
            "utterances": int(size),
        }
        for fold, cluster, size in zip(units.fold, units.cluster, units.sizes, strict=True)
    ]
    parts = [f"{_json(key)}: {_json(value)}" for key, value in head.items()]
    for key, lines in (("conditions", conditions), ("units", rows), ("lines", _lines(reference))):
        one_each = ",\n".join(map(_json, lines))
        parts.append(f"{_json(key)}: [\n{one_each}\n]")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _lines(reference: Reference) -> Iterator[dict[str, object]]:
    header = reference.header
    for index, method in enumerate(header.methods):
        for seed in reference.seeds(method):
            mine = reference.counts[index, header.seeds.index(seed)]
            for condition in range(len(header.conditions)):
                counts = mine[:, condition].reshape(len(mine), -1).tolist()
                yield {"method": method, "seed": seed, "condition": condition, "counts": counts}


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _read(path: Path) -> _File:
    try:
        with path.open("rb") as stream:
            packed = stream.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else path.open("rb") as stream:
            content = stream.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise ConfigError(f"{path}: unpacks to more than {LARGEST >> 20} MB; not a reference")
        values = json.loads(content)
    except (OSError, EOFError, ValueError, RecursionError, MemoryError, zlib.error) as error:
        raise ConfigError(f"{path}: cannot be read as a reference ({error})") from error
    if not isinstance(values, dict) or "format" not in values:
        raise ConfigError(f"{path}: not a reference; expected what --save-reference writes")
    if values["format"] != FORMAT:
        raise ConfigError(
            f"{path}: format {values['format']!r}; this version reads {FORMAT!r}: save it again"
        )
    try:
        return _File.model_validate(values)
    except ValidationError as error:
        first = problems_of(error, _File, values)[0]
        place = ".".join(map(str, first.location))
        raise ConfigError(f"{path}: {place}: {first.text}") from error


def _build(file: _File, path: Path) -> Reference:
    folds = tuple(dict.fromkeys(unit.fold for unit in file.units))
    clusters = tuple(dict.fromkeys(sorted(unit.cluster for unit in file.units)))
    seeds = tuple(sorted({seed for own in file.methods.values() for seed in own}))
    conditions = tuple(ConditionKey.from_plain(c.model_dump()) for c in file.conditions)
    header = TableHeader(
        corpus=file.corpus,
        modalities=tuple(file.modalities),
        classes=tuple(file.classes),
        methods=tuple(file.methods),
        folds=folds,
        seeds=seeds,
        conditions=conditions,
        shown_as=file.shown_as,
        seeds_of={m: tuple(own) for m, own in file.methods.items() if tuple(own) != seeds},
    )
    header.check(path)
    wrong = first_unfit((file.suite, *clusters))
    if wrong is not None:
        raise ConfigError(f"{path}: {shortened(wrong, 100)!r} {UNFIT}")
    units = Units(
        file.unit,
        clusters,
        np.array([clusters.index(unit.cluster) for unit in file.units], np.int64),
        np.array([folds.index(unit.fold) for unit in file.units], np.int64),
        np.array([unit.utterances for unit in file.units], np.int64),
    )
    return Reference(
        suite=file.suite,
        suite_hash=file.suite_hash,
        protocol=file.protocol,
        versions=file.versions,
        revision=file.revision,
        header=header,
        units=units,
        counts=_counts(file, header, units, path),
    )


def _counts(file: _File, header: TableHeader, units: Units, path: Path) -> NDArray[np.int32]:
    """Return the counts of every line, after a look at each.

    Raises:
        ConfigError: a line does not fit the header, or is there twice.
        IncompleteError: lines are missing, or there is none.
    """
    classes, conditions = len(header.classes), len(header.conditions)
    number = sum(map(len, file.methods.values())) * conditions
    if not number or len(file.lines) < number:
        raise IncompleteError(
            f"{path}: expected {number} lines, one for each method, seed and condition; "
            f"found {len(file.lines)}"
        )
    wanted = {
        (method, seed, condition)
        for method, own in file.methods.items()
        for seed in own
        for condition in range(conditions)
    }
    shape = (len(header.methods), len(header.seeds), len(units.fold), conditions)
    counts = np.zeros((*shape, classes, classes), np.int32)
    labels: NDArray[np.int32] | None = None
    for number, line in enumerate(file.lines):
        place = (line.method, line.seed, line.condition)
        where = f"{path}: line {number} ({line.method}, seed {line.seed}, {line.condition})"
        if place not in wanted:
            raise ConfigError(f"{where}: not in the header, or there twice")
        wanted.remove(place)
        if any(len(row) != classes**2 for row in line.counts) or len(line.counts) != len(
            units.fold
        ):
            raise ConfigError(f"{where}: expected {len(units.fold)} x {classes**2} counts")
        own = np.array(line.counts, np.int32).reshape(-1, classes, classes)
        labels = own.sum(axis=-1) if labels is None else labels
        if not (own.sum(axis=(1, 2)) == units.sizes).all() or not (own.sum(-1) == labels).all():
            raise ConfigError(f"{where}: its counts are not those of the utterances of the units")
        method, seed = header.methods.index(line.method), header.seeds.index(line.seed)
        counts[method, seed, :, line.condition] = own
    return counts
