"""The native layout: memory-mappable arrays, a Parquet index and a manifest of checksums."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import NonNegativeInt, PositiveInt, ValidationError

from merbench.config import Config
from merbench.corpus.corpus import GROUPINGS, Corpus, Kind, Modality, PredefinedFold
from merbench.corpus.expansion import Expansion
from merbench.corpus.mapped import MappedModality
from merbench.corpus.problems import ProblemError, Problems, SettledError
from merbench.corpus.readers.base import PathConfig, Reader, corpus_folder
from merbench.corpus.text import name_array, read_json
from merbench.errors import did_you_mean

MANIFEST, INDEX = "manifest.json", "index.parquet"
FORMAT, VERSION = "merbench corpus", 1
FOLD = "fold:"
PARTS = ("train", "valid", "test")


class NativeConfig(PathConfig):
    """Settings of the native reader: the layout says everything itself."""


class StoredModality(Config):
    """One modality in the manifest.

    Attributes:
        name: of the modality.
        kind: decides the encoder.
        width: feature columns.
        frames: of all utterances.
        values: file of the (frames, width) float32 array.
        offsets: file of the (N + 1,) int64 array.
    """

    name: str
    kind: Kind
    width: PositiveInt
    frames: PositiveInt
    values: str
    offsets: str


class StoredFile(Config):
    """One file in the manifest."""

    bytes: NonNegativeInt
    sha256: str


class Manifest(Config):
    """`manifest.json`.

    Attributes:
        format: `merbench corpus`.
        version: of the layout.
        name: of the corpus.
        fingerprint: of everything that can change a result.
        utterances: how many.
        classes: in class order.
        modalities: in corpus order.
        folds: names of the predefined folds; each is a column `fold:NAME` of the index.
        files: every other file of the folder.
        digest: of the manifest itself, so that the fingerprint stands for what it says.
    """

    format: str
    version: int
    name: str
    fingerprint: str
    utterances: PositiveInt
    classes: list[str]
    modalities: list[StoredModality]
    folds: list[str]
    files: dict[str, StoredFile]
    digest: str = ""

    def own_digest(self) -> str:
        """Return the sha256 of all that the manifest says but the name, which anyone may change."""
        content = self.model_dump(mode="json", exclude={"name", "digest"})
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


class NativeReader(Reader[NativeConfig]):
    """Reads what `merbench data convert` writes, without copying the features.

    `<modality>.npy` holds the frames of all utterances and `<modality>.offsets.npy` where each
    begins; `index.parquet` has a row an utterance (utterance, label, the known groups, and a column
    for each predefined fold); `manifest.json` has the name, the kinds, the order of classes and
    modalities, the fingerprint, size and sha256 of every file, and a digest of all that but the
    name. On reading, the manifest is checked against its digest, index and offsets against their
    sha256 and the features against their size; `data check` checks all.
    """

    summary: ClassVar[str] = "memory-mapped arrays with a manifest, as `data convert` writes them"
    Config: ClassVar[type[Config]] = NativeConfig

    @classmethod
    def detect(cls, path: Path) -> bool:
        """Say whether manifest and index are there."""
        return (path / MANIFEST).is_file() and (path / INDEX).is_file()

    @classmethod
    def read(cls, config: NativeConfig) -> Corpus:
        """Map the folder; see the class."""
        return cls.examine(config, Problems())

    @classmethod
    def examine(cls, config: NativeConfig, problems: Problems) -> Corpus:
        """Map the folder and tell of all that is wrong."""
        folder = corpus_folder("native", config)
        manifest = _read_manifest(folder / MANIFEST)
        if manifest.digest != manifest.own_digest():
            what = f"{folder / MANIFEST}: edited by hand, or written by another merbench"
            problems.add(ProblemError("checksum", f"{what}; convert the corpus again"))
        missing = _check_files(folder, manifest, problems)
        modalities: list[Modality] = []
        for stored in manifest.modalities:
            if not missing & {stored.values, stored.offsets}:
                with problems.part() as inner:
                    modalities.append(_open(folder, stored, manifest, inner))
        corpus: Corpus | None = None
        if INDEX not in missing:
            with problems.part(folder / INDEX):
                corpus = _index(folder / INDEX, manifest, tuple(modalities), problems)
        problems.settle()
        if corpus is None:
            raise SettledError
        if problems.thorough:
            found = replace(corpus).fingerprint
            if found != manifest.fingerprint:
                what = f"says {manifest.fingerprint}, the files come to {found}"
                raise ProblemError(
                    "fingerprint", f"{folder / MANIFEST}, field 'fingerprint': {what}"
                )
        # Computed when it was written; the checks above stand for the files being the same.
        vars(corpus)["fingerprint"] = manifest.fingerprint
        return corpus


def _read_manifest(path: Path) -> Manifest:
    if not path.is_file():
        raise ProblemError("missing file", f"{path}: no such file; the native layout needs it")
    content = read_json(path)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ProblemError("unreadable", f"{path}: not a manifest; expected format {FORMAT!r}")
    if content.get("version") != VERSION:
        raise ProblemError(
            "unreadable",
            f"{path}: version {content.get('version')!r} of the layout, this merbench reads "
            f"{VERSION}",
        )
    try:
        return Manifest(**content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        hint = ""
        if first["type"] == "extra_forbidden" and len(first["loc"]) == 1:
            hint = f"; {did_you_mean(where, Manifest.model_fields)}"
        raise ProblemError(
            "unreadable", f"{path}, field {where!r}: {first['msg']}{hint}"
        ) from error


def _check_files(folder: Path, manifest: Manifest, problems: Problems) -> set[str]:
    """Compare the files with the manifest; returns the names of those that are not there."""
    missing = set()
    values = {modality.values for modality in manifest.modalities}
    for name, stored in manifest.files.items():
        path = folder / name
        if Path(name).name != name:
            what = f"{folder / MANIFEST}, files: {name!r} is not the name of a file in this folder"
            problems.add(ProblemError("unknown file", what))
        elif not path.is_file():
            missing.add(name)
            what = "is a folder" if path.is_dir() else "no such file"
            problems.add(ProblemError("missing file", f"{path}: {what}; the manifest lists it"))
        elif path.stat().st_size != stored.bytes:
            size = path.stat().st_size
            what = f"{path}: has {size} bytes, the manifest says {stored.bytes}"
            problems.add(ProblemError("file size", what))
        elif problems.thorough or name not in values:
            # Reading all features would take longer than mapping them saves.
            found = sha256(path)
            if found != stored.sha256:
                what = f"{path}: has sha256 {found}, the manifest says {stored.sha256}"
                problems.add(ProblemError("checksum", what))
    needed = {INDEX, *values, *(m.offsets for m in manifest.modalities)}
    for name in sorted(needed - set(manifest.files)):
        missing.add(name)
        what = f"{folder / MANIFEST}, files: {name!r} is not listed, and the corpus needs it"
        problems.add(ProblemError("missing file", what))
    if problems.thorough:
        known = {MANIFEST, *manifest.files}
        for path in sorted(folder.iterdir()):
            if path.name not in known:
                what = f"{path}: the manifest does not list this file"
                problems.add(ProblemError("extra file", what))
    return missing


def sha256(path: Path) -> str:
    """Return the checksum of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _open(
    folder: Path, stored: StoredModality, manifest: Manifest, problems: Problems
) -> MappedModality:
    for name in (stored.values, stored.offsets):
        if Path(name).name != name:
            raise ProblemError("unknown file", f"{folder / MANIFEST}: {name!r} is not a file name")
    modality = MappedModality.open(
        stored.name, stored.kind, folder / stored.values, folder / stored.offsets
    )
    expected = (stored.frames, stored.width)
    if modality.values.shape != expected:
        what = f"has shape {modality.values.shape}, the manifest says {expected}"
        problems.add(ProblemError("shape", f"{folder / stored.values}: {what}"))
    if len(modality.offsets) != manifest.utterances + 1:
        what = f"has {len(modality.offsets) - 1} utterances, the manifest {manifest.utterances}"
        problems.add(ProblemError("count", f"{folder / stored.offsets}: {what}"))
    if problems.thorough:
        with problems.part(folder / stored.values) as inner:
            Modality.build(
                stored.name, modality.values, modality.offsets, stored.kind, problems=inner
            )
    return modality


