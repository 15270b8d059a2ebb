import numpy as np
import pandas as pd
import pytest

from merbench.results.confusion import read_confusion
from merbench.results.header import CellKey
from merbench.results.tables import PREDICTIONS
from merbench.results.tally import read_tally
from tests.analysis.world import World


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    world = World({"a": 0.7, "b": 0.5}, speakers=3, utterances=20, seeds=(0, 4))
    return world.write(tmp_path_factory.mktemp("tally") / "run") / PREDICTIONS


@pytest.fixture(scope="module")
def rows(run):
    return pd.read_parquet(run)


@pytest.fixture(scope="module")
def tally(run):
    return read_tally(run)


def test_counts_by_cluster_are_those_of_the_rows(tally, rows):
    header, units = tally.header, tally.units
    assert units.kind == "speaker"
    assert len(units.clusters) == 12
    for unit, (fold, cluster) in enumerate(zip(units.fold, units.cluster, strict=True)):
        mine = rows[
            (rows["fold"] == header.folds[fold]) & (rows["speaker"] == units.clusters[cluster])
        ]
        assert mine["utterance"].nunique() == units.sizes[unit]
        for m, method in enumerate(header.methods):
            for s, seed in enumerate(header.seeds):
                cell = mine[(mine["method"] == method) & (mine["seed"] == seed)]
                expected = np.zeros(tally.counts.shape[3:], int)
                places = [
                    cell["condition"],
                    cell["label"].map(header.classes.index),
                    cell["prediction"].map(header.classes.index),
                ]
                np.add.at(expected, tuple(np.array(p, int) for p in places), 1)
                np.testing.assert_array_equal(tally.counts[m, s, unit], expected)


def test_by_fold_they_are_the_confusion_of_the_run(tally, run):
    confusion = read_confusion(run)
    np.testing.assert_array_equal(tally.confusion.counts, confusion.counts)
    assert tally.confusion.done.all()


def test_always_right_counts_utterances_right_in_every_condition_of_a_group(tally, rows):
    rows = rows.assign(right=rows["label"].astype(str) == rows["prediction"].astype(str))
    for g, group in enumerate(tally.groups):
        chosen = rows[rows["condition"].isin(group.conditions)]
        always = chosen.groupby(["method", "seed", "utterance"], observed=True)["right"].all()
        expected = always.groupby(["method", "seed"], observed=True).sum().unstack().to_numpy()
        np.testing.assert_array_equal(tally.right[..., g].sum(axis=-1), expected)
    assert {(g.noise, g.on) for g in tally.groups} == {
        ("none", ""), ("burst", "absent"), ("burst", "present"), ("", ""),
    }  # fmt: skip


def test_reliability_holds_every_prediction_and_its_confidence(tally, rows):
    total = tally.reliability.sum(axis=(0, 1, 2, 3))
    right = (rows["label"].astype(str) == rows["prediction"].astype(str)).sum()
    assert total[0] == len(rows)
    assert total[1] == pytest.approx(0.7 * len(rows), rel=1e-3)
    assert total[2] == right


def test_hits_are_of_the_complete_pattern_without_noise(tally, rows):
    condition = tally.header.conditions[tally.reference]
    assert condition.is_clean
    assert condition.pattern == "audio+text"
    cell = rows[(rows["condition"] == tally.reference) & (rows["method"] == "b")]
    cell = cell[(cell["fold"] == "2") & (cell["seed"] == 4)]
    expected = cell["label"].astype(str) == cell["prediction"].astype(str)
    np.testing.assert_array_equal(tally.hits[CellKey("b", "2", 4)], expected)


def test_without_speakers_dialogues_are_clusters_and_without_those_nothing_is(tmp_path):
    unknown = World({"a": 0.6}, speakers=0).write(tmp_path / "none")
    units = read_tally(unknown / PREDICTIONS).units
    assert units.kind == ""
    assert len(units.sizes) == 4
