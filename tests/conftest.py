"""A suite so small that it runs in two seconds, and ways to run it."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from merbench.cli import call

# How long an example takes depends on what else the machine does.
settings.register_profile("merbench", deadline=None)
settings.load_profile("merbench")

TINY: dict[str, Any] = {
    "name": "tiny",
    "corpus": {"reader": "synthetic", "utterances": 60},
    "folds": {"scheme": "group_kfold", "n": 3, "by": "speaker", "limit": 2},
    "methods": ["logreg", "zero_fill", "mmin"],
    "training": {"preset": "quick", "epochs": 1, "decay_epochs": 0},
    "grid": {"noise": [{"type": "gaussian", "severities": [0.5], "on": "present"}]},
}
TABLES = ("results.parquet", "predictions.parquet")


@dataclass(frozen=True)
class Said:
    """What a command printed, and how it ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Merbench:
    """The command line, in this process and in others, in a folder of its own."""

    folder: Path
    capture: pytest.CaptureFixture[str]
    started: "list[subprocess.Popen[str]]" = field(default_factory=list)

    def __call__(self, *arguments: object) -> Said:
        """Run a command in this process."""
        self.capture.readouterr()
        code = call([str(a) for a in arguments])
        printed = self.capture.readouterr()
        return Said(code, printed.out, printed.err)

    def start(self, *arguments: object, **settings: Any) -> "subprocess.Popen[str]":
        """Start a command as a process group of its own."""
        # As from a terminal: tests run in the background would hand on that Ctrl-C is ignored.
        program = settings.pop(
            "program",
            "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
            "from merbench.cli import main; main()",
        )
        environment = {**os.environ, "OMP_NUM_THREADS": "1", **settings.pop("env", {})}
        process = subprocess.Popen(
            [sys.executable, "-c", program, *map(str, arguments)],
            cwd=self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            **settings,
        )
        self.started.append(process)
        return process

    def process(self, *arguments: object, **settings: Any) -> Said:
        """Run a command as a process."""
        patience = settings.pop("patience", 120)
        started = self.start(*arguments, **settings)
        out, err = started.communicate(timeout=patience)
        return Said(started.returncode, out, err)

    def suite(self, name: str = "tiny.yaml", **changes: Any) -> Path:
        """Write the tiny suite, with other top-level fields (JSON is YAML)."""
        path = self.folder / name
        path.write_text(json.dumps({**TINY, **changes}), "utf-8")
        return path

    def run(self, suite: Path, out: Path, *arguments: object) -> Said:
        """Run a suite in this process, and say so where it fails."""
        said = self("run", suite, "--out", out, "--jobs", 1, "--quiet", *arguments)
        assert said.code == 0, said.err
        return said


def table_bytes(run: Path) -> dict[str, bytes]:
    """Return the tables that are promised to be identical, as they lie there."""
    return {name: (run / name).read_bytes() for name in TABLES}


def names(folder: Path) -> list[str]:
    """Return what lies in a folder, sorted."""
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def merbench(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Merbench]:
    monkeypatch.chdir(tmp_path)
    for name in [n for n in os.environ if n.startswith("MERBENCH_") and n != "MERBENCH_CORPORA"]:
        monkeypatch.delenv(name)
    found = Merbench(tmp_path, capsys)
    yield found
    for process in found.started:  # what a failed test has left
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny suite, run once with one job: read it, copy it, do not change it."""
    folder = tmp_path_factory.mktemp("tiny")
    suite = folder / "tiny.yaml"
    suite.write_text(json.dumps(TINY), "utf-8")
    run = folder / "run"
    assert call(["run", str(suite), "--out", str(run), "--jobs", "1", "--json"]) == 0
    return run


@pytest.fixture
def copied(tiny_run: Path, tmp_path: Path) -> Path:
    """A run to change: the tiny suite's, complete."""
    return shutil.copytree(tiny_run, tmp_path / "copied")


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    """One browser for all tests of a process: two cannot run side by side in a thread."""
    api = pytest.importorskip("playwright.sync_api", reason="needs playwright (the test extra)")
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("needs the chromium browser")
    with api.sync_playwright() as playwright:
        options = ["--headless", "--no-sandbox", "--disable-gpu"]
        running = playwright.chromium.launch(executable_path=program, args=options)
        yield running
        running.close()
