"""A trained method of a run, which predicts other data."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from merbench.corpus.corpus import Corpus
from merbench.corpus.load import load_corpus
from merbench.exchange.apply import Applied, apply_cells
from merbench.exchange.trained import Choice, TrainedCell, TrainedRun, load_cells
from merbench.exchange.written import table_of
from merbench.execution.device import choose_device


@dataclass(frozen=True)
class Trained:
    """A method as one or more cells of a run trained it.

    Attributes:
        run: of the cells.
        choice: label, and the fold and seed that were asked for.
        cells: whose class probabilities are averaged.
        device: where they live.
    """

    run: TrainedRun
    choice: Choice
    cells: tuple[TrainedCell, ...]
    device: str

    @property
    def classes(self) -> tuple[str, ...]:
        """What it tells apart."""
        return self.run.classes

    def apply(self, corpus: Corpus | str | Path, pattern: str | None = None) -> Applied:
        """Predict a corpus: probabilities, scores where its labels are known, and notes.

        The corpus is normalised by what each fold measured on its training part.

        Args:
            corpus: with modalities of the same names, kinds and widths; it may lack some. Or what
                `load_corpus` takes.
            pattern: the modalities to use, joined by `+`; all where None.

        Raises:
            CorpusError: it cannot be read, or its modalities do not fit.
            ConfigError: the pattern names a modality that the method does not know.
        """
        read = corpus if isinstance(corpus, Corpus) else load_corpus(corpus)
        return apply_cells(self.run, self.cells, read, pattern, self.device)

    def predict(self, corpus: Corpus | str | Path, pattern: str | None = None) -> pd.DataFrame:
        """Return one row for each utterance of a corpus; see `apply` for what may go wrong.

        Columns: `utterance`, `fold` and `seed` (empty where cells were averaged), `prediction`,
        `p_<class>` for every class, `label` as the corpus has it.
        """
        return table_of(self.apply(corpus, pattern), self.choice)

    def __repr__(self) -> str:
        cells = "one cell" if len(self.cells) == 1 else f"mean of {len(self.cells)} cells"
        return f"Trained({self.choice.method} of {self.run.root}, {cells})"


def load(
    root: Path,
    method: str,
    fold: str | None,
    seed: int | None,
    device: str,
    trusted: Collection[str],
) -> Trained:
    """Restore a method of a run; see `Run.load`."""
    chosen = choose_device(device)
    run = TrainedRun.open(root, trusted)
    choice = Choice(method, fold, seed)
    return Trained(run, choice, load_cells(run, choice, chosen), chosen)
