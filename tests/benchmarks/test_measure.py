"""The scripts that measure: what they write, and that both ways of a grid predict the same."""

from __future__ import annotations

import json
import time

import pytest
import torch
from click.testing import CliRunner

from merbench.execution.plan import make_plan
from merbench.features.observation import State
from merbench.suite.load import load_suite
from merbench.training.fleet import Fleet
from tests.benchmarks import gpu, grids, measure, ours, overhead, profiles, scaling, whole_run
from tests.benchmarks.epochs import RELEASED, RELEASED_PEAK, _against_released
from tests.benchmarks.fold import Sizes, make_corpus, make_fold, make_grid, with_grid
from tests.benchmarks.grids import direct, under
from tests.benchmarks.ours import make_method
from tests.benchmarks.overhead import outside_of
from tests.benchmarks.plain_networks import plain_network
from tests.benchmarks.timing import gemm_peak, in_turns
from tests.benchmarks.whole_run import Extent

TINY = ("--quick", "--share", "0.004", "--rounds", "1")


@pytest.fixture
def one_method(monkeypatch):
    for module in (ours, grids, overhead, scaling, gpu):
        monkeypatch.setattr(module, "METHODS", ("mmin",))


@pytest.fixture(scope="module")
def fold():
    sizes = Sizes(14, 12, 13)
    return make_fold(make_corpus(sizes.total), sizes)


def run(command, *arguments) -> None:
    result = CliRunner().invoke(command, [*map(str, arguments), *TINY])
    assert result.exit_code == 0, result.output


@pytest.mark.slow
def test_one_call_measures_every_section_into_one_json_and_a_page(tmp_path, one_method) -> None:
    out, page = tmp_path / "all.json", tmp_path / "page.md"
    run(measure.main, "--out", out, "--markdown", page, "--threads", 1)
    record = json.loads(out.read_text())
    assert set(record["sections"]) == {"epochs", "grid", "overhead", "scaling"}
    assert record["threads"] == 1
    stages = record["sections"]["epochs"]["stages"]
    assert set(stages) == {"mmin stage 1", "mmin stage 2"}
    for stage in stages.values():
        assert stage["ratio"] == pytest.approx(stage["plain"]["median"] / stage["ours"]["median"])
        assert stage["jobs_ratio"] == pytest.approx(
            stage["plain"]["median"] / stage["jobs"]["median"]
        )
        assert stage["gemm_peak_gflops"]["median"] > 0
        assert stage["arithmetic"]["needed_gflop"] < stage["arithmetic"]["plain_gflop"]
    protocol = record["sections"]["epochs"]["protocol"]["mmin"]
    both = stages.values()
    of_jobs = sum(r["epochs"] * r["jobs"]["median"] + r["jobs_once"]["median"] for r in both)
    assert protocol["ours_hours"] == pytest.approx(protocol["folds"] * of_jobs / 3600)
    grid = record["sections"]["grid"]["mmin"]["grids"]["60"]
    assert grid["conditions"] == 60
    assert grid["direct_extrapolated"] == pytest.approx(60 * grid["direct_condition"]["median"])
    text = page.read_text()
    for title in ("An epoch", "Arithmetic", "released code", "The whole protocol", "The grid"):
        assert title in text
    assert "Extrapolated" in text
    assert "extrapolated from a sample" in text


@pytest.mark.bench
def test_every_method_is_measured(tmp_path) -> None:
    out, page = tmp_path / "all.json", tmp_path / "page.md"
    run(measure.main, "--out", out, "--markdown", page, "--threads", 1)
    run(gpu.main, "--out", tmp_path / "gpu.json", "--device", "cpu")


def test_an_unknown_section_is_named_with_those_that_there_are(tmp_path) -> None:
    arguments = ["--out", str(tmp_path / "x.json"), "--only", "epochs,speed"]
    result = CliRunner().invoke(measure.main, arguments)
    assert result.exit_code == 2
    assert "unknown speed; expected some of epochs, grid, overhead, gflops, scaling" in " ".join(
        result.output.split()
    )


@pytest.mark.slow
def test_the_gpu_script_runs_on_a_cpu_and_says_what_it_left_out(tmp_path, one_method) -> None:
    out = tmp_path / "gpu.json"
    run(gpu.main, "--out", out, "--device", "cpu")
    record = json.loads(out.read_text())
    assert set(record["ours"]["mmin"]["stages"]) == {"fusion", "mmin"}
    assert record["ours"]["mmin"]["grid"]["conditions"] == 60
    assert record["ours"]["mmin"]["train_peak_memory"] > 0
    assert set(record["plain"]) == {"mmin stage 1", "mmin stage 2"}
    assert record["skipped_for_time"] == []
    assert set(record["fleets"]) == {"mmin stage 1", "mmin stage 2"}
    for stage in record["fleets"].values():
        ratio = 3 * stage["alone"] / stage["3"]["epoch"]
        assert stage["3"]["times_faster_than_alone"] == pytest.approx(ratio)
    same = record["same_tables"]
    # The CPU twice, alone and in fleets: what differs is rounding.
    assert same["largest_difference"] < 0.02
    assert same["conditions"] == 7 + 2 * 13
    assert same["share_within_two_errors"] == 1
    protocol = record["protocol"]
    assert protocol["methods"] == ["nmer", "mmin", "if_mmin", "modality_dropout", "discard"]
    assert protocol["cells"] == {"done": 10, "planned": 10, "full": 150}
    assert protocol["failures"] == []
    assert protocol["form"] == "fleet of 30"
    assert protocol["conditions"] == 7 + 6 * 13
    extrapolated = protocol["extrapolated"]
    assert extrapolated["cells_multiplied_by"] == 15
    assert extrapolated["seconds"] > 15 * protocol["seconds"]
    assert extrapolated["of_it_epochs_not_run"] > 0


