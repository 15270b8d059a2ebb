"""Print what trained cascades imagine: one vector for all utterances, or one for each.

merbench run zoo && python reports/zoo/imagined.py runs/zoo [CORPUS, where it is not synthetic]

`fire` is the share of the transition's units that are above zero for any utterance of the corpus;
`differs` is the deviation of what is imagined between utterances, over its root mean square: 0 is a
constant. Audio alone is seen. Means and ranges are over folds and seeds.
"""

import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch

from merbench.corpus.load import load_corpus, read
from merbench.exchange.apply import apply_cells
from merbench.exchange.trained import Choice, TrainedRun, load_cells
from merbench.methods.parts.imagination import Cascade

run = TrainedRun.open(Path(sys.argv[1]))
corpus = (
    load_corpus(sys.argv[2]) if len(sys.argv) > 2 else read("synthetic", run.suite.corpus.settings)
)
found = defaultdict(list)


def watched(cascade: Cascade, label: str) -> None:
    """Note what a cascade imagines whenever it is asked for codes alone or for all."""
    codes, forward, first = cascade.codes, cascade.forward, cascade.transition[:2]

    def note(*args: torch.Tensor) -> object:
        fired = []
        handle = first[1].register_forward_hook(lambda m, i, units: fired.append(units > 0))
        imagined = forward(*args)
        handle.remove()
        h = imagined.reconstruction
        found[label].append(
            (
                fired[0].any(0).double().mean().item(),
                (h.std(0).square().mean() / h.square().mean()).sqrt().item(),
            )
        )
        return imagined

    cascade.forward = note
    cascade.codes = lambda *args: (note(*args), codes(*args))[1]


for entry in run.suite.methods:
    if entry.name not in ("mmin", "if_mmin", "cif_mmin"):
        continue
    for cell in load_cells(run, Choice(entry.label), "cpu"):
        watched(cell.predictor.imagine, entry.label)
        apply_cells(run, (cell,), corpus, "audio", "cpu")

sys.stdout.write("| method | fire, % | differs |\n|---|---:|---:|\n")
for label, values in found.items():
    fire, differs = np.array(values).T
    sys.stdout.write(
        f"| {label} | {100 * fire.mean():.1f} ({100 * fire.min():.1f} to {100 * fire.max():.1f}) "
        f"| {differs.mean():.2f} ({differs.min():.2f} to {differs.max():.2f}) |\n"
    )
