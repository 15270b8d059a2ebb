"""Print what each property is worth: UA against `nmer`, and how alive the latent is.

merbench run nmer_variants && python reports/nmer_variants/worth.py runs/nmer_variants
"""

import json
import sys
from pathlib import Path

import pandas as pd

from merbench.results.averages import Average, evaluate, grid_mean, mean_of, over_settings
from merbench.results.conditions import patterns_of
from merbench.results.confusion import read_confusion
from merbench.results.metrics import confusion_metric
from merbench.results.summary import NO_NOISE
from merbench.results.tables import PREDICTIONS

run = Path(sys.argv[1])
confusion = read_confusion(run / PREDICTIONS)
confusion.require_complete()
header = confusion.header
clean = {p: over_settings(header.conditions, p, NO_NOISE) for p in patterns_of(header.conditions)}
columns: dict[str, Average | None] = {
    "partial mean": mean_of([a for p, a in clean.items() if p != header.complete]),
    "complete": clean[header.complete],
    "grid mean": grid_mean(header.conditions),
}
ua = confusion_metric("ua")
# (method, seed): pooled out of fold.
pooled = confusion.counts.sum(axis=2)
values = {
    name: 100 * evaluate(average, ua, pooled)
    for name, average in columns.items()
    if average is not None
}
cells = pd.read_parquet(run / "cells.parquet")
latent = pd.DataFrame([json.loads(text) for text in cells["diagnostics"]])
alive = pd.concat([cells["method"], latent], axis=1).groupby("method").mean()

base = header.methods.index("nmer")
lines = [
    "| variant | " + " | ".join(values) + " | active units | predictions that flip |",
    "|---|" + "---:|" * (len(values) + 2),
]
for row, method in enumerate(header.methods):
    shown = []
    for of_seeds in values.values():
        if row == base:
            shown.append(f"{of_seeds[row].mean():.1f}")
            continue
        # Seeds are paired: both methods start from the same first stage.
        difference = of_seeds[row] - of_seeds[base]
        shown.append(f"{difference.mean():+.1f} ± {difference.std(ddof=1):.1f}")
    unit, flips = alive.loc[method, ["active_units", "latent_flips"]]
    lines.append(f"| {method} | {' | '.join(shown)} | {unit:.2f} | {flips:.2f} |")
lines.append(
    f"\nUA in %; `nmer` itself, and what changes against it: mean and standard deviation over "
    f"{len(header.seeds)} seeds of the paired difference, {len(header.folds)} fold"
    f"{'s' * (len(header.folds) > 1)}. "
    f"Chance is {100 / len(header.classes):.1f}."
)
sys.stdout.write("\n".join(lines) + "\n")
