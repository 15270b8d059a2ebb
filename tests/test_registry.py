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

BASES: dict[registry.Group, type] = {"methods": Method, "noises": Noise, "readers": Reader}
REGISTERED = [(group, name) for group in BASES for name in registry.names(group)]


class Mine:
    """What an import path points to."""


def test_names_are_those_the_project_registers() -> None:
    project = tomllib.loads(Path(__file__).parents[1].joinpath("pyproject.toml").read_text())
    for group in BASES:
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


def test_an_import_path_leads_to_a_class_that_nobody_registered() -> None:
    assert registry.load("methods", f"{__name__}:Mine") is Mine


@pytest.mark.parametrize(
    ("group", "name", "words"),
    [
        ("methods", "if_mmn", ["unknown method 'if_mmn'", "did you mean 'if_mmin'?", "nmer"]),
        ("noises", "gausian", ["unknown noise 'gausian'", "did you mean 'gaussian'?"]),
        ("readers", "tabel", ["unknown reader 'tabel'", "did you mean 'table'?"]),
        ("methods", "zzz", ["unknown method 'zzz': valid: ", "package.module:Class"]),
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
