"""Checking predictions made elsewhere: everything that is wrong is said, by row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from merbench.errors import ConfigError, NotComparableError
from merbench.exchange.columns import Columns, choose_columns
from merbench.exchange.frame import Frame
from merbench.exchange.problems import SHOWN, RowProblems
from merbench.exchange.reader import BLANK, CodedRows, RowReader, coded
from merbench.exchange.rows import PredictionsFile
from merbench.results.tables import CellPredictions

MOST_SEEDS = 1000  # rows are held in memory, so that a file without end must end here

_MOST_SLOTS = 1 << 30


@dataclass(frozen=True)
class Checked:
    """Predictions that are complete and sound.

    Attributes:
        rows: how many.
        protocol: what the file says it was made for, None where it does not say.
        cells: in the order fold, seed.
    """

    rows: int
    protocol: str | None
    cells: tuple[CellPredictions, ...]


def check(file: PredictionsFile, frame: Frame, label: str, protocol: str) -> Checked:
    """Read predictions and fit them into the frame.

    Args:
        file: opened.
        frame: what has to be there.
        label: what the method is to be called.
        protocol: the short digest that the file's column `protocol` must hold, where it has one.

    Raises:
        ConfigError: everything that is wrong.
        NotComparableError: the predictions were made for another export.
    """
    columns = choose_columns(str(file.path), file.columns, frame.corpus.classes)
    problems = RowProblems(str(file.path), file.place)
    read, protocols = _read(file, frame, columns, problems)
    says = _says(str(file.path), protocols, protocol)
    broken = sorted(file.broken)
    problems.add(
        "line break",
        "",
        np.array(broken, np.int64),
        lambda n: (
            f"holds a line break in column {file.broken[broken[n]]!r}; expected a line for each "
            "row (so records are counted here, from 1 for the header)"
        ),
    )
    malformed = sorted(file.malformed.items())
    for number, text in malformed[:SHOWN]:
        problems.say(f"{file.numbered(number)}: {text}")
    if len(malformed) > SHOWN:
        problems.say(f"{len(malformed)} lines in all have too few or too many cells")
    if not len(read.slots):
        problems.say("no rows; expected one for each test utterance and condition")
        problems.raise_any()
    seeds = np.unique(read.seeds[(read.slots != BLANK) & (read.seeds >= 0)])
    if len(seeds) * frame.starts[-1] > _MOST_SLOTS:
        problems.say(f"column 'seed' has {len(seeds)} different values; expected a few seeds")
        problems.raise_any()
    rows = _rows_of_slots(read, frame, seeds, problems)
    _note_missing(rows, frame, seeds, problems)
    problems.raise_any()
    return Checked(
        int((read.slots != BLANK).sum()),
        says,
        tuple(_cells(rows, read, frame, seeds, label)),
    )


def _read(
    file: PredictionsFile, frame: Frame, columns: Columns, problems: RowProblems
) -> tuple[CodedRows, set[str]]:
    """Return the rows, and all that their column `protocol` holds."""
    reader = RowReader(frame, columns, problems)
    parts: list[CodedRows] = []
    methods: set[str] = set()
    protocols: set[str] = set()
    for block in file.blocks():
        if "method" in block.columns:
            methods.update(coded(block, "method").texts)
        if block.first > MOST_SEEDS * frame.starts[-1]:
            raise ConfigError(
                f"{file.path}: more than {block.first} rows; the suite has {frame.starts[-1]} "
                "predictions for each seed\nnothing was imported"
            )
        parts.append(reader.read(block))
        if "protocol" in block.columns:
            said = coded(block, "protocol")
            found = np.unique(said.codes[parts[-1].slots != BLANK])
            protocols.update(said.texts[code] for code in found.tolist())
    if len(methods - {""}) > 1:
        shown = ", ".join(sorted(methods)[:SHOWN]) + ", ..." * (len(methods) > SHOWN)
        raise ConfigError(
            f"{file.path}, column 'method': holds predictions of {len(methods)} methods "
            f"({shown}); expected those of one\nnothing was imported"
        )
    given = [part.probabilities is not None for part in parts]
    if any(given) and not all(given):
        problems.say("some rows have probabilities and some have none; expected all or none")
    halves = [part.probabilities for part in parts if part.probabilities is not None]
    none = np.empty(0, np.int64)
    read = CodedRows(
        np.concatenate([none, *(part.slots for part in parts)]),
        np.concatenate([none, *(part.seeds for part in parts)]),
        np.concatenate([none.astype(np.int16), *(part.predictions for part in parts)]),
        np.concatenate(halves) if given and all(given) else None,
    )
    return read, protocols


def _says(path: str, found: set[str], protocol: str) -> str | None:
    """Return what a file says it was made for, None where it does not say.

    Predictions for another export are refused; what is wrong with their rows follows from that.
    """
    if found <= {""}:
        return None
    if found == {protocol}:
        return protocol
    named = [text or "nothing" for text in sorted(found)]
    shown = ", ".join(named[:SHOWN]) + ", ..." * (len(named) > SHOWN)
    why = (
        "the predictions were made for another export"
        if len(found) == 1
        else "the predictions were made for several exports"
    )
    raise NotComparableError(
        f"{path}: not comparable, {why}: column 'protocol' holds {shown}, and the suite given here "
        f"has {protocol}; give --corpus, --folds and --set as they were given to the export, whose "
        "export.json has them"
    )


def _rows_of_slots(
    read: CodedRows, frame: Frame, seeds: NDArray[np.int64], problems: RowProblems
) -> NDArray[np.int64]:
    """Return (seeds, slots) the first row that fills each slot, -1 where none does."""
    total = int(frame.starts[-1])
    found = np.full(len(seeds) * total, -1, np.int64)
    placed = np.flatnonzero((read.slots >= 0) & (read.seeds >= 0))
    slots = read.slots[placed] + np.searchsorted(seeds, read.seeds[placed]) * total
    # The last one written stays, so from the last row to the first.
    found[slots[::-1]] = placed[::-1]
    again = found[slots] != placed
    twice = placed[again]
    problems.add(
        "duplicate",
        "",
        twice,
        lambda n: (
            f"{frame.describe(int(slots[again][n]) % total)}, seed {read.seeds[twice[n]]}, stands "
            f"in {problems.place(int(found[slots[again][n]]))} already; expected once"
        ),
    )
    return found.reshape(len(seeds), total)


def _note_missing(
    rows: NDArray[np.int64], frame: Frame, seeds: NDArray[np.int64], problems: RowProblems
) -> None:
    for of_seed, seed in zip(rows, seeds.tolist(), strict=True):
        for fold, name in enumerate(frame.folds):
            start, end = frame.starts[fold], frame.starts[fold + 1]
            missing = np.flatnonzero(of_seed[start:end] < 0) + start
            if not len(missing):
                continue
            where = f"fold {name}, seed {seed}"
            if len(missing) == end - start:
                problems.say(f"{where}: no prediction at all; expected {end - start}")
                continue
            first = "; ".join(frame.describe(int(slot)) for slot in missing[:SHOWN])
            problems.say(
                f"{where}: {len(missing)} of {end - start} predictions are missing, first: {first}"
            )


def _cells(
    rows: NDArray[np.int64],
    read: CodedRows,
    frame: Frame,
    seeds: NDArray[np.int64],
    label: str,
) -> Sequence[CellPredictions]:
    cells = []
    for fold, (name, test) in enumerate(zip(frame.folds, frame.tests, strict=True)):
        for of_seed, seed in zip(rows, seeds.tolist(), strict=True):
            chosen = of_seed[frame.starts[fold] : frame.starts[fold + 1]]
            shape = (frame.count, len(test))
            cells.append(
                CellPredictions(
                    method=label,
                    fold=name,
                    seed=seed,
                    utterances=test.astype(np.int32),
                    labels=frame.corpus.labels[test].astype(np.int16),
                    predictions=read.predictions[chosen].reshape(shape),
                    probabilities=None
                    if read.probabilities is None
                    else read.probabilities[chosen].reshape(*shape, -1),
                )
            )
    return cells
