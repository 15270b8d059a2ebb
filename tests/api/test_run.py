"""merbench.run and merbench.Run: the command line's own results, as objects."""

from __future__ import annotations

import importlib
import json
import re
from html.parser import HTMLParser

import pandas as pd
import pyarrow.compute as pc
import pytest

import merbench as mb
from tests.conftest import TINY, table_bytes

SMALL = {**TINY, "methods": ["logreg", "zero_fill"]}


def test_a_run_from_python_has_the_bytes_of_the_command(merbench, tmp_path):
    suite = merbench.suite(methods=["logreg", "zero_fill"])
    merbench.run(suite, tmp_path / "typed")
    found = mb.run(SMALL, out=tmp_path / "called", jobs=1, progress=False)
    assert found.complete
    assert table_bytes(found.path) == table_bytes(tmp_path / "typed")
    assert found.record["suite_hash"] == mb.Run(tmp_path / "typed").record["suite_hash"]


def test_a_call_selects_and_changes_like_the_flags(merbench, tmp_path):
    found = mb.run(
        merbench.suite(),
        out=tmp_path / "run",
        methods=["logreg"],
        folds=["1"],
        seeds=[3, 4],
        settings={"grid.noise": [], "corpus.utterances": 48},
        jobs=1,
        progress=False,
    )
    results = found.results
    assert set(results["noise"]) == {"none"}
    assert set(zip(results["method"], results["fold"], results["seed"], strict=True)) == {
        ("logreg", "1", 3),
        ("logreg", "1", 4),
    }
    assert found.record["corpus"]["utterances"] == 48


def test_the_same_call_trains_nothing_again(tmp_path, capsys):
    where = tmp_path / "run"
    for told in ("4 cells to do", "0 cells to do; 4 cells are there already"):
        mb.run(SMALL, out=where, jobs=1)
        assert told in capsys.readouterr().err


def test_a_method_is_named_by_its_class(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "my_nearest.py").write_text(
        "from sklearn.neighbors import KNeighborsClassifier\n"
        "import merbench\n\n\n"
        "class Nearest(merbench.EstimatorMethod):\n"
        '    summary = "the nearest utterances"\n\n'
        "    def estimator(self, seed):\n"
        "        return KNeighborsClassifier(3)\n"
    )
    nearest = importlib.import_module("my_nearest").Nearest
    found = mb.run(SMALL, methods=["logreg", nearest], out=tmp_path / "run", jobs=1, progress=False)
    assert list(found.results["method"].unique()) == ["logreg", "Nearest"]
    with pytest.raises(mb.ConfigError, match="--import my_nearest:Nearest"):
        found.load("Nearest")
    assert len(found.load("Nearest", trusted=["my_nearest:Nearest"]).predict("synthetic"))


def test_a_class_that_workers_cannot_import_is_refused():
    class Mine(mb.BlackBox):
        pass

    with pytest.raises(mb.ConfigError, match=r"Mine: other processes cannot import .* a module"):
        mb.run(SMALL, methods=[Mine])


def test_a_cell_that_fails_is_an_error_and_the_others_are_kept(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "my_broken.py").write_text(
        "import merbench\n\n\n"
        "class Broken(merbench.EstimatorMethod):\n"
        '    summary = "raises"\n\n'
        "    def estimator(self, seed):\n"
        '        raise ValueError("no such thing")\n'
    )
    where = tmp_path / "run"
    with pytest.raises(mb.CellError, match=r"2 of 4 cells failed.*\nBroken, fold 1.*no such thing"):
        mb.run(SMALL, methods=["logreg", "my_broken:Broken"], out=where, jobs=1, progress=False)
    found = mb.Run(where)
    assert not found.complete
    assert set(found.results["method"]) == {"logreg"}


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"methods": ["logrg"]}, "methods.0.name: unknown method 'logrg': did you mean 'logreg'"),
        ({"methods": [{1, 2}]}, "the fields of a suite: .*expected plain mappings"),
        ({"seeds": float("nan")}, "the fields of a suite: "),
    ],
)
def test_what_is_wrong_with_the_fields_of_a_suite_is_said(fields, says):
    with pytest.raises(mb.ConfigError, match=says):
        mb.run({**SMALL, **fields})


def test_hours_are_a_positive_number():
    for hours in (0, -1.0, float("nan")):
        with pytest.raises(mb.ConfigError, match="expected a number above 0"):
            mb.run(SMALL, max_hours=hours)


def test_tables_have_the_documented_columns(tiny_run):
    run = mb.Run(tiny_run)
    for name, frame in (("results", run.results), ("cells", run.cells), ("curves", run.curves)):
        documented = set(re.findall(r"`(\w+)`", getattr(mb.Run, name).__doc__))
        assert set(frame.columns) <= documented, name
        assert len(frame)
    documented = set(re.findall(r"`(\w+)`", mb.Run.predictions.__doc__))
    documented |= set(re.findall(r"`(\w+)`", mb.Run.results.__doc__))
    own = {name for name in run.predictions.schema.names if not name.startswith("p_")}
    assert own <= documented


