"""Plug-ins are found by name or import path, and what is not found gets the nearest name."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from merbench import registry
from merbench.config import Config
from merbench.corpus.readers.base import Reader
from merbench.corruption.noises.base import Noise
from merbench.errors import ConfigError
from merbench.methods.base import Method
from merbench.results.metrics import METRICS, UA, ConfusionMetric, confusion_metric

BASES: dict[registry.Group, type] = {"methods": Method, "noises": Noise, "readers": Reader}
GROUPS: tuple[registry.Group, ...] = (*BASES, "metrics")
REGISTERED = [(group, name) for group in BASES for name in registry.names(group)]


class Mine(Method):
    """What an import path points to."""

    class Inner(Method):
        """One within another."""


def test_names_are_those_the_project_registers() -> None:
    project = tomllib.loads(Path(__file__).parents[1].joinpath("pyproject.toml").read_text())
    for group in GROUPS:
        declared = project["project"]["entry-points"][f"merbench.{group}"]
        assert set(declared) <= set(registry.names(group))
        assert list(registry.names(group)) == sorted(registry.names(group))


@pytest.mark.parametrize(("group", "name"), REGISTERED)
def test_every_registered_plugin_keeps_its_contract(group: registry.Group, name: str) -> None:
    found = registry.load(group, name)
    assert issubclass(found, BASES[group])
    assert issubclass(found.Config, Config)
    assert found.summary
    assert "\n" not in found.summary


def test_every_metric_of_a_confusion_matrix_is_registered_under_its_name() -> None:
    ours = {name: m for name, m in METRICS.items() if isinstance(m, ConfusionMetric)}
    assert {name: confusion_metric(name) for name in registry.names("metrics")} == ours


def test_an_import_path_leads_to_a_class_that_nobody_registered() -> None:
    assert registry.load("methods", f"{__name__}:Mine") is Mine
    assert registry.load("methods", f"{__name__}:Mine.Inner") is Mine.Inner
    assert registry.load("metrics", "merbench.results.metrics:UA") is UA


@pytest.mark.parametrize(
    ("group", "name", "words"),
    [
        ("methods", "if_mmn", ["unknown method 'if_mmn'", "did you mean 'if_mmin'?", "nmer"]),
        ("noises", "gausian", ["unknown noise 'gausian'", "did you mean 'gaussian'?"]),
        ("readers", "tabel", ["unknown reader 'tabel'", "did you mean 'table'?"]),
        ("methods", "zzz", ["unknown method 'zzz': valid: ", "package.module:Name"]),
        ("methods", "no_such_module:X", ["cannot import module 'no_such_module'"]),
        ("methods", f"{__name__}:Mina", ["has no 'Mina'", "did you mean 'Mine'?"]),
    ],
)
def test_an_unknown_plugin_is_refused_with_the_nearest_name(
    group: registry.Group, name: str, words: list[str]
) -> None:
    with pytest.raises(ConfigError) as caught:
        registry.load(group, name)
    assert [word for word in words if word not in str(caught.value)] == []
