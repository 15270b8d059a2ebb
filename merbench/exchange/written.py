"""Predictions of a corpus as a file."""

from __future__ import annotations

import uuid
from pathlib import Path

import pandas as pd

from merbench.errors import ConfigError
from merbench.exchange.apply import Applied
from merbench.exchange.rows import SUFFIXES
from merbench.exchange.trained import Choice


def table_of(applied: Applied, choice: Choice) -> pd.DataFrame:
    """Return a row an utterance; fold and seed are empty where several were averaged."""
    corpus, n = applied.corpus, len(applied.corpus)
    names = [applied.classes[k] for k in applied.predictions.tolist()]
    return pd.DataFrame(
        {
            "utterance": list(corpus.utterances),
            "fold": pd.Series([choice.fold] * n, dtype="string"),
            "seed": pd.Series([choice.seed] * n, dtype="Int64"),
            "prediction": names,
            **{f"p_{name}": applied.probabilities[:, k] for k, name in enumerate(applied.classes)},
            "label": [corpus.classes[k] for k in corpus.labels.tolist()],
        }
    )


def check_target(path: Path) -> None:
    """Refuse, before anything is computed, a file that could not be written.

    Raises:
        ConfigError: another ending than csv or parquet, a folder, or a folder that is not there.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise ConfigError(
            f"--out {path}: found the ending {path.suffix!r}; expected {' or '.join(SUFFIXES)}"
        )
    if path.is_dir():
        raise ConfigError(f"--out {path}: is a folder; expected a file")
    if not path.parent.is_dir():
        raise ConfigError(f"--out {path}: there is no folder {path.parent}")


def write(table: pd.DataFrame, path: Path) -> None:
    """Write a table, replaced at once."""
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        if path.suffix.lower() == ".csv":
            table.to_csv(draft, index=False, lineterminator="\n")
        else:
            table.to_parquet(draft, index=False)
        draft.replace(path)
    except OSError as error:
        raise ConfigError(f"--out {path}: cannot be written ({error.strerror})") from error
    finally:
        draft.unlink(missing_ok=True)
