from types import SimpleNamespace

import pandas as pd

from merbench.analysis.training import chosen_epochs, cut_short, training_curves
from merbench.results.cells import CURVES, CURVES_SCHEMA

HEADER = SimpleNamespace(methods=("alone", "taught", "own_stage"), folds=("1",))


def written(directory, stages):
    """Write curves of (method, stage, epoch picked on complete, on partial; 0 for none)."""
    rows = [
        dict.fromkeys(CURVES_SCHEMA.names)
        | {"method": method, "stage": stage, "fold": "1", "seed": 0, "epoch": epoch}
        | {"valid_complete": 0.5 + epoch / 100, "valid_partial": 0.3 + epoch / 100}
        | {"chosen_complete": epoch == complete, "chosen_partial": epoch == partial}
        for method, stage, complete, partial in stages
        for epoch in (1, 2, 3, 4)
    ]
    pd.DataFrame(rows).to_parquet(directory / CURVES)


def test_a_teacher_is_shown_as_it_taught_and_a_predictor_as_it_predicts(tmp_path):
    stages = [
        ("alone", "fusion", 2, 3),
        ("taught", "fusion", 2, 3),
        ("taught", "second", 0, 4),
        ("own_stage", "masked", 0, 1),
        ("own_stage", "last", 0, 3),
    ]
    written(tmp_path, stages)
    chosen = chosen_epochs(tmp_path, HEADER)
    found = {(row.method, row.stage): row.epoch for row in chosen.itertuples()}
    assert found == {
        ("alone", "fusion"): 3,
        ("taught", "fusion"): 2,
        ("taught", "second"): 4,
        ("own_stage", "masked"): 1,
        ("own_stage", "last"): 3,
    }
    curves = training_curves(tmp_path, HEADER)
    first = curves[curves["epoch"] == 1].set_index(["method", "stage"])["value"]
    assert first["taught", "fusion"] == 0.51
    assert {first["alone", "fusion"], *first[["own_stage"]], first["taught", "second"]} == {0.31}


def test_a_method_whose_last_epoch_is_its_best_was_cut_short(tmp_path):
    written(
        tmp_path,
        [
            ("alone", "fusion", 4, 3),
            ("taught", "fusion", 4, 4),
            ("taught", "second", 0, 2),
            ("own_stage", "masked", 0, 1),
            ("own_stage", "last", 0, 4),
        ],
    )
    assert cut_short(tmp_path, HEADER) == ("own_stage",)
    (tmp_path / CURVES).unlink()
    assert cut_short(tmp_path, HEADER) == ()
