import dataclasses
import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy import stats
from sklearn.metrics import log_loss

from merbench.analysis.build import analyse
from merbench.analysis.summary_json import to_json
from merbench.errors import IncompleteError
from merbench.results.tables import PREDICTIONS
from tests.analysis.world import World


def test_a_share_over_lone_speakers_has_the_interval_of_a_t_test(tmp_path):
    """Equal speakers, one each fold: WA is a mean of ten shares."""
    world = World({"a": 0.6}, folds=10, utterances=80, noise=False)
    directory = world.write(tmp_path / "run")
    found = analyse(directory, draws=20_000).overviews[1].frame.set_index("column").loc["complete"]
    rows = pd.read_parquet(directory / PREDICTIONS)
    rows = rows[rows["condition"] == 0]
    right = rows["label"].astype(str) == rows["prediction"].astype(str)
    shares = right.groupby(rows["speaker"].astype(str)).mean()
    low, high = stats.t.interval(0.95, 9, shares.mean(), shares.sem())
    assert found["value"] == pytest.approx(shares.mean())
    assert found["low"] == pytest.approx(low, abs=0.002)
    assert found["high"] == pytest.approx(high, abs=0.002)


def test_equal_runs_give_equal_bytes_and_only_plain_numbers(tmp_path):
    world = World({"zero_fill": 0.6, "nmer": 0.55}, speakers=2)
    texts = [
        to_json([analyse(world.write(tmp_path / name / "run"), draws=300)]) for name in ("x", "y")
    ]
    assert texts[0] == texts[1]
    found = json.loads(texts[0], parse_constant=pytest.fail)["runs"][0]
    table = pd.DataFrame(found["grid"]["rows"], columns=found["grid"]["columns"])
    expected = analyse(tmp_path / "x" / "run", draws=300).grid
    np.testing.assert_allclose(table["value"], expected["value"], rtol=1e-7)


def test_without_speakers_there_is_a_value_and_no_interval(tmp_path):
    found = analyse(World({"zero_fill": 0.6, "nmer": 0.5}, speakers=0).write(tmp_path / "r"))
    assert found.inference.scope == "none"
    frame = found.overviews[0].frame
    assert frame["value"].notna().all()
    assert frame[["low", "high", "p_best"]].isna().all().all()
    assert found.contrasts["p"].isna().all()
    # Tests over folds need no clusters.
    assert found.contrasts["corrected_t_p"].notna().all()
    assert "no intervals" in " ".join(found.inference.notes)


@pytest.mark.parametrize(
    ("speakers", "seeds", "scope"),
    [(1, (0,), "population"), (3, (0,), "models"), (3, (0, 1), "population")],
)
def test_one_seed_speaks_of_its_models_where_a_fold_tests_several_speakers(
    tmp_path, speakers, seeds, scope
):
    world = World({"zero_fill": 0.6, "nmer": 0.5}, speakers=speakers, seeds=seeds)
    found = analyse(world.write(tmp_path / "run"), draws=200)
    assert found.inference.scope == scope
    assert ("not measured" in " ".join(found.inference.notes)) == (scope == "models")


def test_holes_are_refused_by_name_or_left_blank(tmp_path):
    hole = ("nmer", "2", 1)
    directory = World({"zero_fill": 0.6, "nmer": 0.5}, lacking=[hole]).write(tmp_path / "run")
    with pytest.raises(IncompleteError, match=r"\(nmer, fold 2, seed 1\)"):
        analyse(directory)
    found = analyse(directory, partial=True, draws=200)
    seeds = found.overviews[0].frame.set_index("method")["seeds"]
    assert {*seeds["nmer"]} == {2}
    assert {*seeds["zero_fill"]} == {3}
    assert found.contrasts["p"].notna().all()  # two seeds against three, not paired


def test_a_run_in_which_no_method_has_a_whole_seed_is_all_blanks(tmp_path):
    holes = [(m, "1", s) for m in ("zero_fill", "nmer") for s in (0, 1, 2)]
    world = World({"zero_fill": 0.6, "nmer": 0.5}, lacking=holes)
    found = analyse(world.write(tmp_path / "run"), partial=True, draws=50)
    assert found.overviews[0].frame["value"].isna().all()
    assert not len(found.grid)
    assert {*found.grid} >= {"metric", "condition", "method", "value", "low", "high"}


