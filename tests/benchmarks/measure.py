"""Measure ours against the usual way, and write one JSON and, where asked, a Markdown page.

python -m tests.benchmarks.measure --out runs/speed.json --markdown reports/performance.md
"""

from __future__ import annotations

import json
import platform
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import click
import torch

from merbench.corpus.corpus import Corpus
from merbench.execution.prepare import PreparedFold
from merbench.execution.tasks import cpu_threads
from tests.benchmarks.epochs import measure_epochs
from tests.benchmarks.fold import Sizes, Text, make_corpus, make_fold
from tests.benchmarks.grids import CONDITIONS, measure_grids
from tests.benchmarks.markdown import page
from tests.benchmarks.overhead import measure_overhead
from tests.benchmarks.scaling import measure_scaling
from tests.benchmarks.timing import gemm_peak

# `gflops` is worked out from the times of `epochs`, and asks for them.
SECTIONS = ("epochs", "grid", "overhead", "gflops", "scaling")
QUICK = 0.1
QUICK_CONDITIONS = (30, 60)


class _Names(click.ParamType):
    """Names of sections, with commas between them."""

    name = "sections"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        names = value if isinstance(value, tuple) else tuple(value.split(","))
        unknown = [name for name in names if name not in SECTIONS]
        if unknown:
            self.fail(f"unknown {', '.join(unknown)}; expected some of {', '.join(SECTIONS)}")
        return names


@click.command(help=__doc__)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True)
@click.option("--markdown", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--only", type=_Names(), default=SECTIONS, help=",".join(SECTIONS))
@click.option("--rounds", type=click.IntRange(1), default=3, help="measurements behind a median")
@click.option("--threads", type=click.IntRange(1, 2), default=2)
@click.option("--text", type=click.Choice(get_args(Text)), default="full")
@click.option("--share", type=click.FloatRange(0, 1, min_open=True), help="of the utterances")
@click.option("--quick", is_flag=True, help="a tenth of everything, to see that it works")
def main(
    out: Path,
    markdown: Path | None,
    only: tuple[str, ...],
    rounds: int,
    threads: int,
    text: Text,
    share: float | None,
    quick: bool,
) -> None:
    """Measure."""
    with cpu_threads(threads):
        share = share or (QUICK if quick else 1.0)
        sizes = Sizes().scaled(share) if share < 1 else Sizes()
        conditions = QUICK_CONDITIONS if quick else CONDITIONS
        record = measure(only, sizes, conditions, rounds, text, _say)
        command = ["python", "-m", "tests.benchmarks.measure", *sys.argv[1:]]
        record["command"] = " ".join(command)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(record, indent=2) + "\n", "utf-8")
    if markdown is not None:
        markdown.write_text(page(record), "utf-8")


def _say(text: str) -> None:
    click.echo(text, err=True)


def measure(
    only: tuple[str, ...],
    sizes: Sizes,
    conditions: tuple[int, ...],
    rounds: int,
    text: Text,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Measure some sections at the threads that torch has.

    Args:
        only: names of sections.
        sizes: of the fold.
        conditions: of the grids.
        rounds: measurements behind a median.
        text: whether texts have 22 tokens each, or as many as they have.
        say: told what is being measured.
    """
    corpus = make_corpus(sizes.total, text)
    fold = make_fold(corpus, sizes, conditions=min(conditions))
    peaks = [gemm_peak()]
    wanted: dict[str, Callable[[], Any]] = {
        "epochs": lambda: measure_epochs(fold, rounds, text),
        "grid": lambda: measure_grids(fold, rounds, conditions),
        "overhead": lambda: measure_overhead(fold, rounds),
        "scaling": lambda: measure_scaling(corpus, sizes, rounds),
    }
    names = {"epochs" if name == "gflops" else name for name in only}
    found: dict[str, Any] = {}
    for name in (n for n in wanted if n in names):
        say(f"measuring {name}")
        found[name] = wanted[name]()
    peaks.append(gemm_peak())
    return {**_setting(corpus, fold, rounds, text), "gemm_peak_gflops": peaks, "sections": found}


def _setting(corpus: Corpus, fold: PreparedFold, rounds: int, text: Text) -> dict[str, Any]:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {
        "threads": torch.get_num_threads(),
        "rounds": rounds,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "processor": platform.machine(),
        "text": text,
        "utterances": {
            "train": len(fold.train),
            "valid": len(fold.valid),
            "test": len(fold.evaluator.part),
        },
        "modalities": {
            m.name: {
                "width": m.width,
                "mean_frames": float(m.lengths.mean()),
                "most_frames": int(m.lengths.max()),
            }
            for m in corpus.modalities
        },
        "peak_memory_of_the_measurement": peak,
    }


if __name__ == "__main__":
    main()