def test_predictions_score_to_the_results(tiny_run):
    run = mb.Run(tiny_run)
    one = (pc.field("method") == "mmin") & (pc.field("noise") == "gaussian")
    rows = run.predictions.to_table(
        columns=["fold", "condition", "label", "prediction"], filter=one
    ).to_pandas()
    right = rows["label"].astype(str) == rows["prediction"].astype(str)
    keys = [rows["fold"].astype(str), rows["condition"]]
    mine = right.groupby(keys).mean()
    theirs = run.results.query("method == 'mmin' and noise == 'gaussian'")
    theirs = theirs.assign(fold=theirs["fold"].astype(str)).set_index(["fold", "condition"])["wa"]
    assert len(mine) == len(theirs) > 0
    assert (mine - theirs).abs().max() < 1e-12


def test_a_loaded_method_predicts_what_the_command_predicts(merbench, tiny_run, tmp_path):
    out = tmp_path / "typed.csv"
    said = merbench(
        "predict", tiny_run, "--method", "mmin", "--fold", "1", "--seed", 0,
        "--corpus", "synthetic", "--set", "utterances=60", "--out", out,
    )  # fmt: skip
    assert said.code == 0, said.err
    corpus = mb.load_corpus("synthetic", utterances=60)
    trained = mb.Run(tiny_run).load("mmin", "1", 0)
    called = trained.predict(corpus)
    typed = pd.read_csv(out)
    assert list(called.columns) == list(typed.columns)
    assert list(called["prediction"]) == list(typed["prediction"])
    assert repr(trained) == f"Trained(mmin of {tiny_run}, one cell)"
    assert trained.apply(corpus).scores["ua"] == pytest.approx(
        pd.Series(typed["label"] == typed["prediction"]).groupby(typed["label"]).mean().mean()
    )
    assert len(mb.Run(tiny_run).load("mmin").cells) == 2


def test_a_report_check_and_comparison_are_those_of_the_commands(merbench, copied):
    run = mb.Run(copied)
    page = run.report()
    assert page == copied / "report" / "index.html"
    before = page.read_bytes()
    assert merbench("report", copied).out == f"{page}\n"
    assert page.read_bytes() == before

    reference = run.save_reference(copied.parent / "reference.json")
    said = json.loads(merbench("check", copied, "--reference", reference, "--json").out)
    held = run.check(reference)
    assert held.checked.identical
    assert said["headline"] == held.checked.headline()

    said = json.loads(merbench("compare", copied, "--methods", "mmin,logreg", "--json").out)
    found = run.compare(methods=["mmin", "logreg"])
    typed = pd.DataFrame(said["frame"]["rows"], columns=said["frame"]["columns"])["difference"]
    assert typed.tolist() == pytest.approx(found.frame["difference"].tolist(), rel=1e-5)
    assert set(run.compare(mb.Run(copied)).frame["difference"]) == {0.0}
    with pytest.raises(mb.ConfigError, match="expected two runs, or one run with"):
        run.compare()


def test_no_run_is_said(tmp_path):
    with pytest.raises(mb.IncompleteError, match="not a run"):
        mb.Run(tmp_path)
    with pytest.raises(mb.IncompleteError, match="no run under"):
        mb.Run.latest(tmp_path)


def test_the_latest_run_is_found(copied):
    assert mb.Run.latest(copied.parent).path == copied


def test_a_table_that_is_damaged_or_not_there_yet_is_said(copied):
    run = mb.Run(copied)
    (copied / "results.parquet").write_bytes(b"PAR1")
    (copied / "cells.parquet").unlink()
    with pytest.raises(mb.ConfigError, match=r"results\.parquet: damaged"):
        run.results  # noqa: B018
    with pytest.raises(mb.IncompleteError, match=r"cells\.parquet: no such table"):
        run.cells  # noqa: B018


class Texts(HTMLParser):
    """The cells of all tables, row by row."""

    def __init__(self):
        super().__init__()
        self.rows, self.open = [], []

    def handle_starttag(self, tag, _):
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
        if tag not in ("br", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if {"td", "th"} & {*self.open}:
            self.rows[-1][-1] += data


def test_a_notebook_shows_the_tables_of_the_run(tiny_run):
    run = mb.Run(tiny_run)
    page = Texts()
    page.feed(run._repr_html_())
    assert page.open == []
    wide = run.tables()[0].wide("value")
    (shown,) = (row for row in page.rows[:4] if row[0] == "mmin")
    assert shown[1] == f"{100 * wide.loc['mmin', 'audio']:.1f}"
    assert [row[0] for row in page.rows if row[0] != "method"] == [
        "logreg", "zero_fill", "mmin"
    ] * 3  # fmt: skip


def test_a_notebook_shows_names_as_text(copied):
    record = json.loads((copied / "run.json").read_text())
    record["suite"]["name"] = "<script>x</script>"
    (copied / "run.json").write_text(json.dumps(record))
    assert "<script>" not in mb.Run(copied)._repr_html_()


def test_a_run_without_a_finished_cell_has_no_tables_to_show(copied):
    (copied / "predictions.parquet").unlink()
    assert "<table>" not in mb.Run(copied)._repr_html_()


def test_figures_are_those_of_the_report(copied):
    run = mb.Run(copied)
    figures = run.report().parent / "figures"
    drawn = run.figure("overview")
    assert drawn.svg == (figures / "overview.svg").read_text("utf-8")
    assert drawn._repr_html_().startswith('<figure><img src="data:image/svg+xml;base64,')
    with pytest.raises(mb.ConfigError, match="did you mean 'overview'"):
        run.figure("overvew")
