import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from scipy import stats

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