@pytest.mark.slow
def test_profiles_say_where_the_time_goes() -> None:
    result = CliRunner().invoke(profiles.main, ["--members", "2", "--conditions", "30"])
    assert result.exit_code == 0, result.output
    assert result.output.count("ms in operations") == 2
    assert "aten::bmm" in result.output
    assert Fleet.step.__qualname__ == "Fleet.step"


@pytest.mark.slow
def test_a_run_that_takes_too_long_is_interrupted_and_says_so(monkeypatch) -> None:
    monkeypatch.setattr(whole_run, "METHODS", ("modality_dropout",))
    extent = Extent(60, folds=2, seeds=1, epochs=1, severities=1, fleet=1)
    found = whole_run.measure_run("cpu", extent, 0)
    assert found["interrupted"]
    assert found["cells"]["done"] == 1
    assert found["extrapolated"]["cells_multiplied_by"] == 150


def test_the_whole_protocol_is_five_methods_ten_folds_three_seeds_and_the_full_grid() -> None:
    plan = make_plan(load_suite(whole_run.FULL_GRID, Extent(60).settings()))
    assert len(plan.cells) == whole_run.CELLS == 150
    assert len(plan.protocol.grid.conditions) == 7 + 6 * 5 * 13
    assert {s.stage.training.total_epochs for s in plan.stages} == {20}
    labels = [entry.label for entry in load_suite(whole_run.FULL_GRID).suite.grid.noise]
    assert list(plan.protocol.grid.noises) == labels


def test_what_does_not_fit_into_the_budget_is_skipped_and_named() -> None:
    budget = gpu.Budget(100)
    assert budget.run("short", 50, lambda: "done") == "done"
    assert budget.run("long", 101, lambda: pytest.fail("there was no time")) is None
    assert budget.skipped == ["long"]


@pytest.mark.parametrize("name", ["mmin", "if_mmin"])
def test_the_direct_way_predicts_what_the_evaluator_does(fold, name) -> None:
    """Where nothing is absent or padded: visual, text, and audio of one length only."""
    trained = make_method(name, fold)
    corpus = fold.evaluator.corruptor.corpus
    grid = make_grid(corpus, 30)
    evaluator = with_grid(fold.evaluator, grid)
    found = evaluator.evaluate(trained.method, trained.predictor)
    complete = [k for k, c in enumerate(grid.conditions)
                if all(seen.state != State.ABSENT for seen in c.inputs)]  # fmt: skip
    assert len(complete) >= 3
    longest = int(fold.evaluator.part.features["audio"].lengths.argmax())
    plain = plain_network(trained.predictor)
    for k in complete:
        logits = direct(plain, evaluator, under(evaluator, grid.conditions[k]))
        assert logits.shape == (13, 4)
        # The longest utterance alone is padded in neither way.
        expected = torch.from_numpy(found.probabilities[k, longest]).float()
        torch.testing.assert_close(logits[longest].softmax(0), expected, rtol=0, atol=2e-3)


@pytest.mark.parametrize("conditions", [30, 180, 420])
def test_a_grid_has_as_many_different_conditions_as_asked_for(fold, conditions) -> None:
    grid = make_grid(fold.evaluator.corruptor.corpus, conditions)
    assert len({c.identity for c in grid.conditions}) == conditions
    assert {c.pattern for c in grid.conditions} == {c.pattern for c in grid.conditions[:7]}
    assert {c.on for c in grid.conditions} == {"", "absent", "present"}


def test_texts_have_22_tokens_of_their_own_or_as_many_as_they_have() -> None:
    full, ragged = make_corpus(30), make_corpus(30, "ragged")
    text, own = full.modalities[2], ragged.modalities[2]
    assert (text.lengths == 22).all()
    assert own.lengths.mean() < 16
    for i in range(30):
        tokens = own.values[own.offsets[i] : own.offsets[i + 1]]
        found = text.values[text.offsets[i] : text.offsets[i + 1]]
        assert (found == tokens[torch.arange(22).numpy() % len(tokens)]).all()


def test_a_loop_as_slow_as_the_released_one_is_no_straw_man(fold) -> None:
    label = "mmin stage 2"
    train_seconds, evaluate_seconds = RELEASED[label]
    train_seconds *= len(fold.train) / 4446
    evaluate_seconds *= (len(fold.valid) + len(fold.evaluator.part)) / 1085
    for peak, slower, passes in (
        (RELEASED_PEAK, 1.0, True),
        (RELEASED_PEAK / 4, 4.0, True),
        (RELEASED_PEAK, 1.4, False),
        (RELEASED_PEAK, 0.6, False),
    ):
        times = slower * train_seconds, slower * evaluate_seconds
        found = _against_released(label, fold, peak, *times)
        assert found["within_30_percent"] is passes
        assert found["ratio"] == pytest.approx(slower * peak / RELEASED_PEAK)


def test_ways_are_taken_in_turns() -> None:
    order = []

    def way(name):
        return lambda: float(order.append(name) or len(order))

    found = in_turns({"one": way("one"), "other": way("other")}, 3)
    assert order == ["one", "other"] * 3
    assert found["one"].seconds == (1, 3, 5)
    assert found["other"].median == 4


def test_sleeping_is_outside_tensor_operations_and_a_product_is_not() -> None:
    one = torch.randn(400, 400)
    assert outside_of(lambda: time.sleep(0.1))["share"] > 0.95
    assert outside_of(lambda: [one @ one for _ in range(50)])["share"] < 0.5


def test_the_peak_of_a_matrix_product_is_a_rate() -> None:
    assert 0.1 < gemm_peak(repeats=2, size=256) < 1e6
