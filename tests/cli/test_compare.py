import dataclasses
import json

import pytest
from click.testing import CliRunner

from merbench.cli.compare import compare
from merbench.errors import ConfigError, NotComparableError
from tests.analysis.world import World

BASE = World({"zero_fill": 0.6, "nmer": 0.6}, folds=5, speakers=2)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    worse = dataclasses.replace(BASE, skills={"zero_fill": 0.6, "nmer": 0.4}, draw=1)
    return [BASE.write(folder / "before"), worse.write(folder / "after")]


def invoke(*arguments):
    result = CliRunner().invoke(compare, [str(a) for a in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_two_runs_are_a_table_of_methods_with_the_second_first(runs):
    shown = invoke(*runs).stdout
    assert "B (world in after) against A (world in before)" in shown
    drop = next(line for line in shown.splitlines() if "nmer" in line)
    value, other, difference = (float(text) for text in drop.split("nmer")[1].split()[:3])
    assert difference == pytest.approx(value - other, abs=0.11)
    assert difference < -15
    assert "10 speakers and 3 seeds" in shown


def test_methods_of_one_run_are_compared_with_the_first(runs):
    shown = invoke(runs[1], "--methods", "nmer,zero_fill").stdout
    assert "nmer against zero_fill, world" in shown
    assert "grid mean" in shown


def test_piped_output_keeps_every_column(runs):
    lines = invoke(*runs).stdout.splitlines()
    assert lines[1].split() == ["quantity", "method", "B", "A", "difference", "interval", "p"]


def test_notes_leave_stdout_to_the_table(runs):
    result = invoke(*runs)
    assert "note: 5 folds cannot reach p < .05" in result.stderr
    assert "note:" not in result.stdout


def test_json_has_what_the_table_has(runs):
    found = json.loads(invoke(*runs, "--metric", "wa", "--json").stdout)
    assert found["metric"] == "wa"
    table = found["frame"]
    rows = [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]
    grid = next(r for r in rows if r["quantity"] == "grid mean" and r["pair"] == "nmer")
    assert grid["high"] < -0.15
    assert found["inference"]["clusters"] == 10


@pytest.mark.parametrize("arguments", [(), ("--methods", "nmer,zero_fill")])
def test_one_run_needs_methods_and_two_runs_take_none(runs, arguments):
    chosen = runs if arguments else runs[:1]
    with pytest.raises(ConfigError, match="two runs, or one run with --methods"):
        invoke(*chosen, *arguments)


def test_runs_of_other_folds_leave_with_4(runs, tmp_path):
    other = dataclasses.replace(BASE, folds=4).write(tmp_path / "other")
    with pytest.raises(NotComparableError) as caught:
        invoke(runs[0], other)
    assert caught.value.exit_code == 4


def test_a_metric_is_one_of_a_confusion_matrix(runs):
    with pytest.raises(ConfigError, match="did you mean"):
        invoke(*runs, "--metric", "uar")
