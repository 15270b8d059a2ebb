"""The example package, built and installed: its plug-ins work as ours do."""

from __future__ import annotations

import json
import shutil

import pandas as pd
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import cohen_kappa_score

from tests.plugins.environment import EXAMPLE, Environment, copy_of_example

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Environment:
    folder = tmp_path_factory.mktemp("plugin")
    environment = Environment.make(folder / "venv")
    environment.install(copy_of_example(folder / "source"))
    return environment


@pytest.fixture(scope="module")
def run(installed):
    folder = installed.folder / "run"
    said = installed.merbench("run", EXAMPLE / "suite.yaml", "--out", folder, "--quiet")
    assert said.code == 0, said.err
    return folder, said


@pytest.mark.parametrize(
    ("kind", "name"),
    [("methods", "forest"), ("noises", "stutter"), ("readers", "jsonl"), ("metrics", "kappa")],
)
def test_its_plugins_are_listed_with_their_package(installed, kind, name):
    items = {i["name"]: i for i in json.loads(installed.merbench("list", kind, "--json").out)}
    assert items[name]["distribution"] == "merbench-example 1.0"
    assert not any(item["broken"] for item in items.values())
    assert {i["distribution"] for n, i in items.items() if n != name} == {""}
    lines = installed.merbench("list", kind).out.splitlines()
    (line,) = [line for line in lines if line.split()[0] == name]
    assert line.endswith("  [merbench-example 1.0]")


def test_its_plugins_run_in_a_suite(run):
    folder, said = run
    results = pd.read_parquet(folder / "results.parquet")
    assert set(results["method"]) == {"logreg", "zero_fill", "forest"}
    assert set(results["noise"]) == {"none", "stutter"}
    assert "kappa, " in said.out


def test_its_metric_is_a_column_and_equals_an_independent_one(run):
    folder, _ = run
    results = pd.read_parquet(folder / "results.parquet")
    predictions = pd.read_parquet(folder / "predictions.parquet")
    keys = ["method", "fold", "seed", "condition"]
    found = results.set_index(keys)["kappa"].sort_index()
    for key, rows in predictions.groupby(keys, observed=True):
        expected = cohen_kappa_score(rows["label"].astype(str), rows["prediction"].astype(str))
        assert found[key] == pytest.approx(expected, abs=1e-12)
    assert pq.read_schema(folder / "results.parquet").names[-1] == "kappa"


def test_its_metric_goes_through_report_compare_and_gate(installed, run):
    folder, _ = run
    said = installed.merbench("report", folder)
    assert said.code == 0, said.err
    summary = json.loads((folder / "report" / "summary.json").read_text())["runs"][0]
    assert summary["metrics"] == ["ua", "wa", "kappa"]
    columns = summary["contrasts"]["columns"]
    rows = [dict(zip(columns, row, strict=True)) for row in summary["contrasts"]["rows"]]
    (row,) = [r for r in rows if r["metric"] == "kappa"]
    assert row["low"] < row["difference"] < row["high"]
    assert (folder / "report" / "tables" / "kappa-overview.csv").is_file()

    said = installed.merbench("compare", folder, "--methods", "forest,logreg", "--metric", "kappa")
    assert said.code == 0, said.err
    assert "kappa" in said.out

    reference = installed.folder / "reference.json"
    assert installed.merbench("check", folder, "--save-reference", reference).code == 0
    said = installed.merbench("check", folder, "--reference", reference, "--json")
    assert said.code == 0, said.err
    assert {"ua", "wa", "kappa"} == {
        rule["metric"] for rule in json.loads(said.out)["checked"]["rules"]
    }


def test_without_the_package_the_run_says_what_is_missing(run, merbench):
    folder, _ = run
    copy = shutil.copytree(folder, merbench.folder / "run")
    said = merbench("report", copy)
    assert said.code == 2
    assert "unknown metric 'kappa'" in said.err


def test_its_reader_is_recognised_by_the_path_alone(installed):
    lines = [
        {
            "id": f"u{n}",
            "label": "ab"[n % 2],
            "speaker": f"s{n % 3}",
            "features": {"audio": [[float(n), n * 0.5]], "text": [[1.0, n % 5], [0.5, n % 7]]},
        }
        for n in range(6)
    ]
    path = installed.folder / "few.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)), "utf-8")
    for spec in (path, f"jsonl:{path}"):
        said = installed.merbench("data", "describe", spec)
        assert said.code == 0, said.err
        assert "audio" in said.out


def test_it_passes_the_conformance_tests(installed):
    said = installed("-m", "pytest", "-q", "-p", "no:cacheprovider", EXAMPLE / "tests")
    assert said.code == 0, said.out[-2000:]
    assert "48 passed" in said.out


def test_it_is_audited_by_its_name(installed):
    said = installed.merbench("audit", "forest", "--checks", "trains,blindness", "--json")
    assert said.code == 0, said.err
