"""Predict an exported grid outside merbench, with numpy alone.

    python outside_logreg.py EXPORT OUT.csv          trains a model of its own
    python outside_logreg.py EXPORT RUN OUT.csv      replays the `logreg` that RUN trained

EXPORT was written by `merbench grid export SUITE --out EXPORT`. The classifier is linear, on
features pooled over time. Put your own in the place of `Classifier` and `fit`: it gets the features
of some utterances and returns class probabilities.
"""

import csv
import json
import sys
from pathlib import Path

import numpy as np

PENALTIES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
STEPS = 200


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
    """A logistic regression: what each modality adds to the logits, added up."""

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
        return softmax(logits)


def softmax(logits):
    """Return probabilities."""
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def descend(features, targets, penalty):
    """Return weights and biases that fit the targets: accelerated gradient descent."""
    n = len(features)
    inputs = np.concatenate([features, np.ones((n, 1))], 1)
    decay = np.full((inputs.shape[1], 1), penalty)
    decay[-1] = 0.0
    step = 1 / (0.5 * np.linalg.norm(inputs, 2) ** 2 / n + penalty)
    now = before = np.zeros((inputs.shape[1], targets.shape[1]))
    for number in range(STEPS):
        ahead = now + number / (number + 3) * (now - before)
        slope = inputs.T @ (softmax(inputs @ ahead) - targets) / n + decay * ahead
        before, now = now, ahead - step * slope
    return now[:-1], now[-1]


def fit(folder, modalities, classes):
    """Train on `train`, and pick the penalty by the likelihood of `valid`."""
    rows = read_rows(folder / "utterances.csv")
    arrays, features, columns = {}, {"train": [], "valid": []}, [0]
    for modality in modalities:
        name = modality["name"]
        for part, found in features.items():
            values = np.load(folder / part / f"{name}.npy")
            offsets = np.load(folder / part / f"{name}.offsets.npy")
            pooled, there = over_time(values, offsets, modality["kind"])
            if part == "train":
                arrays[f"{name}/mean"] = pooled[there].mean(0)
                arrays[f"{name}/sd"] = np.maximum(pooled[there].std(0), 1e-6)
            scaled = (pooled - arrays[f"{name}/mean"]) / arrays[f"{name}/sd"]
            found.append(np.where(there[:, None], scaled, 0.0))
        columns.append(columns[-1] + pooled.shape[1])
    train, valid = (np.concatenate(features[part], 1) for part in ("train", "valid"))
    truth = {
        part: np.eye(len(classes))[[classes.index(r["label"]) for r in rows if r["part"] == part]]
        for part in features
    }
    best = -np.inf
    for penalty in PENALTIES:
        weights, biases = descend(train, truth["train"], penalty)
        likely = np.log((softmax(valid @ weights + biases) * truth["valid"]).sum(1) + 1e-12).mean()
        if likely > best:
            best, arrays["biases"] = likely, biases
            for modality, start, end in zip(modalities, columns, columns[1:], strict=False):
                arrays[f"{modality['name']}/weights"] = weights[start:end]
    return arrays


def trained(run):
    """Return fold -> the folder of the cell that a run has of `logreg`."""
    cells = {}
    for folder in json.loads((run / "run.json").read_text("utf-8"))["folders"]:
        record = json.loads((run / "cells" / folder / "record.json").read_text("utf-8"))
        if record["method"] == "logreg":
            cells[record["fold"]] = run / "cells" / folder
    return cells


def main(export, out, run=None):
    """Predict every test utterance under every condition."""
    description = json.loads((export / "export.json").read_text("utf-8"))
    classes = description["corpus"]["classes"]
    conditions = read_rows(export / "conditions.csv")
    cells = {} if run is None else trained(run)
    for fold in description["folds"]:
        if run is not None and fold["name"] not in cells:
            sys.exit(fail(f"{run}: has no logreg of fold {fold['name']}"))
    with out.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        names = [f"p_{name}" for name in classes]
        writer.writerow(["protocol", "utterance", "condition", "fold", "prediction", *names])
        for fold in description["folds"]:
            folder = export / fold["folder"]
            tested = [r["utterance"] for r in read_rows(folder / "utterances.csv")
                      if r["part"] == "test"]  # fmt: skip
            if run is None:
                classifier = Classifier(fit(folder, fold["modalities"], classes))
            else:
                weights = cells[fold["name"]] / "weights.safetensors"
                classifier = Classifier(read_safetensors(weights))
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
                    writer.writerow([description["protocol_digest"], utterance,
                                     condition["condition"], fold["name"], best,
                                     *numbers])  # fmt: skip


def fail(text):
    """Say what is wrong in a line and return the exit code."""
    sys.stderr.write(f"outside_logreg.py: {text}\n")
    return 2


if __name__ == "__main__":
    paths = [Path(argument) for argument in sys.argv[1:]]
    if len(paths) not in (2, 3):
        sys.exit(fail("usage: python outside_logreg.py EXPORT [RUN] OUT.csv"))
    try:
        main(paths[0], paths[-1], *paths[1:-1])
    except OSError as error:
        sys.exit(fail(f"{error.filename}: {error.strerror}"))