def _index(
    path: Path, manifest: Manifest, modalities: tuple[Modality, ...], problems: Problems
) -> Corpus:
    expansion = Expansion(path)
    try:
        with pq.ParquetFile(path) as file:
            rows = file.metadata.num_rows
            for group in range(file.num_row_groups):
                expansion.add(file.metadata.row_group(group).total_byte_size)
            if rows != manifest.utterances:
                what = f"{rows} rows, the manifest says {manifest.utterances} utterances"
                raise ProblemError("count", what)
            table = file.read()
    except (OSError, ValueError, MemoryError, pa.ArrowException) as error:
        raise ProblemError("unreadable", f"not a readable Parquet file ({error})") from error
    wanted = ["utterance", "label", *(FOLD + name for name in manifest.folds)]
    for name in wanted:
        if name not in table.column_names:
            what = f"no column {name!r}; {did_you_mean(name, table.column_names)}"
            raise ProblemError("missing column", what)
    columns = {name: _cells(table, name) for name in wanted}
    groups = {g: name_array(g, _cells(table, g)) for g in GROUPINGS if g in table.column_names}
    position = {name: k for k, name in enumerate(manifest.classes)}
    for row, label in enumerate(columns["label"]):
        if label not in position:
            what = f"row {row}, column 'label': {label!r} is not among the classes"
            raise ProblemError(
                "unknown label", f"{what}; {did_you_mean(str(label), manifest.classes)}"
            )
    problems.settle()
    return Corpus(
        manifest.name,
        tuple(columns["utterance"]),
        np.array([position[label] for label in columns["label"]], np.int64),
        tuple(manifest.classes),
        modalities,
        groups.get("speaker"),
        groups.get("session"),
        groups.get("dialogue"),
        tuple(_fold(name, columns[FOLD + name]) for name in manifest.folds),
    )


def _cells(table: pa.Table, name: str) -> list[Any]:
    cells: list[Any] = table.column(name).to_pylist()
    empty = not name.startswith(FOLD)
    for row, cell in enumerate(cells):
        if not (isinstance(cell, str) or (cell is None and not empty)):
            raise ProblemError(
                "empty cell", f"row {row}, column {name!r}: expected text, found {cell}"
            )
    return cells


def _fold(name: str, cells: list[str | None]) -> PredefinedFold:
    found: dict[str, list[int]] = {part: [] for part in PARTS}
    for row, cell in enumerate(cells):
        if cell is None:
            continue
        if cell not in found:
            what = f"unknown part {cell!r}; {did_you_mean(cell, PARTS)}"
            raise ProblemError("unknown part", f"row {row}, column {FOLD + name!r}: {what}")
        found[cell].append(row)
    parts: dict[str, NDArray[np.int64]] = {p: np.array(r, np.int64) for p, r in found.items()}
    return PredefinedFold(name, **parts)
