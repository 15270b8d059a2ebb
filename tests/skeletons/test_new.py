"""`merbench new` writes plug-ins that work as they stand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from merbench import registry
from merbench.skeletons.skeleton import write

METHODS = ("network", "torch", "sklearn", "black-box")
OTHERS = ("noise", "reader", "metric")
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def importable(merbench, monkeypatch):
    """As the command line has it: the current folder can be imported from."""
    monkeypatch.syspath_prepend(merbench.folder)
    yield
    for name in [n for n, m in sys.modules.items() if _within(m, merbench.folder)]:
        del sys.modules[name]
    registry.load.cache_clear()


def _within(module, folder) -> bool:
    return str(getattr(module, "__file__", "") or "").startswith(str(folder))


@pytest.mark.parametrize("kind", METHODS)
def test_a_method_runs_in_a_suite_at_once(merbench, kind):
    said = merbench("new", "method", f"OwnOf{kind.title().replace('-', '')}", "--kind", kind)
    assert said.code == 0, said.err
    module, test = (Path(line) for line in said.out.splitlines())
    assert module.is_file()
    assert test.is_file()
    path = f"{module.stem}:OwnOf{kind.title().replace('-', '')}"
    run = merbench.folder / "run"
    merbench.run(merbench.suite(), run, "--methods", f"logreg,{path}")
    results = pd.read_parquet(run / "results.parquet")
    assert set(results["method"]) == {"logreg", path.partition(":")[2]}
    assert f"--methods zero_fill,{path}" in said.err


def test_a_noise_a_reader_and_a_metric_are_taken_by_import_path(merbench):
    for kind in OTHERS:
        assert merbench("new", kind, f"own_{kind}").code == 0
    noise = {"type": "own_noise:OwnNoise", "severities": [0.5], "on": "present"}
    # The only one, and so the main one of the report, of which no value of a guess is known.
    metrics = ["own_metric:OWN_METRIC"]
    suite = merbench.suite(methods=["logreg"], grid={"noise": [noise]}, metrics=metrics)
    run = merbench.folder / "run"
    merbench.run(suite, run)
    results = pd.read_parquet(run / "results.parquet")
    assert set(results["noise"]) == {"none", "OwnNoise"}
    values = results["own_metric:OWN_METRIC"]
    assert ((values >= 0) & (values <= results["ua"])).all()  # the worst recall, and their mean
    said = merbench("report", run)
    assert said.code == 0, said.err
    assert (run / "report" / "tables" / "own_metric-own_metric-overview.csv").is_file()


def test_a_reader_reads_by_import_path(merbench):
    merbench("new", "reader", "own_layout")
    namespace: dict[str, object] = {}
    exec((merbench.folder / "test_own_layout.py").read_text(), namespace)
    corpus = merbench.folder / "corpus"
    namespace["TestOwnLayout"]().write(corpus)
    said = merbench("data", "describe", f"own_layout:OwnLayout:{corpus}")
    assert said.code == 0, said.err
    assert "8 utterances" in said.out


@pytest.mark.slow
@pytest.mark.parametrize("kind", [*METHODS, *OTHERS])
def test_what_is_written_passes_its_own_test_and_the_linter(merbench, kind):
    write(kind, "MyOwn", merbench.folder)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    config = ("--no-cache", "--config", ROOT / "pyproject.toml", ".")
    for program in (
        # Where merbench stands among imports depends on whose it is.
        ("ruff", "check", "--ignore", "I001", *config),
        ("ruff", "format", "--check", *config),
        ("pytest", "-q", "-p", "no:cacheprovider", "-W", "error", "test_my_own.py"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", *map(str, program)],
            cwd=merbench.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


@pytest.mark.parametrize("kind", [*METHODS, *OTHERS])
def test_nothing_of_the_skeleton_s_own_name_is_left(tmp_path, kind):
    written = write(kind, "OwnThing", tmp_path)
    for file in (written.module, written.test):
        text = file.read_text("utf-8")
        assert "skeleton" not in text.lower()
        compile(text, str(file), "exec")
    assert 'own_thing = "own_thing:' in written.entry_point


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("lstm2", "lstm2"),
        ("MyMethod", "my_method"),
        ("my_method", "my_method"),
        ("Graph_Net", "graph_net"),
        ("HTTPish", "httpish"),
    ],
)
def test_names_become_a_module_and_a_class(tmp_path, name, files):
    assert write("network", name, tmp_path / "new" / "folder").module.stem == files


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("3d", "expected letters, digits and '_'"),
        ("my-method", "expected letters, digits and '_'"),
        ("../evil", "expected letters, digits and '_'"),
        ("", "expected letters, digits and '_'"),
        ("_", "expected letters, digits and '_'"),
        ("Müller", "expected letters, digits and '_'"),
        ("json", "belongs to Python"),
        ("lambda", "belongs to Python"),
        ("Nmer", "there is a method 'nmer' already"),
        ("torch", "there is a module 'torch' already"),
    ],
)
def test_a_name_that_cannot_be_is_refused_and_nothing_written(merbench, name, says):
    said = merbench("new", "method", "--out", "here", "--", name)
    assert said.code == 2
    assert says in said.err
    assert not (merbench.folder / "here").exists()


def test_nothing_is_overwritten(merbench):
    assert merbench("new", "method", "mine").code == 0
    before = (merbench.folder / "mine.py").read_text()
    said = merbench("new", "noise", "mine")
    assert said.code == 2
    assert "mine.py is there already" in said.err
    (merbench.folder / "test_other.py").touch()
    said = merbench("new", "method", "other")
    assert said.code == 2
    assert "test_other.py is there already" in said.err
    assert (merbench.folder / "mine.py").read_text() == before
    assert not (merbench.folder / "other.py").exists()


def test_a_folder_that_is_a_file_is_refused(merbench):
    (merbench.folder / "file").touch()
    said = merbench("new", "method", "mine", "--out", "file")
    assert said.code == 2
    assert "file: cannot be written" in said.err


def test_an_unknown_kind_is_refused_with_those_there_are(merbench):
    said = merbench("new", "method", "mine", "--kind", "tensorflow")
    assert said.code == 2
    assert "network" in said.err
    assert merbench("new", "thing", "mine").code == 2


def test_methods_that_the_suite_has_are_not_added_twice(merbench):
    merbench("new", "method", "mine", "--kind", "sklearn")
    suite = merbench.suite(methods=["logreg", {"name": "mine:Mine", "label": "a:b"}])
    said = merbench("plan", suite, "--methods", "a:b", "--json")
    assert said.code == 0, said.err
    assert {cell["method"] for cell in json.loads(said.out)["cells"]} == {"a:b"}
    said = merbench("plan", suite, "--methods", "mine:Mina")
    assert said.code == 2
    assert "did you mean 'Mine'?" in said.err
