"""What a worker process of a run holds at most, in cells of IEMOCAP's shape.

python -m tests.benchmarks.memory > runs/memory.md

Every method is run by the command that a user types, two cells side by side on a corpus in the
native layout, an epoch a stage: its memory does not depend on how many there are.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pandas as pd

from merbench.corpus.corpus import PredefinedFold
from merbench.corpus.layouts.native import write_native
from tests.benchmarks.fold import Sizes, divide, make_corpus
from tests.benchmarks.ours import METHODS
from tests.benchmarks.report_scale import COMMAND, GIGA


def suite_on(corpus: Path) -> dict[str, Any]:
    """Return a suite of one fold and two seeds."""
    noise = {"type": "gaussian", "severities": [0.3, 0.7], "on": ["absent", "present"]}
    return {
        "name": "memory",
        "corpus": {"reader": "native", "path": str(corpus)},
        "folds": {"scheme": "predefined"},
        "seeds": [0, 1],
        "methods": list(METHODS),
        "training": {"preset": "published", "epochs": 1, "decay_epochs": 0},
        "grid": {"noise": [noise]},
        "contrasts": [],
    }


def measure_memory(sizes: Sizes) -> dict[str, int]:
    """Return method -> bytes, the most that a worker held at any time of a run.

    Args:
        sizes: of the fold.
    """
    corpus = make_corpus(sizes.total)
    fold = divide(corpus, sizes)
    predefined = PredefinedFold("0", fold.train, fold.valid, fold.test)
    with tempfile.TemporaryDirectory() as folder:
        place, suite = Path(folder) / "corpus", Path(folder) / "suite.yaml"
        place.mkdir()
        write_native(replace(corpus, predefined=(predefined,)), place)
        suite.write_text(json.dumps(suite_on(place)), "utf-8")
        found = {}
        for method in METHODS:
            out = Path(folder) / method
            asked = [str(suite), "--methods", method, "--out", str(out), "--jobs", "2", "--quiet"]
            command = [sys.executable, "-c", COMMAND, "run", *asked]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            cells = pd.read_parquet(out / "cells.parquet")
            found[method] = int(cells["peak_memory"].max())
    return found


def page(sizes: Sizes, found: dict[str, int]) -> str:
    """Return the table."""
    lines = [f"{sizes.train} / {sizes.valid} / {sizes.test} utterances.", ""]
    lines += ["| method | a worker, GB |", "| --- | ---: |"]
    lines += [f"| {method} | {peak / GIGA:.2f} |" for method, peak in found.items()]
    return "\n".join(lines)


@click.command(help=__doc__)
@click.option("--share", type=click.FloatRange(0, 1, min_open=True), default=1.0)
def main(share: float) -> None:
    """Print the table."""
    sizes = Sizes().scaled(share)
    click.echo(page(sizes, measure_memory(sizes)))


if __name__ == "__main__":
    main()
