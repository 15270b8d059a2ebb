"""Applying trained cells to another corpus."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from merbench.corpus.corpus import Corpus, Modality
from merbench.corruption.corruptor import Corruptor
from merbench.corruption.grid import build_grid
from merbench.errors import ConfigError, CorpusError, did_you_mean
from merbench.evaluation.evaluator import GridEvaluator
from merbench.evaluation.fuse import fused_rows
from merbench.evaluation.predictions import GridPredictions
from merbench.exchange.trained import TrainedCell, TrainedRun
from merbench.execution.device import products
from merbench.execution.tasks import cpu_threads
from merbench.features.part import ModalityShape, make_part
from merbench.results.metrics import confusion_matrix, confusion_metric


@dataclass(frozen=True)
class Applied:
    """Predictions for a corpus.

    Attributes:
        corpus: what was predicted.
        classes: C names.
        probabilities: (N, C) mean over the cells.
        predictions: (N,) the most probable class.
        cells: how many were averaged.
        scores: metric -> value; empty where the corpus has labels that the method does not know.
        notes: what a reader of the predictions should know.
    """

    corpus: Corpus
    classes: tuple[str, ...]
    probabilities: NDArray[np.float64]
    predictions: NDArray[np.int64]
    cells: int
    scores: dict[str, float]
    notes: tuple[str, ...]


def apply_cells(
    run: TrainedRun,
    cells: Sequence[TrainedCell],
    corpus: Corpus,
    pattern: str | None = None,
    device: str = "cpu",
) -> Applied:
    """Predict a corpus with trained cells, and average their class probabilities.

    The corpus is normalised by the statistics of each cell's own training part.

    Args:
        run: of the cells.
        cells: one or more, of one method.
        corpus: any with modalities of the same names, kinds and widths; it may lack some.
        pattern: the modalities to use, joined by `+`; all where None.
        device: where the cells live.

    Raises:
        CorpusError: its modalities do not fit.
        ConfigError: the pattern names a modality that the method does not know.
    """
    shapes = cells[0].shape.modalities
    notes: list[str] = []
    aligned = _align(corpus, shapes, run.raw_widths, notes)
    present = _pattern(pattern, cells[0].shape.names)
    chosen = [index for index, name in enumerate(cells[0].shape.names) if name in present]
    empty = int((~aligned.available[:, chosen].any(1)).sum())
    if empty:
        notes.append(f"{empty} utterances have none of {'+'.join(present)}: guessed from nothing")
    if corpus.fingerprint == run.description["corpus"]["fingerprint"]:
        notes.append(
            "this is the corpus of the run: a cell has trained on what its fold does not test, so "
            "these scores are no test scores"
        )
    together = fused_rows(cells[0].predictor)
    if together is not None:
        notes.append(
            f"this method fuses {together} utterances at a time, and a prediction depends on the "
            "company: with other utterances, or in another order, the same one may differ"
        )
    mean = np.zeros((len(corpus), len(run.classes)))
    with cpu_threads(run.suite.numerics.threads), products(device):
        for cell in cells:
            found = _predict(cell, aligned, present, run, device)
            mean += found.probabilities[0].astype(np.float64) / len(cells)
    # One cell has its own word, which half precision cannot blur.
    one = len(cells) == 1
    predictions = found.predictions[0].astype(np.int64) if one else mean.argmax(1)
    return Applied(
        corpus,
        run.classes,
        mean,
        predictions,
        len(cells),
        _scores(corpus, run.classes, predictions, notes),
        tuple(notes),
    )


def _predict(
    cell: TrainedCell, corpus: Corpus, present: tuple[str, ...], run: TrainedRun, device: str
) -> GridPredictions:
    """Return what a cell says, by the way the grid itself is evaluated."""
    everyone = np.arange(len(corpus))
    evaluator = GridEvaluator(
        make_part(corpus, cell.normaliser, everyone, torch.device(device)),
        cell.shape,
        build_grid(corpus, [present], []),
        Corruptor(corpus, cell.normaliser, run.suite.seed),
        run.suite.numerics.evaluation_batch,
    )
    return evaluator.evaluate(cell.method, cell.predictor, (cell.fold, cell.seed))


def _pattern(pattern: str | None, names: Sequence[str]) -> tuple[str, ...]:
    if pattern is None:
        return tuple(names)
    wanted = [name.strip() for name in pattern.split("+")]
    for name in wanted:
        if name not in names:
            raise ConfigError(f"--pattern: no modality {name!r}; {did_you_mean(name, names)}")
    return tuple(name for name in names if name in wanted)


def _align(
    corpus: Corpus, shapes: Sequence[ModalityShape], widths: dict[str, int], notes: list[str]
) -> Corpus:
    """Return the corpus with exactly the modalities that were trained on, in their order."""
    have = {m.name: m for m in corpus.modalities}
    trained = [shape.name for shape in shapes]
    if not have.keys() & {*trained}:
        raise CorpusError(
            f"corpus {corpus.name!r} has the modalities {', '.join(have)}; expected at least one "
            f"of {', '.join(trained)}"
        )
    problems = []
    modalities = []
    for shape in shapes:
        found = have.get(shape.name)
        if found is None:
            notes.append(f"the corpus has no modality {shape.name!r}: absent for every utterance")
            found = _nothing(shape, widths[shape.name], len(corpus))
        elif found.kind != shape.kind:
            problems.append(
                f"modality {shape.name!r} is of kind {found.kind!r}; expected {shape.kind!r}"
            )
        elif found.width != widths[shape.name]:
            problems.append(
                f"modality {shape.name!r} has {found.width} feature columns; expected "
                f"{widths[shape.name]}"
            )
        modalities.append(found)
    if problems:
        raise CorpusError(f"corpus {corpus.name!r} does not fit: {'; '.join(problems)}")
    for name in have:
        if name not in trained:
            notes.append(
                f"modality {name!r} is ignored: the method does not know it; "
                f"{did_you_mean(name, trained)}"
            )
    return dataclasses.replace(corpus, modalities=tuple(modalities))


def _nothing(shape: ModalityShape, width: int, n: int) -> Modality:
    return Modality(
        shape.name, shape.kind, np.empty((0, width), np.float32), np.zeros(n + 1, np.int64)
    )


def _scores(
    corpus: Corpus, classes: Sequence[str], predictions: NDArray[np.int64], notes: list[str]
) -> dict[str, float]:
    present = sorted({corpus.classes[k] for k in np.unique(corpus.labels).tolist()})
    unknown = [name for name in present if name not in classes]
    if unknown:
        notes.append(
            f"not scored: the method does not know the label {unknown[0]!r}"
            + (f" and {len(unknown) - 1} others" if len(unknown) > 1 else "")
            + f"; it knows {', '.join(classes)}"
        )
        return {}
    place = {name: k for k, name in enumerate(classes)}
    of_class = np.array([place.get(name, -1) for name in corpus.classes])
    counts = confusion_matrix(of_class[corpus.labels], predictions[None], len(classes))
    return {name: float(confusion_metric(name)(counts)[0]) for name in ("wa", "ua", "f1")}
