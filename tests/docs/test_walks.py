"""Every command and program of the guide runs, page by page, on suites that are small.

The quick walks run always; the others train or audit, and run at night.
"""

from __future__ import annotations

import pytest

from tests.docs.blocks import PAGES

# Pages that tests of their own walk through: what they print is held against more than the page.
OWN_TEST = {"api.md", "ci.md", "plugins.md"}
QUICK = {"statistics.md"}
RUN = "merbench run {0} --quiet --out runs/{0} > /dev/null\n"
CORPUS = (
    "mkdir -p path/to && merbench data synth --out path/to/corpus --utterances 60 > /dev/null\n"
)
# What a page takes for granted.
BEFORE = {
    "check.md": RUN.format("gate")
    + "mkdir references && merbench check runs/gate --save-reference references/gate.json\n",
    "report.md": RUN.format("quick")
    + "for name in a b before after mine; do cp -r runs/quick runs/$name; done\n",
    "corpora.md": CORPUS,
    "limits.md": RUN.format("quick") + CORPUS,
    "outside.md": CORPUS,
}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in QUICK else pytest.mark.slow)
        for name in PAGES
        if name not in OWN_TEST
    ],
)
def test_a_page_does_what_it_says(walk, name):
    if name in BEFORE:
        walk.shell(BEFORE[name], f"what {name} takes for granted")
    walk.along(name)
