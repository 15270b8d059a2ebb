"""How often the gate fails a run of the same code with other seeds.

    merbench run gate --seeds $(seq -s, 100 162) --out runs/repeats
    python reports/calibration/gate_repeats.py runs/repeats > reports/calibration/gate_repeats.txt

trains 63 seeds; each three are a run, held against the three before.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from merbench.check.gate import check
from merbench.check.reference import Reference, reference_of_run

SEEDS = 3


def of_seeds(run: Reference, places: range) -> Reference:
    """Return the run with some of its seeds, by place."""
    header = replace(run.header, seeds=tuple(run.header.seeds[k] for k in places))
    return replace(run, header=header, counts=run.counts[:, list(places)])


def main(directory: Path) -> None:
    """Print a line a repeat, and how many failed."""
    whole = reference_of_run(directory)
    starts = range(0, len(whole.header.seeds) - SEEDS + 1, SEEDS)
    runs = [of_seeds(whole, range(k, k + SEEDS)) for k in starts]
    alarms = 0
    for before, after in pairwise(runs):
        found = check(after, before)
        alarms += found.exit_code() == 1
        names = [",".join(map(str, r.header.seeds)) for r in (after, before)]
        sys.stdout.write(f"seeds {names[0]} against {names[1]}: {found.headline()}\n")
    sys.stdout.write(f"{alarms} of {len(runs) - 1} repeats failed\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
