"""The tripwire on merbench's own speed: what trips it, and what does not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks.speed.__main__ import HERE, STORED, arguments
from tests.benchmarks.speed.beside import Yardstick

ROOT = HERE.parents[2]
NAME = "test_made.py::test_work"
# Work of three yardsticks, by a clock that tells the seconds which the work itself lets pass.
MADE = """
import pytest
from tests.benchmarks.speed.beside import Yardstick, beside

passed = [0.0]
clock = Yardstick(lambda: passed[0])

def let_pass(seconds):
    passed[0] += seconds

@pytest.mark.speed
@pytest.mark.benchmark(timer=clock)
def test_work(benchmark):
    beside(
        benchmark, lambda: let_pass({machine}), lambda: let_pass(3 * {machine} * {slower}),
        rounds=3, clock=clock,
    )
"""
# A plugin that makes the loading of references slower by computing on until it took so much longer.
PLANTED = """
import time
from merbench.check import reference_file

load = reference_file.load_reference

def slower(path):
    started = time.process_time()
    loaded = load(path)
    until = started + {slower} * (time.process_time() - started)
    while time.process_time() < until:
        pass
    return loaded

reference_file.load_reference = slower
"""


def python(*command: object, cwd: Path, path: Path = ROOT) -> subprocess.CompletedProcess[str]:
    # A worker of pytest-xdist says in its environment that it is one: there, nothing is measured.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(path)])
    return subprocess.run(
        [sys.executable, "-m", *map(str, command)],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def measure(
    folder: Path, stored: Path, *more: str, store: bool = False, machine: float = 1, slower: float
) -> subprocess.CompletedProcess[str]:
    """Measure the made work, on a machine that takes so many seconds for a yardstick."""
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = speed\n")
    (folder / "test_made.py").write_text(MADE.format(machine=machine, slower=slower))
    return python("pytest", *arguments(stored, store=store), *more, cwd=folder)


@pytest.fixture(scope="module")
def stored(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("stored")
    said = measure(folder, folder / "stored.json", store=True, slower=1)
    assert said.returncode == 0, said.stdout + said.stderr
    return folder / "stored.json"


def test_a_yardstick_before_each_round_is_the_unit() -> None:
    passed = [5.0]

    def let_pass(seconds: float) -> None:
        passed[0] += seconds

    clock = Yardstick(lambda: passed[0])
    for yardstick in (1.0, 4.0):
        clock.lay(lambda seconds=yardstick: let_pass(seconds), parts=2)
        started = clock()
        let_pass(12)
        assert clock() - started == pytest.approx(12 / yardstick / 2)


def test_what_is_stored_is_the_ratio_and_nothing_of_the_machine(stored) -> None:
    (found,) = json.loads(stored.read_text())["benchmarks"]
    assert found["fullname"] == NAME
    assert found["stats"]["median"] == 3
    for file in (stored, STORED):
        content = json.loads(file.read_text())
        assert set(content) == {"machine_info", "commit_info", "version", "benchmarks"}
        assert content["machine_info"] == content["commit_info"] == {}
        assert str(ROOT) not in file.read_text()


@pytest.mark.parametrize(("slower", "machine"), [(1, 1), (1.3, 1), (1.3, 20), (0.1, 0.2)])
def test_noise_another_machine_and_a_gain_do_not_trip_it(stored, tmp_path, slower, machine) -> None:
    said = measure(tmp_path, stored, machine=machine, slower=slower)
    assert said.returncode == 0, said.stdout + said.stderr
    assert "regressed" not in said.stderr


@pytest.mark.parametrize(("slower", "machine"), [(2.5, 1), (2.5, 0.2)])
def test_a_slowdown_trips_it_and_is_named(stored, tmp_path, slower, machine) -> None:
    said = measure(tmp_path, stored, machine=machine, slower=slower)
    assert said.returncode == 1
    assert "Performance has regressed" in said.stderr
    assert "work (stor)" in said.stderr


def test_where_nothing_can_be_compared_it_does_not_pass(stored, tmp_path) -> None:
    nothing = python("tests.benchmarks.speed", "--stored", "nothing.json", cwd=tmp_path)
    assert nothing.returncode == 2
    assert "nothing.json: nothing is stored there" in nothing.stderr
    in_parallel = measure(tmp_path, stored, "-n", "2", slower=1)
    assert in_parallel.returncode not in (0, 1)
    assert "--benchmark-only" in in_parallel.stdout + in_parallel.stderr


def test_every_benchmark_has_a_stored_ratio_and_no_other_has_one() -> None:
    collected = python("pytest", HERE, "-m", "speed", "--collect-only", "-q", cwd=ROOT)
    names = {line for line in collected.stdout.splitlines() if "::" in line}
    found = [each["fullname"] for each in json.loads(STORED.read_text())["benchmarks"]]
    assert names
    assert sorted(names) == found


@pytest.mark.slow
def test_a_slowdown_of_merbench_itself_trips_it_and_alone_is_named(tmp_path) -> None:
    def run(*more: object) -> subprocess.CompletedProcess[str]:
        chosen = ("--stored", tmp_path / "stored.json", "-k", "reference or test_check")
        return python("tests.benchmarks.speed", *chosen, *more, cwd=ROOT, path=tmp_path)

    assert run("--store").returncode == 0
    (tmp_path / "planted.py").write_text(PLANTED.format(slower=1.3))
    assert run("-p", "planted").returncode == 0
    (tmp_path / "planted.py").write_text(PLANTED.format(slower=3))
    said = run("-p", "planted")
    assert said.returncode == 1
    named = said.stderr.partition("Performance has regressed")[2]
    assert "loading_of_a_reference" in named
    assert "check" not in named.replace("RegressionCheck", "")
