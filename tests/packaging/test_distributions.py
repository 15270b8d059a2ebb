"""The wheel and the source distribution: what they hold, and what they do once installed."""

from __future__ import annotations

import json
import re
import tarfile
from zipfile import ZipFile

import pytest

from tests.conftest import TINY
from tests.packaging.environment import command, pip

# Beside the folders that are in it whole.
LOOSE = {
    *("CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "LICENSE", "README.md", "constraints.txt"),
    *("MANIFEST.in", "PKG-INFO", "pyproject.toml", "setup.cfg"),
}
INSTALLED_AS = {
    "merbench": "merbench",
    "baselines": "merbench_baselines",
    "suites": "merbench_suites",
}
# Modules that are for those who have more installed.
OPTIONAL = {
    "merbench.execution.cluster": {"dask", "distributed"},
    # It comes with a torch that is built for GPUs, and only there is it asked for.
    "merbench.methods.parts.recurrence_kernels": {"triton"},
    "merbench.tuning": {"optuna"},
    "merbench.testing": {"pytest"},
    "merbench.check.pytest_plugin": {"pytest"},
    "merbench.skeletons.test_of_reader": {"pytest"},
}
# Command, and the extra without which it says so.
EXTRAS = [
    (("run", "tiny.yaml", "--backend", "dask"), "dask"),
    (("tune", "tiny.yaml", "--methods", "zero_fill"), "tune"),
]


def test_the_source_distribution_holds_the_code_its_guide_and_nothing_else(built):
    with tarfile.open(built.sdist) as opened:
        names = {member.name.partition("/")[2] for member in opened if member.isfile()}
    made = {name for name in names if name.startswith("merbench.egg-info/")}
    assert names - made == LOOSE | built.tree("merbench", "baselines", "suites", "docs", "examples")


def test_the_wheel_holds_every_file_of_its_packages_and_nothing_else(built):
    expected = {
        f"{package}/{name.partition('/')[2]}"
        for folder, package in INSTALLED_AS.items()
        for name in built.tree(folder)
    }
    with ZipFile(built.wheel) as opened:
        names = {name for name in opened.namelist() if ".dist-info/" not in name}
    assert names == expected
    assert {
        "merbench/py.typed",
        "merbench/report/page/templates/page.html",
        "merbench/report/page/assets/page.css",
        "merbench/report/page/vendor/uplot/LICENSE",
        "merbench/skeletons/network.py",
        "merbench_suites/quick.yaml",
    } <= names


def test_the_metadata_say_what_it_is_and_where_it_runs(built):
    metadata = built.metadata()
    assert metadata["Name"] == "merbench"
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata.get_payload().startswith("# merbench")
    classifiers = metadata.get_all("Classifier")
    assert [c for c in classifiers if re.search(r":: 3\.\d+$", c)] == [
        f"Programming Language :: Python :: 3.{minor}" for minor in (11, 12, 13)
    ]
    assert {url.partition(", ")[0] for url in metadata.get_all("Project-URL")} == {
        *("Repository", "Documentation", "Changelog")
    }
    licences = metadata.get_all("License-File")
    assert licences == ["LICENSE", "merbench/report/page/vendor/uplot/LICENSE"]


def test_all_that_it_imports_without_extras_is_asked_for(installed):
    program = """
import json, pkgutil, importlib, merbench, merbench_baselines, merbench_suites
missing = {}
for package in (merbench, merbench_baselines, merbench_suites):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        try:
            importlib.import_module(module.name)
        except ModuleNotFoundError as error:
            missing[module.name] = error.name
print(json.dumps(missing))
"""
    said = installed("-W", "ignore", "-c", program)
    assert said.code == 0, said.err
    missing = json.loads(said.out)
    for module, what in missing.items():
        places = [names for prefix, names in OPTIONAL.items() if module.startswith(prefix)]
        assert any(what in names for names in places), f"{module} needs {what}"
    assert missing, "the extras were there: nothing was shown"


def test_pip_finds_nothing_missing(installed):
    said = pip(installed, "check")
    assert said.code == 0, said.out


def test_a_suite_runs_with_methods_of_both_packages(installed, tmp_path):
    suite = {**TINY, "methods": ["logreg", "if_mmin"]}
    (tmp_path / "tiny.yaml").write_text(json.dumps(suite), "utf-8")
    arguments = ("--folds", "1", "--jobs", "1", "--out", "run")
    said = command(installed, "run", "tiny.yaml", *arguments, cwd=tmp_path)
    assert said.code == 0, said.err
    assert re.search(r"^logreg .*\d", said.out, re.MULTILINE), said.out
    version = json.loads((tmp_path / "run" / "run.json").read_text("utf-8"))["versions"]
    assert version["merbench"] == installed_version(installed)


def installed_version(environment) -> str:
    return command(environment, "--version").out.split()[-1]


def test_the_help_needs_no_heavy_library(installed):
    heavy = {"torch", "pandas", "scipy", "sklearn", "matplotlib", "numpy", "pyarrow", "pydantic"}
    said = installed(
        "-c",
        "import sys; from merbench.cli import call; code = call(['--help']); "
        "print(*sys.modules, file=sys.stderr); sys.exit(code)",
    )
    assert said.code == 0
    assert "Commands:" in said.out
    assert not heavy & {*said.err.split()}


@pytest.mark.parametrize(("words", "extra"), EXTRAS)
def test_a_command_without_its_extra_names_it_in_one_line(installed, tmp_path, words, extra):
    (tmp_path / "tiny.yaml").write_text(json.dumps(TINY), "utf-8")
    said = command(installed, *words, cwd=tmp_path)
    assert said.code == 2
    assert said.out == ""
    (line,) = said.err.splitlines()
    assert line.startswith("Error: ")
    assert f"pip install 'merbench[{extra}]'" in line
