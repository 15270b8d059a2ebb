"""The tables of `reports/performance.md`, from the JSON of a measurement."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tests.benchmarks.epochs import RELEASED_PEAK


def page(record: dict[str, Any]) -> str:
    """Return the page."""
    found, sections = record["sections"], _SECTIONS
    blocks = [_head(record)]
    blocks += [writer(found[name]) for name, writer in sections if name in found]
    return "\n\n".join(blocks) + "\n"


def table(columns: Sequence[str], rows: Iterator[Sequence[str]]) -> str:
    """Return a table whose first column is text and whose others are figures."""
    marks = ["---", *["---:"] * (len(columns) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (columns, marks, *rows))


def _head(record: dict[str, Any]) -> str:
    sizes, peaks = record["utterances"], record["gemm_peak_gflops"]
    modalities = ", ".join(
        f"{name} {m['width']} wide, {m['mean_frames']:.0f} frames on average, "
        f"{m['most_frames']} at most"
        for name, m in record["modalities"].items()
    )
    return (
        "# Performance\n\n"
        f"Made by `{record.get('command', 'tests.benchmarks.measure')}`.\n\n"
        f"A fold of {sizes['train']} / {sizes['valid']} / {sizes['test']} utterances: "
        f"{modalities}. {record['threads']} threads, torch {record['torch']}, medians of "
        f"{record['rounds']}, all ways in turns. A float32 matrix product of "
        f"2048^3 reaches {peaks[0]:.0f} GFLOP/s before the measurement and {peaks[-1]:.0f} after."
    )


def _epochs(found: dict[str, Any]) -> str:
    stages = found["stages"].items()
    times = table(
        ["", "ours, s", "plain, s", "of it evaluation", "ratio", "once, s", "`--jobs 2`, s",
         "its ratio"],
        (
            (
                label,
                f"{r['ours']['median']:.2f}",
                f"{r['plain']['median']:.2f}",
                f"{r['plain_evaluate']:.2f}",
                f"{r['ratio']:.1f} x",
                f"{r['ours_once']['median']:.2f}",
                f"{r['jobs']['median']:.2f}",
                f"{r['jobs_ratio']:.1f} x",
            )
            for label, r in stages
        ),
    )  # fmt: skip
    floor = table(
        ["", "product, GFLOP/s", "needed, GFLOP", "floor, s", "ours / floor", "ours, GFLOP/s",
         "plain does, GFLOP", "plain, GFLOP/s"],
        (
            (
                label,
                f"{peak:.0f}",
                f"{a['needed_gflop']:.0f}",
                f"{a['floor_seconds']:.2f}",
                f"{a['times_floor']:.1f} x",
                f"{a['ours_gflops']:.0f}",
                f"{a['plain_gflop']:.0f}",
                f"{a['plain_gflops']:.0f}",
            )
            for label, a, peak in (
                (label, r["arithmetic"], r["gemm_peak_gflops"]["median"]) for label, r in stages
            )
        ),
    )  # fmt: skip
    straw = table(
        ["", "released, scaled, s", "plain / released", "training", "evaluation", "within 30 %"],
        (
            (
                label,
                f"{s['released_scaled']:.1f}",
                f"{s['ratio']:.2f}",
                f"{s['train_ratio']:.2f}",
                f"{s['evaluate_ratio']:.2f}",
                "yes" if s["within_30_percent"] else "no",
            )
            for label, s in ((label, r["straw_man"]) for label, r in stages)
            if s is not None
        ),
    )
    protocol = table(
        ["", "ours, h", "plain, h", "ratio", "epochs measured a stage"],
        (
            (
                name,
                f"{p['ours_hours']:.2f}",
                f"{p['plain_hours']:.2f}",
                f"{p['ratio']:.1f} x",
                str(p["extrapolated_from_epochs"]),
            )
            for name, p in found["protocol"].items()
        ),
    )
    return "\n\n".join(
        [
            "## An epoch\n\nOurs: training and validation. Plain: training, validation and test, "
            "as the usual loop has them. `once` is what a stage of ours does a single time. "
            "`--jobs 2`, which is what a run does on two cores: two processes of one thread train "
            "side by side, and a network has half the seconds of the slower one.",
            times,
            "## Arithmetic\n\nNeeded: matrix products over frames that exist, of modalities that "
            "are there, in a training epoch and its validation. The floor is what that takes at "
            "the speed of a float32 matrix product of 2048^3, measured in turns with both ways.",
            floor,
            "## The plain loop against the released code\n\nThe released code's times are scaled "
            f"by this machine's matrix product, {RELEASED_PEAK} GFLOP/s there; figures above 1 are "
            "slower than that.",
            straw,
            "## The whole protocol\n\nExtrapolated: both stages' published epochs, ten folds. Ours "
            "with `--jobs 2`; the plain loop takes one fold after the other, on both cores.",
            protocol,
        ]
    )


def _grid(found: dict[str, Any]) -> str:
    rows = (
        (
            name,
            size,
            f"{g['ours']['median']:.2f}",
            f"{g['direct_extrapolated']:.1f}",
            str(g["sampled_conditions"]),
            f"{g['ratio']:.1f} x",
        )
        for name, of in found.items()
        for size, g in of["grids"].items()
    )
    added = table(
        ["", "seconds a condition", "share of its direct cost"],
        (
            (name, f"{a['seconds_each']:.4f}", f"{100 * a['share_of_direct']:.1f} %")
            for name, a in ((name, of["added"]) for name, of in found.items())
        ),
    )
    return "\n\n".join(
        [
            "## The grid\n\nThe direct way is extrapolated from a sample of the conditions and "
            "leaves the making of noise out; ours has it in.",
            table(["", "conditions", "ours, s", "direct, s", "of it measured", "ratio"], rows),
            "A condition whose inputs are encoded already:",
            added,
        ]
    )


def _overhead(found: dict[str, Any]) -> str:
    rows = (
        (
            f"{name} {part}",
            f"{p['unwatched']:.2f}",
            f"{p['wall']:.2f}",
            f"{p['tensor']:.2f}",
            f"{100 * p['share']:.1f} %",
        )
        for name, of in found.items()
        for part, p in of["parts"].items()
    )
    cells = ", ".join(f"{name} {100 * of['share_of_a_cell']:.1f} %" for name, of in found.items())
    return (
        "## Outside tensor operations\n\n"
        + table(["", "s", "watched, s", "in operations, s", "outside"], rows)
        + f"\n\nOf a whole cell (published epochs, extrapolated): {cells}."
    )


def _scaling(found: dict[str, Any]) -> str:
    rows = (
        (name, n, f"{r['epoch']['median']:.2f}", f"{r['grid']['median']:.2f}")
        for name, of in found["utterances"].items()
        for n, r in of.items()
    )
    folds = ((k, f"{seconds:.1f}") for k, seconds in found["folds"]["seconds"].items())
    return "\n\n".join(
        [
            "## What more costs",
            table(["", "training utterances", "epoch, s", "grid, s"], rows),
            "Folds of mmin, each prepared, trained for an epoch a stage, and evaluated:",
            table(["folds", "s"], folds),
        ]
    )


_SECTIONS: tuple[tuple[str, Callable[[dict[str, Any]], str]], ...] = (
    ("epochs", _epochs),
    ("grid", _grid),
    ("overhead", _overhead),
    ("scaling", _scaling),
)
