"""A pytest plugin: what of a benchmark is stored (nothing of the machine), and in which unit."""

from __future__ import annotations

from typing import Any

import pytest

_DIGITS = 4
_KEPT = ("group", "name", "fullname", "params", "param", "extra_info")
# What tables and comparisons ask for.
_STATS = (
    "median", "min", "max", "mean", "stddev", "iqr", "outliers", "ops", "rounds", "iterations",
)  # fmt: skip


@pytest.hookimpl(tryfirst=True)
def pytest_benchmark_generate_machine_info() -> dict[str, Any]:
    """Say nothing of the machine: ratios are to hold on any, and the file is for everyone."""
    return {}


@pytest.hookimpl(tryfirst=True)
def pytest_benchmark_generate_commit_info() -> dict[str, Any]:
    """Say nothing of the commit: it is the one that the file is in."""
    return {}


@pytest.hookimpl(tryfirst=True)
def pytest_benchmark_scale_unit(unit: str) -> tuple[str, float]:
    """Name the unit in tables, which add an s."""
    return ("yardstick" if unit == "seconds" else ""), 1.0


def pytest_benchmark_update_json(output_json: dict[str, Any]) -> None:
    """Keep names and a few digits of the statistics, so that a change of the file can be read."""
    del output_json["datetime"]
    output_json["benchmarks"] = [
        {**{key: found[key] for key in _KEPT}, "stats": _rounded(found["stats"])}
        for found in sorted(output_json["benchmarks"], key=lambda each: each["fullname"])
    ]


def _rounded(stats: dict[str, Any]) -> dict[str, Any]:
    return {
        key: float(f"{stats[key]:.{_DIGITS}g}") if isinstance(stats[key], float) else stats[key]
        for key in _STATS
    }
