"""A plug-in that is broken is one clear error for who names it, and nothing to anyone else."""

from __future__ import annotations

import json
import sys

import pytest

from merbench import registry
from merbench.results.metrics import METRICS
from tests.corpus import tables
from tests.plugins import broken
from tests.plugins.environment import Environment

CASES = broken.CASES


def forget() -> None:
    registry.load.cache_clear()
    registry._entries.cache_clear()
    for name in [name for name in sys.modules if name.startswith("merbench_broken")]:
        del sys.modules[name]


@pytest.fixture
def installed(merbench, monkeypatch):
    """All broken plug-ins at once, as an installed distribution lies on the disk."""
    site = merbench.folder / "site"
    broken.write(site)
    info = site / "merbench_broken-2.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {broken.PACKAGE}\nVersion: 2.0\n", "utf-8"
    )
    lines = [
        "\n".join([f"[{group}]", *entries]) for group, entries in broken.entry_points().items()
    ]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n", "utf-8")
    monkeypatch.syspath_prepend(site)
    forget()
    yield merbench
    forget()


def named(case: broken.Broken) -> dict[str, object]:
    """Return the fields of a suite that name a plug-in."""
    noise = {"type": case.name, "severities": [0.5], "on": "present"}
    return {
        "methods": {"methods": [case.name]},
        "noises": {"grid": {"noise": [noise]}},
        "readers": {"corpus": {"reader": case.name, "path": "."}},
        "metrics": {"metrics": [case.name]},
    }[case.group]


@pytest.mark.parametrize("name", CASES)
def test_a_suite_that_names_it_is_refused_with_package_and_entry_point(installed, name):
    case = CASES[name]
    number = [*CASES].index(name)
    said = installed("plan", installed.suite(**named(case)))
    assert said.code == 2
    assert said.out == ""
    assert case.says in said.err
    assert f"{broken.PACKAGE} 2.0 (entry point merbench.{case.group}: {case.name} = " in said.err
    assert f"merbench_broken.m{number}:{case.attribute})" in said.err
    assert len(said.err.splitlines()) == 1


@pytest.mark.parametrize("kind", ["methods", "noises", "readers", "metrics"])
def test_a_list_shows_what_is_wrong_with_it_and_all_others(installed, kind):
    items = {i["name"]: i for i in json.loads(installed("list", kind, "--json").out)}
    cases = [case for case in CASES.values() if case.group == kind and case.listed]
    assert {n for n, item in items.items() if item["broken"]} == {case.name for case in cases}
    for case in cases:
        assert case.says in items[case.name]["summary"]
    lines = installed("list", kind).out.splitlines()
    assert len(lines) == len(items)
    ours = {"methods": "nmer", "noises": "gaussian", "readers": "table", "metrics": "ua"}[kind]
    assert not items[ours]["broken"]


def test_a_suite_that_names_none_of_them_runs(installed):
    suite = installed.suite(methods=["logreg"], metrics=["ua"])
    installed.run(suite, installed.folder / "run")


def test_a_corpus_is_recognised_beside_broken_readers(installed):
    path = tables.write(installed.folder / "corpus")
    said = installed("data", "describe", path)
    assert said.code == 0, said.err
    said = installed("data", "describe", installed.folder / "site")
    assert said.code == 2
    assert "no reader recognises this layout" in said.err
    assert "SystemExit: bye" in said.err


def test_a_schema_for_editors_leaves_them_out(installed):
    said = installed("run", "--json-schema")
    assert said.code == 0, said.err
    assert '"lost"' in said.out  # as a name it may be written; what is wrong is said then
    assert "merbench_broken" not in said.out


def test_a_metric_that_is_no_metric_of_counts_is_refused(installed):
    said = installed("plan", installed.suite(metrics=["nll"]))
    assert said.code == 2
    assert "metric 'nll' is not one of a confusion matrix" in said.err
    assert "nll" in METRICS


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("./mine.py:Mine", "names a file; expected package.module:Name"),
        ("no.such:Mine", "cannot import module 'no.such'"),
        ("json:loads", "is no method; expected a class derived from"),
    ],
)
def test_an_import_path_that_leads_to_no_method_is_refused(merbench, path, says):
    said = merbench("plan", merbench.suite(methods=[path]))
    assert said.code == 2
    assert says in said.err


@pytest.mark.slow
def test_a_real_package_of_broken_plugins_does_no_harm(tmp_path):
    source = tmp_path / "source"
    broken.write(source)
    groups = [
        "\n".join(
            [
                f'[project.entry-points."{group}"]',
                *(f'{n} = "{v}"' for n, v in (e.split(" = ") for e in entries)),
            ]
        )
        for group, entries in broken.entry_points().items()
    ]
    head = f'[project]\nname = "{broken.PACKAGE}"\nversion = "2.0"\n'
    tools = '[tool.setuptools]\npackages = ["merbench_broken"]\n'
    build = '[build-system]\nrequires = ["setuptools>=77"]\n'
    build += 'build-backend = "setuptools.build_meta"\n'
    text = "\n".join([build, head, *groups, tools])
    (source / "pyproject.toml").write_text(text, "utf-8")
    environment = Environment.make(tmp_path / "venv")
    environment.install(source)
    for kind in ("methods", "noises", "readers", "metrics"):
        items = json.loads(environment.merbench("list", kind, "--json").out)
        wrong = {item["name"]: item["summary"] for item in items if item["broken"]}
        cases = [case for case in CASES.values() if case.group == kind and case.listed]
        assert set(wrong) == {case.name for case in cases}
        assert all(case.says in wrong[case.name] for case in cases)
