"""The tiny suite exported, and predictions for it to bring in."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from merbench.cli import call


def of_method(run: Path, method: str, table: str = "predictions") -> pd.DataFrame:
    """Return a method's rows of a table of a run, without its name."""
    rows = pd.read_parquet(run / f"{table}.parquet")
    rows = rows[rows["method"].astype(str) == method].reset_index(drop=True)
    return rows.drop(columns="method").astype(
        {name: str for name in rows.select_dtypes("category") if name != "method"}
    )


@pytest.fixture(scope="session")
def exported(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny suite's grid: read it, do not change it."""
    folder = tmp_path_factory.mktemp("exported") / "grid"
    assert call(["grid", "export", str(tiny_run.parent / "tiny.yaml"), "--out", str(folder)]) == 0
    return folder


@pytest.fixture
def copied(tiny_run: Path, tmp_path: Path) -> Path:
    """A run to change."""
    return shutil.copytree(tiny_run, tmp_path / "copied")


@pytest.fixture(scope="session")
def table(tiny_run: Path) -> pd.DataFrame:
    """Sound predictions with all that may be in them and need not: copy before changing."""
    rows = of_method(tiny_run, "logreg")
    halves = [name for name in rows if name.startswith("p_")]
    return rows[["utterance", "condition", "fold", "seed", "prediction", *halves]]
