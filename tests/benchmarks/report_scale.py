"""How long the report of a large run takes, and how that grows with its conditions.

python -m tests.benchmarks.report_scale
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from merbench.report.report import NUMBERS, PAGE, write_report
from tests.benchmarks.large_run import Size, write_large_run
from tests.benchmarks.markdown import table

GIGA = 1e9


@dataclass(frozen=True)
class Taken:
    """What one report took.

    Attributes:
        seconds: wall-clock time.
        memory: peak of the process, bytes.
        children: peak of the largest process it started, bytes.
        page: bytes of the page.
        numbers: text of summary.json.
    """

    seconds: float
    memory: int
    children: int
    page: int
    numbers: str


def measure_report(directory: Path) -> Taken:
    """Report a run in a process of its own, whose peak of memory is the report's alone."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context) as pool:
        return pool.submit(_report, directory).result()


def _report(directory: Path) -> Taken:
    start = time.perf_counter()
    page = write_report(directory)
    seconds = time.perf_counter() - start
    peaks = [
        1024 * resource.getrusage(who).ru_maxrss
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    ]
    numbers = (page.parent / NUMBERS).read_text(encoding="utf-8")
    return Taken(seconds, *peaks, (page.parent / PAGE).stat().st_size, numbers)


def main() -> None:
    """Measure, and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--conditions", type=int, nargs="+", default=[50, 100, 200, 400])
    parser.add_argument("--share", type=float, default=1.0, help="of the utterances")
    options = parser.parse_args()
    rows = []
    for conditions in options.conditions:
        full = Size()
        size = replace(
            full, conditions=conditions, utterances=round(full.utterances * options.share)
        )
        with tempfile.TemporaryDirectory() as folder:
            write_large_run(Path(folder), size)
            first, second = (measure_report(Path(folder)) for _ in range(2))
        same = "yes" if first.numbers == second.numbers else "NO"
        rows.append(
            [
                str(conditions),
                f"{size.predictions / 1e6:.1f}",
                f"{min(first.seconds, second.seconds):.1f}",
                f"{max(first.memory, second.memory) / GIGA:.2f}",
                f"{max(first.children, second.children) / GIGA:.2f}",
                f"{first.page / 1e6:.2f}",
                same,
            ]
        )
    heading = [
        "conditions",
        "predictions, M",
        "seconds",
        "GB",
        "GB of a child",
        "page, MB",
        "summary.json equal twice",
    ]
    sys.stdout.write(table(heading, iter(rows)) + "\n")


if __name__ == "__main__":
    main()
