"""How long the report of a large run takes, and how that grows with its conditions.

python -m tests.benchmarks.report_scale
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from merbench.report.report import NUMBERS, PAGE
from tests.benchmarks.large_run import Size, write_large_run
from tests.benchmarks.markdown import table

GIGA = 1e9
COMMAND = "from merbench.cli import main; main()"


@dataclass(frozen=True)
class Taken:
    """What one report took.

    Attributes:
        seconds: wall-clock time of the command.
        memory: peak of the command and all processes it started together, bytes.
        page: bytes of the page.
        numbers: text of summary.json.
    """

    seconds: float
    memory: int
    page: int
    numbers: str


def measure_report(directory: Path) -> Taken:
    """Report a run by the command that a user types."""
    start, peak = time.perf_counter(), 0
    with psutil.Popen([sys.executable, "-c", COMMAND, "report", str(directory)]) as command:
        while command.poll() is None:
            peak = max(peak, _resident(command))
            time.sleep(0.05)
        seconds = time.perf_counter() - start
    if command.returncode:
        raise RuntimeError(f"merbench report left with {command.returncode}")
    out = directory / "report"
    numbers = (out / NUMBERS).read_text(encoding="utf-8")
    return Taken(seconds, peak, (out / PAGE).stat().st_size, numbers)


def _resident(command: psutil.Popen) -> int:
    """Return the bytes that a process and those below it hold; shared pages count each time."""
    total = 0
    with contextlib.suppress(psutil.NoSuchProcess):
        for process in (command, *command.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                total += process.memory_info().rss
    return total


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
                f"{first.page / 1e6:.2f}",
                same,
            ]
        )
    heading = [
        "conditions",
        "predictions, M",
        "seconds",
        "GB",
        "page, MB",
        "summary.json equal twice",
    ]
    sys.stdout.write(table(heading, iter(rows)) + "\n")


if __name__ == "__main__":
    main()
