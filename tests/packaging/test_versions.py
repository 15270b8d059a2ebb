"""One version, one list of Pythons, whoever says it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from ruamel.yaml import YAML

import merbench

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def yaml(*path: str):
    return YAML(typ="safe").load(ROOT.joinpath(*path).read_text("utf-8"))


def test_the_version_is_that_of_pyproject_everywhere():
    version = PROJECT["version"]
    changes = (ROOT / "CHANGELOG.md").read_text("utf-8")
    newest = re.findall(r"^## (\S+?)(?:,| |$)", changes, re.MULTILINE)[0]
    assert (merbench.__version__, yaml("CITATION.cff")["version"], newest) == (version,) * 3


def test_no_module_writes_the_version_again():
    modules = [*(ROOT / "merbench").rglob("*.py"), *(ROOT / "baselines").rglob("*.py")]
    quoted = re.compile(rf"""["']{re.escape(PROJECT["version"])}["']""")
    assert not [path for path in modules if quoted.search(path.read_text("utf-8"))]


def test_the_citation_says_what_the_package_says():
    citation = yaml("CITATION.cff")
    assert citation["license"] == PROJECT["license"]
    assert citation["keywords"] == PROJECT["keywords"]
    assert citation["repository-code"] == PROJECT["urls"]["Repository"]
    assert citation["authors"] == PROJECT["authors"]


def test_the_pythons_that_are_promised_are_those_that_are_tested():
    promised = [c.rpartition(" ")[2] for c in PROJECT["classifiers"] if re.search(r"3\.\d", c)]
    matrix = yaml(".github", "workflows", "checks.yml")["jobs"]["tests"]["strategy"]["matrix"]
    assert matrix["python"] == promised
    assert PROJECT["requires-python"] == f">={promised[0]}"
