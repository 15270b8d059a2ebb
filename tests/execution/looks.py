"""Looks at what a run has written."""

import pandas as pd


def folders(run, kind="cells"):
    """Return name -> time of last change of a run's folders."""
    return {path.name: path.stat().st_mtime_ns for path in (run / kind).iterdir()}


def written(before, after):
    """Return the methods of the cells that were written between two looks at the folders."""
    return sorted(name.split("-")[0] for name in after if after[name] != before.get(name))


def results(run):
    return pd.read_parquet(run / "results.parquet")
