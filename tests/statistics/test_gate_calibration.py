import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from merbench.check.gate import check

CALIBRATION = Path(__file__).parents[2] / "reports" / "calibration"
ALPHA = 0.05
# Its blocks are no blocks: what the gate takes for granted does not hold there.
BEYOND = "luck of a seed in all folds"


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        ["gate_calibrate.py", "--repetitions", "2", "--rivals", "1"],
        ["gate_power.py", "--repetitions", "1"],
    ],
    ids=["alarms", "power"],
)
def test_the_simulation_of_the_gate_runs_and_repeats(tmp_path, command):
    for name in ("first.csv", "again.csv"):
        script = [CALIBRATION / command[0], *command[1:], "--out", tmp_path / name]
        subprocess.run([sys.executable, *script], check=True)
    assert (tmp_path / "first.csv").read_bytes() == (tmp_path / "again.csv").read_bytes()


def test_the_shortcut_of_the_power_simulation_says_what_the_gate_says(monkeypatch):
    monkeypatch.syspath_prepend(str(CALIBRATION))
    gate_power, gate_simulate = map(import_module, ("gate_power", "gate_simulate"))
    experiment = next(gate_power.experiments())
    drawn = gate_simulate.draw(experiment, np.random.default_rng(0))
    drop = gate_simulate.no_drop(experiment)
    drop[0] = 0.06
    mine, other = gate_simulate.count(experiment, drawn, drop)
    checked = check(
        gate_simulate.reference_of(experiment, mine),
        gate_simulate.reference_of(experiment, other),
    )
    judge = gate_power.Judge(experiment)
    table = judge.table(judge.by_fold(mine), judge.by_fold(other))
    found = gate_power.exchange(table, np.ones_like(table, bool), ALPHA, gate_power.DRAWS)
    expected = sorted((rule.delta, rule.p) for rule in checked.rules)
    np.testing.assert_allclose(sorted(zip(found.value, found.p, strict=True)), expected, atol=1e-12)
    assert min(found.value) < -0.03


def test_committed_alarms_of_the_gate_are_alpha():
    """In every layout within the binomial interval, or below it where exchanges are few or tie."""
    results = pd.read_csv(CALIBRATION / "gate_alarms.csv")
    rows = results.query(f"quantity == 'flagged' and of == 'the gate' and experiment != '{BEYOND}'")
    rows = rows[~rows.experiment.str.contains("worse")]
    assert len(rows) == 14
    for row in rows.itertuples():
        assert row.repetitions >= 2000
        # A Bonferroni share of .05 for each layout.
        high = stats.binom.isf(0.05 / 14, row.repetitions, ALPHA)
        assert row.value * row.repetitions <= high


def test_committed_power_grows_with_the_drop_and_reaches_one():
    results = pd.read_csv(CALIBRATION / "gate_power.csv")
    largest = results.query("folds == 10 and seeds == 5 and what == 'all methods'")
    rows = largest.query("of == 'any rule' and tolerance == 0")
    for _, own in rows.groupby("utterances"):
        assert own.value.is_monotonic_increasing
        assert own.value.iloc[-1] == 1
