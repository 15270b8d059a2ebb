"""A run directory as an object: its tables, its trained methods, and what may be made of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow.dataset as ds

from merbench.analysis.build import metrics_of
from merbench.analysis.facts import RUN, Record, read_record, suite_name
from merbench.errors import ConfigError, IncompleteError
from merbench.results.cells import CELLS, CURVES
from merbench.results.conditions import NO_NOISE, columns_of
from merbench.results.confusion import read_confusion
from merbench.results.metrics import added, confusion_metric
from merbench.results.reading import reading
from merbench.results.summary import Summary, overview, summary_table
from merbench.results.tables import PREDICTIONS, RESULTS

if TYPE_CHECKING:  # each takes long to import, and most programs want few of them
    from collections.abc import Collection

    from merbench.analysis.comparison import Comparison
    from merbench.api.notebook import Drawing
    from merbench.api.trained import Trained
    from merbench.check.api import Held

NEITHER = "expected two runs, or one run with --methods A,B"


class Run:
    """The run in a directory.

    Nothing is kept in memory: every property reads what is there now, so that an object stays good
    while a run goes on.

    Attributes:
        path: the directory.

    Example:
        >>> import merbench
        >>> run = merbench.Run("runs/quick")
        >>> run.complete
        True
        >>> clean = run.results.query("noise == 'none'")
        >>> sorted(clean["pattern"].unique())[:3]
        ['audio', 'audio+text', 'audio+visual']
    """

    def __init__(self, path: str | Path) -> None:
        """Open a run.

        Args:
            path: its directory.

        Raises:
            IncompleteError: there is no run in it.
        """
        self.path = Path(path)
        read_record(self.path)

    @classmethod
    def latest(cls, folder: str | Path = "runs") -> Run:
        """Return the run in a folder of them that changed last.

        Raises:
            IncompleteError: there is none.
        """
        records = sorted(Path(folder).glob(f"*/{RUN}"), key=lambda path: path.stat().st_mtime_ns)
        if not records:
            raise IncompleteError(f"no run under {folder}/: name one, or start with merbench run")
        return cls(records[-1].parent)

    @property
    def record(self) -> Record:
        """`run.json`: suite, corpus, folds, versions, times, status, warnings."""
        return read_record(self.path)

    @property
    def complete(self) -> bool:
        """Whether every cell of the suite is there."""
        return self.record.get("status") == "complete"

    @property
    def results(self) -> pd.DataFrame:
        """One row for each cell and condition of the grid.

        Columns: `corpus`, `method`, `fold` (categories) and `seed`, which name the cell;
        `condition` (its position in the grid), `pattern` (the modalities present, joined by `+`),
        `noise` (`none` where modalities are only missing), `on` (`absent`, `present`, `all`),
        `level` (step of the schedule, if the noise has one), `requested` and `severity` (what the
        suite asked for and what that came to, 0 to 1) and `draw`, which name the condition; `n`
        (utterances tested); `wa`, `ua`, `f1`, `weighted_f1`, `ece`, `nll` and the suite's own
        metrics, as fractions, NaN where there is none.

        Raises:
            IncompleteError: no cell has finished yet.
            ConfigError: the table is damaged.
        """
        return self._table(RESULTS)

    @property
    def predictions(self) -> ds.Dataset:
        """One row for each cell, condition and utterance, as a dataset that nothing has read yet.

        Columns: the keys of `results`, then `utterance`, `speaker`, `dialogue`, `label`,
        `prediction` (names), and `p_<class>`, float16. There may be far more rows than memory
        holds: filter and choose columns when reading, or take batches.

        Raises:
            IncompleteError: no cell has finished yet.
            ConfigError: the table is damaged.

        Example:
            >>> import merbench, pyarrow.compute as pc
            >>> predictions = merbench.Run("runs/quick").predictions
            >>> clean = predictions.to_table(
            ...     columns=["utterance", "label", "prediction"],
            ...     filter=(pc.field("noise") == "none") & (pc.field("pattern") == "audio"),
            ... ).to_pandas()
            >>> len(clean) == clean["utterance"].nunique()
            True
            >>> batches = predictions.to_batches(columns=["label"])
            >>> sum(batch.num_rows for batch in batches) == predictions.count_rows()
            True
        """
        path = self._there(PREDICTIONS)
        with reading(path):
            return ds.dataset(path, format="parquet")

    @property
    def cells(self) -> pd.DataFrame:
        """One row for each trained cell.

        Columns: `method`, `fold`, `seed`; `parameters` that train; `epoch` chosen of `epochs`
        (none for a black box); `shared_seconds` (stages shared with other methods),
        `train_seconds`, `evaluate_seconds`; `peak_memory` in bytes; `device`; `batch_share` (cells
        trained at once); `diagnostics` (JSON); `warnings`.

        Raises:
            IncompleteError: no cell has finished yet.
            ConfigError: the table is damaged.
        """
        return self._table(CELLS)

    @property
    def curves(self) -> pd.DataFrame:
        """One row for each epoch of each stage of each cell; none for black boxes.

        Columns: `method`, `fold`, `seed`; `stage`; `epoch`; `lr`; `loss` and its `terms` (JSON);
        `valid_complete` and `valid_partial`, the validation score (`select_by`) on complete and on
        partial input; `chosen_complete` and `chosen_partial`, whether the epoch was picked by it;
        `seconds`.

        Raises:
            IncompleteError: no cell has finished yet.
            ConfigError: the table is damaged.
        """
        return self._table(CURVES)

    def tables(self, *, partial: bool = False) -> tuple[Summary, ...]:
        """Return the tables that `merbench run` prints: WA, UA, and an overview of the grid.

        Where modalities are missing at random, UA by rate stands before the overview.
        Metrics of plug-ins have a table each, too. `Summary.wide("value")` is one as pandas.

        Args:
            partial: leave holes blank instead of refusing a run that has any.

        Raises:
            IncompleteError: cells are missing, naming each.
        """
        metrics = metrics_of(self.record)
        confusion = read_confusion(self.path / PREDICTIONS)
        shown: list[str] = [name for name in ("wa", "ua") if name in metrics] or list(metrics[:1])
        plugged = [metric.name for metric in added(metrics)]
        return (
            *(
                summary_table(confusion, confusion_metric(name), NO_NOISE, partial)
                for name in dict.fromkeys([*shown, *plugged])
            ),
            *(
                summary_table(confusion, confusion_metric(shown[-1]), column, partial)
                for column in columns_of(confusion.header.conditions)
                if column.at_random
            ),
            overview(confusion, confusion_metric(shown[-1]), partial),
        )

    def load(
        self,
        method: str,
        fold: str | None = None,
        seed: int | None = None,
        *,
        device: str = "auto",
        trusted: Collection[str] = (),
    ) -> Trained:
        """Return a trained method, ready to predict other data.

        Args:
            method: its label.
            fold: of the cell; None for all of them, whose probabilities are averaged.
            seed: of the cell; None for all of them.
            device: `auto`, `cpu` or `cuda[:i]`.
            trusted: import paths that may be imported: a run's record alone has none imported.

        Raises:
            ConfigError: no such method, fold or seed; or code that is not trusted.
            IncompleteError: the cells are not there.

        Example:
            >>> import merbench
            >>> trained = merbench.Run("runs/quick").load("logreg", fold="1", seed=0)
            >>> trained.predict("synthetic").columns[:4].tolist()
            ['utterance', 'fold', 'seed', 'prediction']
        """
        from merbench.api.trained import load  # noqa: PLC0415 - imports torch

        return load(self.path, method, fold, seed, device, trusted)

    def report(self, out: str | Path | None = None, *, partial: bool = False) -> Path:
        """Write the report: the page, figures, tables and numbers.

        Args:
            out: directory to write to [`report` in the run].
            partial: leave holes blank instead of refusing a run that has any.

        Returns:
            The page.

        Raises:
            IncompleteError: cells are missing, naming each.
        """
        from merbench.report.report import write_report  # noqa: PLC0415

        return write_report(self.path, None if out is None else Path(out), partial)

    def figure(self, name: str = "overview", *, partial: bool = False) -> Drawing:
        """Draw a figure of the report; a notebook shows it.

        Args:
            name: of its file in the report, such as `overview` or `training`.
            partial: leave holes blank instead of refusing a run that has any.

        Raises:
            ConfigError: the run has no such figure, naming those that it has.
            IncompleteError: cells are missing, naming each.
        """
        from merbench.api.notebook import draw  # noqa: PLC0415

        return draw(self.path, name, partial)

    def check(
        self,
        reference: str | Path,
        *,
        tolerances: str | Path | None = None,
        methods: Sequence[str] = (),
    ) -> Held:
        """Hold the run against a reference: the gate of `merbench check`.

        Args:
            reference: a file that `save_reference` wrote, or the directory of another run.
            tolerances: a YAML file of them; those of the run's suite where left out.
            methods: labels of those to check; all where empty.

        Returns:
            The outcome: `held.checked.exit_code()` is 0 where nothing has dropped,
            `held.checked.rules` has every value that was held, the worst first.

        Raises:
            NotComparableError: the protocols differ, naming how.
            IncompleteError: the run or the reference has holes.

        Example:
            >>> import merbench
            >>> run = merbench.Run("runs/quick")
            >>> held = run.check(run.save_reference("quick.json"))
            >>> held.checked.identical, held.checked.exit_code()
            (True, 0)
        """
        from merbench.check.api import check_run  # noqa: PLC0415

        chosen = None if tolerances is None else Path(tolerances)
        return check_run(self.path, Path(reference), chosen, methods)

    def save_reference(self, path: str | Path) -> Path:
        """Write the run as a reference for later runs, and return the file.

        Raises:
            IncompleteError: cells are missing, naming each.
        """
        from merbench.check.reference import reference_of_run  # noqa: PLC0415
        from merbench.check.reference_file import save_reference  # noqa: PLC0415

        save_reference(reference_of_run(self.path), Path(path))
        return Path(path)

    def compare(
        self,
        other: Run | str | Path | None = None,
        *,
        methods: Sequence[str] = (),
        metric: str = "ua",
        partial: bool = False,
    ) -> Comparison:
        """Return paired differences with intervals, as `Comparison.frame`.

        Args:
            other: a run: every method of it against that of this one.
            methods: instead of it, methods of this run: the first against the others.
            metric: of a confusion matrix.
            partial: compare runs with holes.

        Raises:
            ConfigError: neither or both of `other` and `methods`; an unknown method or metric.
            NotComparableError: the runs met different tests.
            IncompleteError: cells are missing.
        """
        from merbench.analysis import comparison  # noqa: PLC0415

        chosen = confusion_metric(metric)
        if other is not None and not methods:
            path = other.path if isinstance(other, Run) else Path(other)
            return comparison.compare_runs(self.path, path, chosen, partial)
        if other is None and methods:
            return comparison.compare_methods(self.path, methods, chosen, partial)
        raise ConfigError(NEITHER)

    def __repr__(self) -> str:
        record = self.record
        return f"Run({self.path}: {suite_name(record, self.path)} on {_cells(record)})"

    def _repr_html_(self) -> str:
        """Return the WA and UA tables, and the overview of the grid, for a notebook."""
        from merbench.api.notebook import page_of_tables  # noqa: PLC0415

        try:
            tables = self.tables(partial=True)
        except IncompleteError:  # no cell has finished yet
            tables = ()
        return page_of_tables(repr(self), tables)

    def _table(self, name: str) -> pd.DataFrame:
        path = self._there(name)
        with reading(path):
            return pd.read_parquet(path)

    def _there(self, name: str) -> Path:
        """Return the path of a table.

        Raises:
            IncompleteError: it is not there.
        """
        path = self.path / name
        if not path.is_file():
            raise IncompleteError(f"{path}: no such table; the run has no finished cell yet")
        return path


def _cells(record: Record) -> str:
    """Say what a run is on, and how much of it is there; a record may lack anything."""
    corpus, cells = record.get("corpus"), record.get("cells")
    name = corpus.get("name") if isinstance(corpus, dict) else "?"
    counts = cells if isinstance(cells, dict) else {}
    return f"{name}, {counts.get('done', '?')} of {counts.get('total', '?')} cells"
