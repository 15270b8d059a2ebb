"""Every example in the docstrings of the Python interface runs, and gives what it says."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import merbench.api
import merbench.corpus.load

MODULES = [
    # The run that the others read comes first.
    "merbench.api.job",
    *sorted(m.name for m in pkgutil.iter_modules(merbench.api.__path__, "merbench.api.")),
    "merbench.corpus.load",
]


def test_the_examples_of_docstrings_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    finder = doctest.DocTestFinder(exclude_empty=True)
    said: list[str] = []
    for name in dict.fromkeys(MODULES):
        for test in finder.find(importlib.import_module(name)):
            runner.run(test, out=said.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(said)
    assert runner.summarize(verbose=False).attempted > 12, "examples are not found any more"
