"""Count the trainings of each stage that ran to the last epoch that any of them had.

merbench run zoo && python reports/zoo/epochs.py runs/zoo
"""

import sys
from pathlib import Path

import pandas as pd

curves = pd.read_parquet(Path(sys.argv[1]) / "curves.parquet")
lengths = curves.groupby(["method", "stage", "fold", "seed"], sort=False)["epoch"].max()
sys.stdout.write(
    "| method | stage | longest | trainings | of them as long |\n|---|---|---:|---:|---:|\n"
)
for (method, stage), found in lengths.groupby(["method", "stage"], sort=False):
    longest = found.max()
    sys.stdout.write(
        f"| {method} | {stage} | {longest} | {len(found)} | {(found == longest).sum()} |\n"
    )
