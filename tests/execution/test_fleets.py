"""Runs whose networks train together: the same cells, the same results up to rounding."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
import torch
from merbench_baselines.zero_fill import FusionNetwork, FusionStage, ZeroFill

from merbench.cli import call
from merbench.corruption.corruptor import Corruptor
from merbench.evaluation.evaluator import GridEvaluator
from merbench.execution import prepare as preparing
from merbench.execution import together
from merbench.execution.plan import CellTask, StageTask, make_plan
from merbench.execution.together import Resident, units
from merbench.store.store import Store
from merbench.suite.load import load_suite
from merbench.training.fleet import Fleet
from tests.conftest import TINY, table_bytes
from tests.execution.looks import folders, results

FLEET: dict[str, Any] = {
    "methods": ["logreg", "zero_fill", "mmin"],
    "seeds": [0, 1],
    "numerics": {"fleet": 3},
}
# Probabilities are stored in half precision, where the last bit is worth up to 5e-4.
CLOSE = 2e-3


class Loner(FusionNetwork):
    """Says nothing of fleets, as a network from elsewhere does."""

    in_fleets = False


@dataclass(frozen=True, kw_only=True)
class LonerStage(FusionStage):
    name: ClassVar[str] = "loner"

    def build(self, shape):
        return Loner(shape, self.training.dropout, self.init)


class Loners(ZeroFill):
    """Zero filling by a network that trains alone."""

    @classmethod
    def published(cls):
        return {LonerStage.name: super().published()["fusion"]}

    def stages(self, training):
        return (LonerStage(training=training[0]),)


def done(folder: Path, **changes: Any) -> Path:
    """Run a suite like the tiny one in a folder."""
    suite, run = folder / "tiny.yaml", folder / "run"
    suite.write_text(json.dumps({**TINY, **FLEET, **changes}), "utf-8")
    assert call(["run", str(suite), "--out", str(run), "--jobs", "1", "--json"]) == 0
    return run


@pytest.fixture(scope="module")
def fleet_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return done(tmp_path_factory.mktemp("fleet"))


@pytest.fixture
def again(fleet_run, tmp_path):
    """A run to change."""
    return shutil.copytree(fleet_run, tmp_path / "run")


def plan_of(merbench, **changes: Any):
    return make_plan(load_suite(merbench.suite(**{**FLEET, **changes})))


def cell_records(run: Path) -> dict[tuple[str, str, int], dict[str, Any]]:
    found = [json.loads(path.read_text()) for path in (run / "cells").glob("*/record.json")]
    return {(r["method"], r["fold"], r["seed"]): r for r in found}


def assert_close(run: Path, other: Path) -> None:
    """Every utterance is predicted alike under every condition, near-ties of two classes aside.

    The probabilities that are stored differ by rounding, and scores by what near-ties flip.
    """
    stores, cells = (Store(run), Store(other)), cell_records(run)
    there = cell_records(other)
    assert cells.keys() == there.keys()
    for cell, record in cells.items():
        one, two = (
            store.cell_predictions(next(store.cells.glob(f"*{r['key'][:12]}")).name, r)
            for store, r in zip(stores, (record, there[cell]), strict=True)
        )
        np.testing.assert_array_equal(one.utterances, two.utterances)
        gap = one.probabilities.astype(float) - two.probabilities.astype(float)
        assert np.abs(gap).max() < CLOSE, cell
        best = np.sort(one.probabilities.astype(float), axis=-1)
        tie = best[..., -1] - best[..., -2] < 2 * CLOSE
        assert (tie | (one.predictions == two.predictions)).all(), cell
        assert (one.predictions == two.predictions).mean() > 0.99
    tables = [results(each).astype({"method": str}) for each in (run, other)]
    for table in tables:
        assert len(table) == len(tables[0])
    np.testing.assert_allclose(tables[0]["nll"], tables[1]["nll"], rtol=0, atol=CLOSE)


def test_every_task_has_its_own_folder_and_cells_say_how_they_were_trained(fleet_run) -> None:
    records = cell_records(fleet_run)
    assert len(records) == 3 * 2 * 2
    assert len(folders(fleet_run, "stages")) == 2 * 2
    for (method, _, _), record in records.items():
        assert record["form"] == "fleet of 3"
        # Four networks of a stage are two fleets of two.
        expected = {"logreg": [], "zero_fill": [2], "mmin": [2, 2]}[method]
        assert [stage["members"] for stage in record["stages"]] == expected
        assert record["seconds"]["train"] > 0
    curves = pd.read_parquet(fleet_run / "curves.parquet")
    assert set(curves["method"]) == {"zero_fill", "mmin"}


def test_results_are_those_of_networks_that_train_alone(fleet_run, tmp_path) -> None:
    alone = done(tmp_path, numerics={"fleet": 1})
    assert {r["form"] for r in cell_records(alone).values()} == {"single"}
    assert_close(fleet_run, alone)
    one, other = ({r["key"] for r in cell_records(run).values()} for run in (fleet_run, alone))
    assert not one & other
    assert not folders(fleet_run, "stages").keys() & folders(alone, "stages").keys()


def test_a_cell_that_is_gone_is_all_that_is_done_again(merbench, again, fleet_run) -> None:
    before = folders(again)
    gone = next((again / "cells").glob("mmin-1-s1-*"))
    shutil.rmtree(gone)
    merbench.run(merbench.suite(**FLEET), again)
    after = folders(again)
    assert [name for name in after if after[name] != before[name]] == [gone.name]
    assert folders(again, "stages") == folders(fleet_run, "stages")
    assert cell_records(again)["mmin", "1", 1]["stages"][1]["members"] == 1
    assert_close(again, fleet_run)


def test_a_stage_and_its_cells_that_are_gone_are_all_that_is_done(merbench, again, fleet_run):
    cells, stages = folders(again), folders(again, "stages")
    gone = {path.name for path in (again / "cells").glob("*-2-s0-*") if "logreg" not in path.name}
    key = next(t.key for t in plan_of(merbench).stages if (t.fold.name, t.seed) == ("2", 0))
    for name in gone:
        shutil.rmtree(again / "cells" / name)
    shutil.rmtree(again / "stages" / key)
    merbench.run(merbench.suite(**FLEET), again)
    after = folders(again)
    assert {name for name in after if after[name] != cells[name]} == gone
    now = folders(again, "stages")
    assert [name for name in now if now[name] != stages[name]] == [key]
    assert_close(again, fleet_run)


@pytest.mark.slow
def test_two_jobs_and_one_give_the_same_bytes(merbench, fleet_run, tmp_path) -> None:
    run = tmp_path / "run"
    said = merbench.process("run", merbench.suite(**FLEET), "--out", run, "--jobs", 2)
    assert said.code == 0, said.err
    assert table_bytes(run) == table_bytes(fleet_run)


def test_what_cannot_join_trains_alone_beside_what_does(merbench, tmp_path) -> None:
    loner = f"{Loners.__module__}:Loners"
    methods = ["logreg", "modality_dropout", "nmer_released", loner]
    merbench.run(merbench.suite(**{**FLEET, "methods": methods}), tmp_path / "run")
    members = {
        (method, n): stage["members"]
        for (method, _, _), record in cell_records(tmp_path / "run").items()
        for n, stage in enumerate(record["stages"])
    }
    assert members == {
        ("modality_dropout", 0): 2,
        # Its first stage is as good a fleet as any; the second mixes rows.
        ("nmer_released", 0): 2,
        ("nmer_released", 1): 1,
        ("Loners", 0): 1,
    }


def test_a_member_with_too_little_data_fails_by_itself_and_is_reported(merbench, tmp_path) -> None:
    """Half of the training utterances lack something: 13 of a fold are left, and 8 of another."""
    stages = {"stage1": {"batch_size": 6}, "stage2": {"batch_size": 6}}
    changes = {"methods": ["logreg", {"name": "mmin", **stages}], "train_missing_rate": 0.5}
    run = tmp_path / "run"
    # One fleet of both folds and both seeds.
    suite = merbench.suite(**{**FLEET, **changes, "numerics": {"fleet": 4}})
    said = merbench("run", suite, "--out", run, "--jobs", 1, "--json")
    assert said.code == 1
    failures = json.loads(said.out)["failures"]
    assert [f["cell"] for f in failures] == ["mmin, fold 1, seed 0", "mmin, fold 1, seed 1"]
    assert all("8 of 18 are, and two batches of 6 need 12" in f["error"] for f in failures)
    found = cell_records(run)
    assert len(found) == 3 * 2
    assert [stage["members"] for stage in found["mmin", "2", 0]["stages"]] == [2, 2]


def test_a_fleet_that_does_not_fit_is_halved(merbench, fleet_run, tmp_path, monkeypatch) -> None:
    whole, tried = Fleet.__init__, []

    def fits(self, stage, networks, generators):
        tried.append(len(networks))
        if len(networks) > 2:
            raise torch.OutOfMemoryError("full")
        whole(self, stage, networks, generators)

    preparing.forget_prepared()
    monkeypatch.setattr(Fleet, "__init__", fits)
    changes = {**FLEET, "numerics": {"fleet": 4}}
    merbench.run(merbench.suite(**changes), tmp_path / "run")
    assert tried == [4, 2, 2] * 2
    found = cell_records(tmp_path / "run")
    assert found["mmin", "1", 0]["stages"][1]["members"] == 2
    assert_close(tmp_path / "run", fleet_run)


def test_noise_of_other_cells_gives_way_before_anything_is_halved_or_fails(
    merbench, tmp_path, monkeypatch
) -> None:
    train, evaluate = together.train_members, GridEvaluator.blocks
    failed = []

    def held(but: object = None) -> bool:
        others = (fold.evaluator for fold in preparing._prepared.values())
        return any("_damages" in vars(each) for each in others if each is not but)

    def trained(stage, members):
        if held():
            failed.append("training")
            raise torch.OutOfMemoryError("full")
        return train(stage, members)

    def blocks(self, *of):
        if held(but=self):
            failed.append("evaluation")
            raise torch.OutOfMemoryError("full")
        return evaluate(self, *of)

    preparing.forget_prepared()
    monkeypatch.setattr(together, "train_members", trained)
    monkeypatch.setattr(GridEvaluator, "blocks", blocks)
    changes = {**FLEET, "methods": ["zero_fill", "modality_dropout"], "numerics": {"fleet": 4}}
    merbench.run(merbench.suite(**changes), tmp_path / "run")
    assert set(failed) == {"training", "evaluation"}
    for record in cell_records(tmp_path / "run").values():
        assert record["batch_share"] == 1
        assert record["stages"][-1]["members"] == 4


def test_a_network_that_does_not_fit_by_itself_fails_its_cell(merbench, tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("full")

    monkeypatch.setattr(together, "train_members", full)
    suite = merbench.suite(**{**FLEET, "methods": ["logreg", "modality_dropout"]})
    said = merbench("run", suite, "--out", tmp_path / "run", "--jobs", 1, "--json")
    failures = json.loads(said.out)["failures"]
    assert len(failures) == 4
    assert failures[0]["error"] == "training does not fit into memory: full"


def test_teachers_stay_where_they_were_trained(merbench, tmp_path, monkeypatch) -> None:
    read = []
    stored = Store.stage_weights
    monkeypatch.setattr(
        Store, "stage_weights", lambda self, key: read.append(key) or stored(self, key)
    )
    merbench.run(merbench.suite(**FLEET), tmp_path / "run")
    assert read == []
    merbench.run(merbench.suite(**{**FLEET, "numerics": {"fleet": 1}}), tmp_path / "alone")
    assert len(read) == 2 * 4  # by zero_fill's cells and by mmin's


def test_a_process_keeps_the_stages_of_one_run_and_so_many_bytes(tmp_path) -> None:
    one, other = Store(tmp_path / "one"), Store(tmp_path / "other")
    resident = Resident(limit=2 * 400)
    weights = [{"partial": {"w": torch.full((100,), float(n))}} for n in range(3)]
    for n, each in enumerate(weights):
        resident.keep(one, str(n), each)
    assert len(resident) == 2
    assert resident.find(one, "0") is None
    assert resident.find(one, "2") is weights[2]
    assert resident.find(other, "2") is None
    resident.keep(other, "0", weights[0])
    assert len(resident) == 1
    assert resident.find(one, "2") is None
    both = weights[1]["partial"]
    resident.keep(other, "1", {"complete": both, "partial": both})
    assert len(resident) == 2  # an epoch that two criteria picked counts once


def test_a_process_prepares_no_more_folds_than_a_fleet_needs(merbench, monkeypatch) -> None:
    monkeypatch.setattr(preparing, "_prepared", {})
    folds = {"scheme": "group_kfold", "n": 5, "by": "speaker"}
    plan = plan_of(merbench, folds=folds, methods=["logreg"], seeds=[0])
    divisions = [cell.division for cell in plan.cells]
    assert len(divisions) == 5
    for division in divisions[:3]:
        preparing.prepare(plan.protocol, division)
    first = preparing.prepare(plan.protocol, divisions[0])
    for division in divisions[3:]:
        preparing.prepare(plan.protocol, division)
    assert len(preparing._prepared) == 3
    assert preparing.prepare(plan.protocol, divisions[0]) is first  # the last used go last
    preparing.forget_prepared()
    assert not preparing._prepared
    single = replace(plan.protocol, fleet=1)
    for division in divisions:
        preparing.prepare(single, division)
    assert len(preparing._prepared) == 1


def test_units_are_networks_of_one_stage_in_even_shares(merbench) -> None:
    plan = plan_of(merbench, methods=["logreg", "zero_fill", "mmin", "modality_dropout"])
    tasks = [*plan.stages, *plan.cells]
    assert units(tasks, 1) == [[task] for task in tasks]
    found = units(tasks, 3)
    assert [task for unit in found for task in unit] == tasks

    def kind(task: StageTask | CellTask) -> str:
        return "stage" if isinstance(task, StageTask) else task.label

    assert [[kind(task) for task in unit] for unit in found] == [
        *[["stage"] * 2] * 2,
        *[["logreg"]] * 4,
        *[["zero_fill"]] * 4,  # mmin's teacher: trained apart, so each is only evaluated
        *[["mmin"] * 2] * 2,
        *[["modality_dropout"] * 2] * 2,
    ]
    assert [len(unit) for unit in units(plan.stages * 2, 3)] == [2, 3, 3]


@pytest.mark.parametrize(("fleet", "times"), [(3, 2), (1, 2 * 2 * 2)])
def test_what_is_drawn_for_a_fold_is_drawn_once_where_networks_train_together(
    fleet, times, tmp_path, monkeypatch
) -> None:
    drawn, damage = [], Corruptor.damage

    def watched(self, noise, modality, utterances, draw, device):
        drawn.append((noise.family, modality, draw, utterances.tobytes()))
        return damage(self, noise, modality, utterances, draw, device)

    preparing.forget_prepared()
    monkeypatch.setattr(Corruptor, "damage", watched)
    # Two folds, two seeds, two methods; alone, each cell draws anew, for training needs the room.
    done(tmp_path, methods=["zero_fill", "modality_dropout"], numerics={"fleet": fleet})
    assert len({where for *_, where in drawn}) == 2
    assert len(drawn) == 3 * times