def test_a_method_and_its_copy_with_seeds_changed_round_do_not_differ(tmp_path):
    class Turned(World):
        def _cell(self, key, fold, labels):
            own = key._replace(method="a", seed=(key.seed + 1) % 3) if key.method == "b" else key
            made = super()._cell(own, fold, labels)
            return dataclasses.replace(made, method=key.method, seed=key.seed)

    world = Turned({"a": 0.6, "b": 0.6}, record={"suite": {"contrasts": [["b", "a"]]}})
    found = analyse(world.write(tmp_path / "run"), draws=200).contrasts
    assert (found["difference"] == 0).all()
    assert (found["p"] == 1).all()


def test_a_speaker_that_is_unknown_anywhere_is_no_cluster(tmp_path):
    directory = World({"zero_fill": 0.6, "nmer": 0.5}, speakers=2).write(tmp_path / "run")
    path = directory / PREDICTIONS
    table = pq.read_table(path)
    for hole in (None, ""):
        names = table["speaker"].cast("string").to_pylist()
        names[0] = hole
        place = table.column_names.index("speaker")
        field = table.schema.field("speaker")
        holed = table.set_column(place, field, pa.array(names).dictionary_encode())
        with pq.ParquetWriter(path, table.schema) as writer:
            size = len(holed) // 24
            for start in range(0, len(holed), size):
                writer.write_table(holed.slice(start, size), size)
        assert analyse(directory, draws=50).inference.scope == "none"


def test_the_metrics_of_the_suite_are_shown_and_the_first_decides(tmp_path):
    world = World({"zero_fill": 0.6, "nmer": 0.5}, record={"suite": {"metrics": ["wa"]}})
    found = analyse(world.write(tmp_path / "run"), draws=50)
    assert found.metrics == ("wa",)
    assert "% WA" in found.verdict[0].text
    assert len(found.robustness)  # of UA all the same


def test_calibration_has_scikit_learns_likelihood_and_forgets_seeds_with_holes(tmp_path):
    world = World({"a": 0.6}, lacking=[("a", "2", 1)])
    directory = world.write(tmp_path / "run")
    found = analyse(directory, partial=True, draws=50).calibration.set_index("group")
    rows = pd.read_parquet(directory / PREDICTIONS)
    rows = rows[(rows["seed"] != 1) & (rows["condition"] == 0)]
    shares = rows[[f"p_{name}" for name in sorted(world.header.classes)]].astype(float)
    per_seed = [
        log_loss(
            rows["label"].astype(str)[rows["seed"] == s], normalised(shares[rows["seed"] == s])
        )
        for s in (0, 2)
    ]
    assert found.loc["complete", "nll"] == pytest.approx(np.mean(per_seed), rel=1e-3)


def normalised(shares):
    return shares.div(shares.sum(axis=1), axis=0).to_numpy()


def test_a_method_without_a_whole_seed_is_blank_and_no_contrast(tmp_path):
    holes = [("nmer", "2", seed) for seed in (0, 1, 2)]
    world = World({"zero_fill": 0.6, "nmer": 0.5, "mmin": 0.6}, lacking=holes)
    found = analyse(world.write(tmp_path / "run"), partial=True, draws=200)
    frame = found.overviews[0].frame.set_index("method")
    assert frame.loc["nmer", ["value", "low"]].isna().all().all()
    assert frame.loc["mmin", "value"].notna().all()
    assert not len(found.contrasts)


def test_curves_start_where_the_noise_is_none(tmp_path):
    found = analyse(World({"a": 0.6, "b": 0.5}).write(tmp_path / "run"), draws=200)
    grid = found.grid[(found.grid["metric"] == "wa") & (found.grid["method"] == "a")]
    clean = grid.set_index("condition")["value"]
    names = {c.pattern: k for k, c in enumerate(found.header.conditions) if c.is_clean}
    curves = found.curves[(found.curves["metric"] == "wa") & (found.curves["method"] == "a")]
    starts = curves[curves["severity"] == 0].set_index(["on", "column"])["value"]
    assert starts["present", "audio"] == pytest.approx(clean[names["audio"]])
    assert starts["absent", "audio"] == pytest.approx(clean[names["audio+text"]])
    assert (curves["low"] <= curves["value"]).all()


def test_reading_a_run_never_imports_torch(tmp_path):
    directory = World({"zero_fill": 0.6, "nmer": 0.5}).write(tmp_path / "run")
    code = (
        "import sys; from pathlib import Path; from merbench.analysis.build import analyse; "
        f"analyse(Path({str(directory)!r}), draws=50); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
