"""What comes after a run: its tables, its analysis, the gate."""

from __future__ import annotations

import io
import json

import pyarrow.parquet as pq
import pytest

from merbench.analysis.build import analyse
from merbench.check.gate import check
from merbench.check.reference import reference_of_run
from merbench.check.reference_file import load_reference, save_reference
from merbench.execution.plan import make_plan
from merbench.results.tables import PREDICTIONS
from merbench.store.imports import FoundCell
from merbench.store.rebuild import rebuild_tables
from merbench.store.store import Store
from merbench.suite.load import load_suite
from tests.benchmarks.speed.beside import SPEED, beside

pytestmark = SPEED


@pytest.fixture(scope="module")
def reference_file(finished, tmp_path_factory):
    path = tmp_path_factory.mktemp("reference") / "reference.json"
    save_reference(reference_of_run(finished.root), path)
    return path


def test_rebuilding_of_tables(benchmark, finished):
    plan, store = make_plan(load_suite(finished.suite)), Store(finished.root)
    header, corpus = plan.header(), plan.protocol.corpus
    table = finished.root / PREDICTIONS
    rows = pq.read_table(table).num_rows

    def rebuild() -> None:
        found = [(cell.folder, store.cell_record(cell.folder, cell.key)) for cell in plan.cells]
        cells = [FoundCell(folder, record) for folder, record in found if record is not None]
        assert len(cells) == len(plan.cells)
        rebuild_tables(store, header, corpus, cells)

    beside(
        benchmark,
        lambda: pq.write_table(pq.read_table(table), io.BytesIO(), compression="zstd"),
        rebuild,
        rounds=9,
    )
    assert pq.read_table(table).num_rows == rows


def test_analysis(benchmark, finished, arrays):
    beside(benchmark, arrays, lambda: analyse(finished.root, draws=1000), rounds=7)


def test_loading_of_a_reference(benchmark, reference_file):
    def parse() -> None:
        for _ in range(10):
            json.loads(reference_file.read_bytes())

    beside(benchmark, parse, lambda: load_reference(reference_file), rounds=15)


def test_check(benchmark, finished, reference_file, arrays):
    reference = load_reference(reference_file)
    beside(
        benchmark,
        arrays,
        lambda: check(reference_of_run(finished.root), reference),
        rounds=15,
    )
