"""Exporting a grid: frozen corrupted test features, and what is needed to train, for numpy."""

from __future__ import annotations

import csv
import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from merbench.corpus.folds import PARTS, Fold
from merbench.corruption.grid import ABSENT, CLEAN, ModalityInput
from merbench.errors import ConfigError
from merbench.execution.identity import identity_of
from merbench.execution.plan import Plan
from merbench.execution.prepare import PreparedFold, prepare
from merbench.execution.protocol import Division
from merbench.execution.tasks import cpu_threads
from merbench.features.observation import State, zero_input
from merbench.features.ragged import Ragged
from merbench.results.conditions import ConditionKey
from merbench.store.fresh import fresh_folder
from merbench.store.identity import Identity
from merbench.text import plain

EXPORT = "export.json"
CONDITIONS, INPUTS, TEMPLATE = "conditions.csv", "inputs.csv", "predictions-template.csv"
UTTERANCES = "utterances.csv"
FORMAT = 1
# Instead of a state, where modalities are missing at random: test/missing.N.npy has who lacks what.
BY_UTTERANCE = "by utterance"
_KIND = "merbench grid export"
_TEMPLATE_ROWS = 3


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        conditions: how many.
        inputs: distinct inputs over all modalities.
        folds: how many.
        size: bytes.
    """

    conditions: int
    inputs: int
    folds: int
    size: int


def export_grid(plan: Plan, folder: Path, *, replace: bool = False) -> Exported:
    """Write a grid; a write that fails leaves no trace.

    Args:
        plan: corpus, folds and grid; its methods play no part.
        folder: where; must be new or empty.
        replace: put the new export in the place of the one that is there; only where every file in
            the folder belongs to that one.

    Raises:
        ConfigError: the folder is taken, or two modalities would have one file.
        CorpusError: the corpus cannot be normalised in some fold.
    """
    _refuse_clashes(plan.protocol.corpus.names)
    with fresh_folder(folder, "an export of a grid", _strangers, replace=replace) as fresh:
        names = _input_names(plan)
        _write_conditions(fresh / CONDITIONS, plan, names)
        _write_inputs(fresh / INPUTS, plan, names)
        identity = identity_of(plan)
        _write_template(fresh / TEMPLATE, plan, identity)
        folds = []
        for number, fold in enumerate(plan.folds, start=1):
            # Fold names come from a corpus and may hold anything; export.json has them.
            place = fresh / f"fold-{number}"
            with cpu_threads(plan.protocol.threads):
                folds.append({"folder": place.name, **_write_fold(place, plan, fold, names)})
        files = sorted(path for path in fresh.rglob("*") if path.is_file())
        description = _describe(plan, identity, folds, names)
        description["files"] = {path.relative_to(fresh).as_posix(): _sha256(path) for path in files}
        text = json.dumps(description, indent=1) + "\n"
        (fresh / EXPORT).write_text(text, "utf-8")
        size = sum(path.stat().st_size for path in files) + len(text)
    return Exported(len(plan.conditions), sum(map(len, names)), len(folds), size)


def _refuse_clashes(modalities: Sequence[str]) -> None:
    files: dict[str, str] = {}
    for modality in modalities:
        # Some file systems do not tell A from a.
        other = files.setdefault(plain(modality).lower(), modality)
        if other != modality:
            raise ConfigError(
                f"modalities {other!r} and {modality!r} would both be in files called "
                f"{plain(modality)}; expected names that differ in letters or digits"
            )


def is_export(folder: Path) -> bool:
    """Say whether a folder holds an export."""
    try:
        found = json.loads((folder / EXPORT).read_text("utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and found.get("kind") == _KIND


def _strangers(folder: Path) -> list[str] | None:
    """Return the files beside an export that are no part of it, None where there is no export."""
    if not is_export(folder):
        return None
    listed = json.loads((folder / EXPORT).read_text("utf-8")).get("files")
    known = {EXPORT, *(listed if isinstance(listed, dict) else ())}
    files = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    return sorted({path.relative_to(folder).as_posix() for path in files} - known)


_InputNames = list[dict[ModalityInput, str]]


def _input_names(plan: Plan) -> _InputNames:
    """Return, for each modality, the distinct inputs that have features, and their file names."""
    grid, found = plan.protocol.grid, []
    for index in range(len(plan.protocol.corpus.names)):
        noised = [seen for seen in grid.inputs(index) if seen.noise is not None]
        # Clean test features are always there: they are what every noise starts from.
        found.append(
            {CLEAN: "clean"}
            | {seen: f"{n:03d}-{plain(str(seen.noise))}" for n, seen in enumerate(noised, start=1)}
        )
    return found


def _write_conditions(path: Path, plan: Plan, names: _InputNames) -> None:
    modalities = plan.protocol.corpus.names
    header = ["condition", *ConditionKey._fields]
    for name in modalities:
        header += [f"{name}_input", f"{name}_state"]
    rows = []
    for number, (key, condition) in enumerate(
        zip(plan.conditions, plan.protocol.grid.conditions, strict=True)
    ):
        row: list[object] = [number, *map(_cell, key)]
        for of_modality, seen in zip(names, condition.inputs, strict=True):
            state = State(seen.state).name.lower() if condition.missing is None else BY_UTTERANCE
            row += ["" if seen == ABSENT else of_modality[seen], state]
        rows.append(row)
    _write_csv(path, header, rows)


def _write_inputs(path: Path, plan: Plan, names: _InputNames) -> None:
    rows = []
    for modality, of_modality in zip(plan.protocol.corpus.names, names, strict=True):
        for seen, name in of_modality.items():
            point = seen.point
            key = ("", "", "") if point is None else (point.level, point.severity, seen.draw)
            rows.append([modality, name, seen.noise or "none", *map(_cell, key)])
    _write_csv(path, ["modality", "input", "noise", "level", "severity", "draw"], rows)


def _write_template(path: Path, plan: Plan, identity: Identity) -> None:
    """Write the first rows of a file of predictions, with predictions that mean nothing."""
    corpus, fold = plan.protocol.corpus, plan.folds[0]
    share = 1 / len(corpus.classes)
    rows = [
        [identity.short, corpus.utterances[u], 0, fold.name, 0, corpus.classes[0]]
        + [share] * len(corpus.classes)
        for u in fold.test[:_TEMPLATE_ROWS].tolist()
    ]
    columns = ["protocol", "utterance", "condition", "fold", "seed", "prediction"]
    _write_csv(path, [*columns, *(f"p_{name}" for name in corpus.classes)], rows)


def _write_fold(place: Path, plan: Plan, fold: Fold, names: _InputNames) -> dict[str, Any]:
    ready = prepare(plan.protocol, Division(fold, plan.suite.train_missing_rate))
    place.mkdir()
    _write_utterances(place / UTTERANCES, plan, fold)
    for part in PARTS:
        (place / part).mkdir()
    for index, modality in enumerate(ready.shape.names):
        name = plain(modality)
        for part, features in (("train", ready.train), ("valid", ready.valid)):
            _write_layout(place / part, name, features.features[modality])
            _write_array(place / part / f"{name}.npy", features.features[modality].values.numpy())
        clean = ready.evaluator.part.features[modality]
        _write_layout(place / "test", name, clean)
        for seen, file in names[index].items():
            values = ready.evaluator.sequences(index, seen).values
            _write_array(place / "test" / f"{name}.{file}.npy", values.numpy())
    for number, condition in enumerate(plan.protocol.grid.conditions):
        if condition.missing is not None:
            gone = ~ready.evaluator.there(condition)
            _write_array(place / "test" / f"missing.{number}.npy", gone.numpy())
    return {
        "name": fold.name,
        **{part: len(getattr(fold, part)) for part in PARTS},
        "modalities": _modalities(ready),
        "notes": list(ready.notes),
    }


def _modalities(ready: PreparedFold) -> list[dict[str, Any]]:
    return [
        {
            "name": shape.name,
            "kind": shape.kind,
            "width": shape.width,
            "absent_frames": int(zero_input(shape, ready.train.labels.device).lengths[0]),
        }
        for shape in ready.shape.modalities
    ]


def _write_utterances(path: Path, plan: Plan, fold: Fold) -> None:
    """Write who is in which part, in the order of the arrays; test labels stay here."""
    corpus = plan.protocol.corpus
    rows = []
    for part in PARTS:
        for u in getattr(fold, part).tolist():
            speaker = "" if corpus.speakers is None else str(corpus.speakers[u])
            label = "" if part == "test" else corpus.classes[int(corpus.labels[u])]
            rows.append([part, corpus.utterances[u], speaker, label])
    _write_csv(path, ["part", "utterance", "speaker", "label"], rows)


def _write_layout(folder: Path, name: str, features: Ragged) -> None:
    offsets = np.concatenate([[0], np.cumsum(features.lengths.numpy())])
    _write_array(folder / f"{name}.offsets.npy", offsets.astype(np.int64))


def _write_array(path: Path, array: NDArray[Any]) -> None:
    # Version 1 is what every numpy can map; saving by name would take its own view of suffixes.
    with path.open("wb") as stream:
        npy.write_array(stream, np.ascontiguousarray(array), version=(1, 0))


def _describe(
    plan: Plan, identity: Identity, folds: Sequence[dict[str, Any]], names: _InputNames
) -> dict[str, Any]:
    corpus = plan.protocol.corpus
    tests = sum(len(fold.test) for fold in plan.folds)
    return {
        "kind": _KIND,
        "format": FORMAT,
        "suite": plan.suite.resolved(),
        "suite_hash": plan.suite.hash,
        "protocol": identity.model_dump(mode="json"),
        "protocol_digest": identity.short,
        "corpus": {
            "name": corpus.name,
            "fingerprint": corpus.fingerprint,
            "utterances": len(corpus),
            "classes": list(corpus.classes),
            "modalities": [
                {"name": m.name, "kind": m.kind, "width": m.width} for m in corpus.modalities
            ],
        },
        "folds": list(folds),
        "conditions": len(plan.conditions),
        "inputs": {
            name: list(found.values()) for name, found in zip(corpus.names, names, strict=True)
        },
        "predictions_expected": len(plan.conditions) * tests,
    }


def _cell(value: object) -> object:
    """Return a value as csv shows it: nothing for what is not there."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return value


def _write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
