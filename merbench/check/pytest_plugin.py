"""The gate in a test-suite of one's own: a fixture, and a mark.

    @pytest.mark.merbench(suite="suites/mine.yaml", reference="references/mine.json")
    def test_no_accuracy_is_lost(): ...

    def test_a_run_that_is_there(merbench_check):
        merbench_check("runs/mine", "references/mine.json", strict=True)

Nothing of merbench is imported before a test asks for it.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from merbench.check.verdicts import Checked

RULES = 10  # that a failure lists
_CALL = "import sys; from merbench.cli import main; main(sys.argv[1:])"
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
    return _checker(pytestconfig)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Hold the gate of a marked test before its body runs."""
    for mark in pyfuncitem.iter_markers("merbench"):
        unknown = [name for name in mark.kwargs if name not in _OPTIONS]
        given = [name for name in ("suite", "run") if name in mark.kwargs]
        if mark.args or unknown or len(given) != 1 or "reference" not in mark.kwargs:
            pytest.fail(
                f"@pytest.mark.merbench: found {mark.args or sorted(mark.kwargs)}; expected "
                f"suite= or run=, reference=, and of {', '.join(_OPTIONS[3:])} what is wanted",
                pytrace=False,
            )
        options = {k: v for k, v in mark.kwargs.items() if k not in (*given, "reference")}
        _checker(pyfuncitem.config)(mark.kwargs[given[0]], mark.kwargs["reference"], **options)
    return (yield)


def _checker(config: pytest.Config) -> Check:
    def check(
        run_or_suite: str | Path,
        reference: str | Path,
        *,
        strict: bool = False,
        tolerances: str | Path | None = None,
        methods: Sequence[str] = (),
        arguments: Sequence[str] = (),
    ) -> Checked:
        from merbench.check.api import check_run  # noqa: PLC0415
        from merbench.errors import MerbenchError  # noqa: PLC0415

        run = Path(run_or_suite)
        if not run.is_dir():
            run = _run(config, str(run_or_suite), [*map(str, arguments)])
        own = None if tolerances is None else Path(tolerances)
        try:
            found = check_run(run, Path(reference), own, methods).checked
        except MerbenchError as error:
            pytest.fail(f"merbench check: {error}", pytrace=False)
        if found.exit_code(strict):
            pytest.fail(_told(found, strict), pytrace=False)
        return found

    return check


def _run(config: pytest.Config, suite: str, arguments: Sequence[str]) -> Path:
    """Run a suite in a process of its own, and return the folder of the run."""
    kept = config.getoption("--merbench-out") or config.cache.mkdir("merbench")
    out = Path(str(kept)) / Path(suite).stem
    command = [sys.executable, "-c", _CALL, "run", suite, "--quiet", "--out", str(out)]
    ended = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
    if ended.returncode:
        pytest.fail(
            f"merbench run {suite} ended with {ended.returncode}:\n{ended.stderr.strip()}",
            pytrace=False,
        )
    return out


def _told(found: Checked, strict: bool) -> str:
    from merbench.check.verdicts import sentence  # noqa: PLC0415

    failing = found.failing(strict)
    lines = [found.headline(strict), *(f"  {sentence(rule)}" for rule in failing[:RULES])]
    if len(failing) > RULES:
        lines.append(f"  and {len(failing) - RULES} more")
    return "\n".join((*lines, *(f"note: {note}" for note in found.notes)))
