"""Predict an exported grid outside merbench, with numpy alone.

    python outside_logreg.py EXPORT RUN OUT.csv

EXPORT was written by `merbench grid export SUITE --out EXPORT`. The classifier here is the one
that RUN trained as `logreg` (a linear one on features pooled over time); put your own in the place
of `Classifier`: it gets the features of some utterances and returns class probabilities.
"""

import csv
import json
import sys
from pathlib import Path

import numpy as np


def read_rows(path):
    """Return the rows of a csv as dictionaries."""
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def read_safetensors(path):
    """Return the arrays of a safetensors file: a header in JSON, then the numbers."""
    content = path.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    types = {"F64": "<f8", "F32": "<f4", "I64": "<i8"}
    arrays = {}
    for name, entry in json.loads(content[8:start]).items():
        if name != "__metadata__":
            first, end = (start + offset for offset in entry["data_offsets"])
            numbers = np.frombuffer(content[first:end], types[entry["dtype"]])
            arrays[name] = numbers.reshape(entry["shape"])
    return arrays


def over_time(values, offsets, kind):
    """Pool each sequence: mean, and for sequences also maximum and standard deviation."""
    values = values.astype(np.float64)
    lengths = np.diff(offsets)
    there = lengths > 0
    starts, count = offsets[:-1][there], lengths[there, None]
    mean = np.add.reduceat(values, starts) / count
    if kind == "vector":
        pooled = mean
    else:
        apart = (values - np.repeat(mean, lengths[there], axis=0)) ** 2
        deviation = np.sqrt(np.add.reduceat(apart, starts) / count)
        pooled = np.concatenate([mean, np.maximum.reduceat(values, starts), deviation], 1)
    found = np.zeros((len(lengths), pooled.shape[1]))
    found[there] = pooled.astype(np.float32)  # as precise as the features are
    return found, there


class Classifier:
    """The logistic regression of a run: what each modality adds to the logits, added up."""

    def __init__(self, arrays):
        self.arrays = arrays

    def share(self, modality, kind, values, offsets):
        """Return (n, C): the modality's part of the logits, 0 where an utterance lacks it."""
        pooled, there = over_time(values, offsets, kind)
        of = {key: self.arrays[f"{modality}/{key}"] for key in ("mean", "sd", "weights")}
        return np.where(there[:, None], (pooled - of["mean"]) / of["sd"] @ of["weights"], 0.0)

    def probabilities(self, shares):
        """Return (n, C) from the shares of the modalities that are not absent."""
        logits = self.arrays["biases"] + 0.0
        for share in shares:
            logits = logits + share
        powers = np.exp(logits - logits.max(1, keepdims=True))
        return powers / powers.sum(1, keepdims=True)


def main(export, run, out):
    """Predict every test utterance under every condition."""
    description = json.loads((export / "export.json").read_text("utf-8"))
    classes = description["corpus"]["classes"]
    conditions = read_rows(export / "conditions.csv")
    cells = {}
    for folder in json.loads((run / "run.json").read_text("utf-8"))["folders"]:
        record = json.loads((run / "cells" / folder / "record.json").read_text("utf-8"))
        if record["method"] == "logreg":
            cells[record["fold"]] = run / "cells" / folder
    with out.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        names = [f"p_{name}" for name in classes]
        writer.writerow(["utterance", "condition", "fold", "prediction", *names])
        for fold in description["folds"]:
            folder = export / fold["folder"]
            tested = [r["utterance"] for r in read_rows(folder / "utterances.csv")
                      if r["part"] == "test"]  # fmt: skip
            classifier = Classifier(read_safetensors(cells[fold["name"]] / "weights.safetensors"))
            shares = {}
            for modality in fold["modalities"]:
                name = modality["name"]
                offsets = np.load(folder / "test" / f"{name}.offsets.npy")
                for state in description["inputs"][name]:
                    values = np.load(folder / "test" / f"{name}.{state}.npy")
                    shares[name, state] = classifier.share(name, modality["kind"], values, offsets)
            for condition in conditions:
                shown = [shares[m["name"], condition[f"{m['name']}_input"]]
                         for m in fold["modalities"]
                         if condition[f"{m['name']}_state"] != "absent"]  # fmt: skip
                found = classifier.probabilities(shown)
                for utterance, row in zip(tested, found, strict=True):
                    best = classes[int(row.argmax())]
                    numbers = [repr(float(p)) for p in row]
                    writer.writerow([utterance, condition["condition"], fold["name"], best,
                                     *numbers])  # fmt: skip


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
