"""Print, for each weight of the KL term, validation UA and how alive the latent is.

merbench run nmer_beta --out runs/nmer_beta && python reports/nmer_beta/latent.py runs/nmer_beta
"""

import json
import sys
from pathlib import Path

import pandas as pd

run = Path(sys.argv[1])
cells = pd.read_parquet(run / "cells.parquet")
curves = pd.read_parquet(run / "curves.parquet")
best = curves[curves["stage"] == "nmer"].groupby(["method", "fold"])["valid_partial"].max()
latent = pd.DataFrame([json.loads(text) for text in cells["diagnostics"]])
cells = cells.join(latent).set_index(["method", "fold"]).join(best)
means = cells.groupby("method")[["valid_partial", "active_units", "latent_flips"]].mean()
order = sorted(means.index, key=lambda label: -float(label.removeprefix("beta ")))
lines = [
    "| KL weight | validation UA | active units | predictions that flip |",
    "|---|---:|---:|---:|",
]
for label in order:
    ua, active, flips = means.loc[label]
    lines.append(f"| {label} | {100 * ua:.1f} | {active:.2f} | {flips:.2f} |")
sys.stdout.write("\n".join(lines) + "\n")
