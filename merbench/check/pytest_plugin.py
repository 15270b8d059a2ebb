"""The gate in a test-suite of one's own: a fixture, and a mark.

    @pytest.mark.merbench(suite="suites/mine.yaml", reference="references/mine.json")
    def test_no_accuracy_is_lost(): ...

    def test_a_run_that_is_there(merbench_check):
        merbench_check("runs/mine", "references/mine.json", strict=True)

A suite's run is kept, and goes on where it was: cells whose code, settings and data are the same
are not trained again. Nothing of merbench is imported before a test asks for it.
"""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
import sys
from collections.abc import Generator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from merbench.check.verdicts import Checked

RULES = 10  # that a failure lists
_CALL = "import sys; from merbench.cli import main; main(sys.argv[1:])"
# A run is kept for these versions: other ones compute other numbers.
_PACKAGES = ("merbench", "torch", "numpy", "scipy", "scikit-learn")
_OPTIONS = ("suite", "run", "reference", "strict", "tolerances", "methods", "arguments")


class Check(Protocol):
    """What the fixture `merbench_check` is."""

    def __call__(
        self,
        run_or_suite: str | Path,
        reference: str | Path,
        *,
        strict: bool = False,
        tolerances: str | Path | None = None,
        methods: Sequence[str] = (),
        arguments: Sequence[str] = (),
    ) -> Checked:
        """Hold a run against a reference, and fail the test where the gate does.

        Paths that are not absolute start at pytest's root folder.

        Args:
            run_or_suite: folder of a run; or a suite (a YAML file or the name of a shipped one),
                which is run first. A suite's run is kept and goes on where it was.
            reference: a saved reference, or the folder of a run.
            strict: fail on suspects, too.
            tolerances: a YAML file of them; those of the suite where left out.
            methods: labels of those to check; all where empty.
            arguments: more for `merbench run`, such as `--corpus`, `table:path`.
        """
        ...


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the folder that runs are kept in."""
    parser.getgroup("merbench").addoption(
        "--merbench-out",
        metavar="DIR",
        help="Keep the runs of the merbench gate here (default: pytest's cache).",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known."""
    config.addinivalue_line(
        "markers",
        "merbench(suite=..., reference=..., strict=False, tolerances=None, methods=(), "
        "arguments=()): run a suite (or take run=FOLDER) and fail where accuracy dropped.",
    )


@pytest.fixture(scope="session")
def merbench_check(pytestconfig: pytest.Config) -> Check:
    """Hold a run against a reference: see `Check`."""

    def check(
        run_or_suite: str | Path,
        reference: str | Path,
        *,
        strict: bool = False,
        tolerances: str | Path | None = None,
        methods: Sequence[str] = (),
        arguments: Sequence[str] = (),
    ) -> Checked:
        run = pytestconfig.rootpath / run_or_suite
        if not run.is_dir():
            run = _run(pytestconfig, str(run_or_suite), arguments)
        return _hold(pytestconfig, run, reference, strict, tolerances, methods)

    return check


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Hold the gate of a marked test before its body runs, whatever kind of test it is."""
    for mark in item.iter_markers("merbench"):
        options = dict(mark.kwargs)
        unknown = [name for name in options if name not in _OPTIONS]
        given = [name for name in ("suite", "run") if name in options]
        if mark.args or unknown or len(given) != 1 or "reference" not in options:
            pytest.fail(
                f"@pytest.mark.merbench: found {mark.args or sorted(options)}; expected "
                f"suite= or run=, reference=, and of {', '.join(_OPTIONS[3:])} what is wanted",
                pytrace=False,
            )
        arguments = options.pop("arguments", ())
        if "suite" in options:
            run = _run(item.config, str(options.pop("suite")), arguments)
        else:
            run = item.config.rootpath / options.pop("run")
        _hold(item.config, run, **options)
    return (yield)


def _hold(
    config: pytest.Config,
    run: Path,
    reference: str | Path,
    strict: bool = False,
    tolerances: str | Path | None = None,
    methods: Sequence[str] = (),
) -> Checked:
    """Hold a run against a reference, and fail the test of which this is a part."""
    from merbench.check.api import check_run  # noqa: PLC0415
    from merbench.errors import MerbenchError  # noqa: PLC0415

    root = config.rootpath
    own = None if tolerances is None else root / tolerances
    try:
        found = check_run(run, root / reference, own, methods).checked
    except MerbenchError as error:
        pytest.fail(f"merbench check: {error}", pytrace=False)
    if found.exit_code(strict):
        pytest.fail(_told(found, strict), pytrace=False)
    return found


def _run(config: pytest.Config, suite: str, arguments: Sequence[str]) -> Path:
    """Run a suite in a process of its own, and return the folder of the run."""
    from filelock import FileLock  # noqa: PLC0415

    folder = config.getoption("--merbench-out")
    if folder is None and not hasattr(config, "cache"):
        pytest.fail(
            "merbench: expected --merbench-out DIR where pytest has no cache", pytrace=False
        )
    kept = config.rootpath / folder if folder else config.cache.mkdir("merbench")
    kept.mkdir(parents=True, exist_ok=True)
    given = [suite, *map(str, arguments)]
    made_with = [platform.python_version(), *map(version, _PACKAGES)]
    digest = hashlib.sha256(json.dumps([given, made_with]).encode()).hexdigest()
    out = kept / f"{Path(suite).stem}-{digest[:8]}"
    command = [sys.executable, "-c", _CALL, "run", *given, "--quiet", "--out", str(out)]
    # Tests side by side may ask for the same run.
    with FileLock(f"{out}.lock"):
        ended = subprocess.run(
            command, cwd=config.rootpath, capture_output=True, text=True, check=False
        )
    if ended.returncode:
        pytest.fail(
            f"merbench run {' '.join(given)} ended with {ended.returncode}:\n"
            f"{ended.stderr.strip()}",
            pytrace=False,
        )
    return out


def _told(found: Checked, strict: bool) -> str:
    from merbench.check.verdicts import sentence  # noqa: PLC0415

    failing = found.failing(strict)
    lines = [found.headline(strict), *(f"  {sentence(rule)}" for rule in failing[:RULES])]
    if len(failing) > RULES:
        lines.append(f"  and {len(failing) - RULES} more")
    lines += [f"note: {note}" for note in found.notes]
    return "\n".join((*lines, f"run: {found.run}", f"reference: {found.reference}"))
