import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

CALIBRATION = Path(__file__).parents[2] / "reports" / "calibration"


@pytest.mark.slow
def test_the_calibration_runs_and_repeats(tmp_path):
    for name in ("first.csv", "again.csv"):
        command = [CALIBRATION / "calibrate.py", "--repetitions", "3", "--out", tmp_path / name]
        subprocess.run([sys.executable, *command], check=True)
    assert (tmp_path / "first.csv").read_bytes() == (tmp_path / "again.csv").read_bytes()


def test_committed_false_alarms_of_the_interval_are_nominal():
    """From three seeds on, in every layout and with every kind of luck."""
    results = pd.read_csv(CALIBRATION / "results.csv")
    chosen = results.query(
        "quantity == 'claims' and rule == 'interval' and drop == 0 and seeds > 1"
    )
    error = np.sqrt(0.05 * 0.95 / chosen.repetitions)
    assert len(chosen) == 24
    assert (chosen.share <= 0.05 + 3 * error).all()
