"""Importing predictions: from a checked file to cells of a run and to its tables."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from merbench.errors import ConfigError, NotComparableError
from merbench.exchange.check import Checked, check
from merbench.exchange.frame import Frame
from merbench.exchange.rows import PredictionsFile
from merbench.execution import provenance
from merbench.execution.identity import identity_of
from merbench.execution.local import LocalEngine
from merbench.execution.plan import Plan
from merbench.execution.run import Quiet, run_alone
from merbench.results.header import TableHeader
from merbench.results.tables import RESULTS, CellPredictions
from merbench.store.directory import RUN, alone, read_run, refuse_strangers
from merbench.store.folders import read_record, write_text
from merbench.store.identity import Identity, digest_of
from merbench.store.imports import (
    FORMAT,
    FoundCell,
    Import,
    ImportedCell,
    describe_imports,
    imported_cells,
    read_imports,
    seeds_by_label,
    usable,
    write_import,
)
from merbench.store.rebuild import rebuild_tables
from merbench.store.store import Store
from merbench.text import UNFIT, first_unfit, plain, shortened


@dataclass(frozen=True)
class ImportOutcome:
    """What an import came to.

    Attributes:
        root: the run directory.
        record: of the import.
        tables: False where the run has no tables yet, so that they follow with it.
    """

    root: Path
    record: Import
    tables: bool


def import_predictions(
    plan: Plan, path: Path, label: str, root: Path, *, replace: bool = False
) -> ImportOutcome:
    """Check predictions and add them to a run as a method; a run is made where there is none.

    Args:
        plan: what the predictions are for; its methods are not trained.
        path: CSV or Parquet.
        label: what tables are to call the method.
        root: the run directory.
        replace: put the predictions in the place of those imported under this label before.

    Raises:
        ConfigError: the file, all of what is wrong with it; or the label or directory is taken.
        NotComparableError: the run tests under another protocol, or the file says that it was
            made for another.
    """
    _check_label(label, plan.labels, "the suite")
    refuse_strangers(root)
    file = PredictionsFile.open(path)
    identity = identity_of(plan)
    _check_run(root, identity, label, replace=replace)
    checked = check(file, Frame.of(plan), label, identity.short)
    with alone(root):
        # Once more, now that no other run can change what is there.
        _check_run(root, identity, label, replace=replace)
        return _store(plan, path, label, root, checked, identity)


def _check_label(label: str, taken: Sequence[str], whose: str) -> None:
    if not label.strip():
        raise ConfigError("--as: found an empty label; expected a name for the method")
    if first_unfit([label]) is not None:
        raise ConfigError(f"--as {shortened(label, 100)!r}: {UNFIT}")
    if label in taken:
        raise ConfigError(
            f"--as {label}: is a method of {whose}; expected another name than "
            f"{', '.join(sorted(taken))}"
        )


def _check_run(root: Path, identity: Identity, label: str, *, replace: bool) -> None:
    """Refuse a run that predictions for this identity and label do not belong into."""
    run = read_run(root)
    if run is None:
        return
    imports = read_imports(Store(root))
    if label not in [each.label for each in imports]:
        _check_label(label, [*_labels(run), *run["methods"]], f"the run {root}")
    elif not replace:
        raise ConfigError(
            f"--as {label}: {root} has predictions under this label already; --replace puts "
            "these in their place"
        )
    if "protocol" not in run:
        raise ConfigError(
            f"{root / RUN}: written by an earlier version, without its protocol; `merbench run` "
            "with the same --out adds it"
        )
    theirs = Identity.model_validate(run["protocol"])
    apart = theirs.all_differences(identity, "the run", "the suite given here")
    if apart:
        raise NotComparableError(
            f"{root}: not comparable, the run tests under another protocol: " + "; ".join(apart)
        )


def _labels(run: dict[str, Any]) -> list[str]:
    return [str(entry["label"]) for entry in run["suite"]["methods"]]


def _store(
    plan: Plan, path: Path, label: str, root: Path, checked: Checked, identity: Identity
) -> ImportOutcome:
    store = Store(root)
    store.clean()
    with path.open("rb") as stream:
        sha = hashlib.file_digest(stream, "sha256").hexdigest()
    before = {each.label: each for each in read_imports(store)}.get(label)
    cells: list[ImportedCell] = []
    kept = {cell.folder for cell in before.cells} if before is not None else set()
    try:
        for predictions in checked.cells:
            cells.append(_write(store, predictions, identity, sha, path.name))
        record = Import(
            format=FORMAT,
            label=label,
            source=path.name,
            sha256=sha,
            rows=checked.rows,
            imported=provenance.now(),
            protocol=identity,
            file_protocol=checked.protocol,
            cells=tuple(cells),
        )
        write_import(store, record)
    except BaseException:
        _remove(store, {cell.folder for cell in cells} - kept)
        raise
    _remove(store, kept - {cell.folder for cell in cells})
    return ImportOutcome(root, record, _show(plan, store, identity))


def _write(
    store: Store, predictions: CellPredictions, identity: Identity, sha: str, source: str
) -> ImportedCell:
    content = [identity.model_dump(mode="json"), sha, *predictions.key]
    key = digest_of(["import", FORMAT, content])
    name = f"{plain(predictions.method)}-{plain(predictions.fold)}-s{predictions.seed}-{key[:12]}"
    record: dict[str, Any] = {
        "name": "imported",
        "source": source,
        "parameters": None,
        "stages": [],
        "seconds": {"train": None, "evaluate": None},
        "peak_memory": None,
        "device": "elsewhere",
        "notes": [],
    }
    store.write_cell(name, key, record, {}, predictions)
    return ImportedCell(fold=predictions.fold, seed=predictions.seed, folder=name, key=key)


def _remove(store: Store, folders: set[str]) -> None:
    for folder in folders:
        shutil.rmtree(store.cells / folder, ignore_errors=True)


def _show(plan: Plan, store: Store, identity: Identity) -> bool:
    """Bring run.json and the tables up to date; return whether there are tables."""
    run = read_run(store.root)
    if run is None:
        # What a run does when there is nothing to train is all that is wanted here.
        empty = dataclasses.replace(plan, labels=(), cells=(), stages=())
        run_alone(empty, store.root, LocalEngine(1), Quiet())
        return True
    imports = usable(read_imports(store), identity).imports
    imported = {folder for each in run.get("imports", []) for folder in each["folders"]}
    tables = (store.root / RESULTS).is_file()
    if tables:
        # The run's own cells are taken as they are: their methods may not even be installed here.
        header = TableHeader.from_schema(
            pq.read_schema(store.root / RESULTS), store.root / RESULTS
        ).without_imports(run["seeds"])
        cells = [
            FoundCell(folder, record)
            for folder in run["folders"]
            if folder not in imported and (record := read_record(store.cells / folder)) is not None
        ]
        shown = header.with_imports(seeds_by_label(imports))
        corpus = plan.protocol.corpus
        rebuild_tables(
            store,
            shown,
            corpus,
            [*cells, *imported_cells(store, imports, shown.cells)],
            plan.suite.metrics,
        )
    write_text(store.root / RUN, json.dumps(describe_imports(run, imports), indent=1) + "\n")
    return tables
