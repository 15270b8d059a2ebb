"""Hold merbench's own speed against what is stored, and fail where something takes twice as long.

\b
python -m tests.benchmarks.speed           compare
python -m tests.benchmarks.speed --store   store anew

Other arguments go to pytest: -k NAME measures some only.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click
import pytest
from pytest_benchmark.session import PerformanceRegression

HERE = Path(__file__).parent
STORED = HERE / "stored.json"
FACTOR = 2  # of the stored ratio; a busy machine stays below 1.3


def arguments(stored: Path, *, store: bool) -> list[str]:
    """Return what pytest is told.

    Args:
        stored: the file to compare with, or to write.
        store: write it.
    """
    shown = [
        "--benchmark-name=short",
        "--benchmark-columns=median,min,max,rounds",
        "--benchmark-group-by=fullname",
        "--benchmark-sort=name",
    ]
    # `only`, so that whatever disables benchmarks is an error: nothing would be compared.
    common = ["-m", "speed", "--benchmark-enable", "--benchmark-only", *shown]
    common += ["-p", "tests.benchmarks.speed.form"]
    if store:
        return [*common, f"--benchmark-json={stored}"]
    limit = 100 * (FACTOR - 1)
    compared = [f"--benchmark-compare={stored}", f"--benchmark-compare-fail=median:{limit}%"]
    return [*common, *compared]


@click.command(help=__doc__, context_settings={"ignore_unknown_options": True})
@click.option("--store", is_flag=True, help="Write what is found, and compare with nothing.")
@click.option("--stored", type=click.Path(dir_okay=False, path_type=Path), default=STORED)
@click.argument("others", nargs=-1, type=click.UNPROCESSED)
def main(*, store: bool, stored: Path, others: tuple[str, ...]) -> None:
    """Measure."""
    if not store and not stored.is_file():
        raise click.UsageError(f"{stored}: nothing is stored there; --store writes it")
    try:
        sys.exit(pytest.main([str(HERE), *arguments(stored, store=store), *others]))
    except PerformanceRegression:  # what regressed is said already
        sys.exit(1)


if __name__ == "__main__":
    main()
