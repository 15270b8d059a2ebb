"""Installed by pip in an environment that has nothing, from the source distribution."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import TINY
from tests.packaging.environment import command
from tests.plugins.environment import Environment

CONSTRAINTS = Path(__file__).parents[2] / "constraints.txt"


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_what_pip_installs_in_an_empty_environment_passes_its_own_test(built, tmp_path):
    folder = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    clean = Environment(folder)
    said = clean("-m", "pip", "install", "--quiet", "-c", CONSTRAINTS, built.sdist)
    assert said.code == 0, said.err
    checked = clean("-m", "pip", "check")
    assert checked.code == 0, checked.out
    doctor = command(clean, "doctor", "--json", cwd=tmp_path)
    assert doctor.code == 0, doctor.out + doctor.err
    (tmp_path / "tiny.yaml").write_text(json.dumps(TINY), "utf-8")
    for arguments in (("run", "tiny.yaml", "--out", "run"), ("report", "run")):
        said = command(clean, *arguments, cwd=tmp_path)
        assert said.code == 0, said.err
    assert (tmp_path / "run" / "report" / "index.html").is_file()
