"""The measurement of a worker's memory, on a fold that a test can have."""

import pytest
from click.testing import CliRunner

from tests.benchmarks import memory


@pytest.mark.slow
def test_each_method_has_a_row_with_what_its_workers_held(monkeypatch):
    monkeypatch.setattr(memory, "METHODS", ("mmin", "nmer"))
    result = CliRunner().invoke(memory.main, ["--share", "0.06"])
    assert result.exit_code == 0, result.output
    rows = [
        line.split("|")[1:3]
        for line in result.stdout.splitlines()
        if "mmin |" in line or "nmer |" in line
    ]
    held = {name.strip(): float(cell) for name, cell in rows}
    assert 0.2 < held["mmin"] < held["nmer"] < 2
