"""Blocks that are not run as they stand, each with the reason, and what is done instead."""

from __future__ import annotations

from typing import NamedTuple

from tests.docs.blocks import Block


class Apart(NamedTuple):
    """A block that is not run; it is parsed all the same."""

    page: str
    words: str  # in the block
    reason: str


NOT_RUN = (
    Apart("README.md", "python3 -m venv", ".ci/run runs both, between their markers"),
    Apart("tour.md", "python3 -m venv", "tests of packaging install into a new environment"),
    Apart("clusters.md", "pip install", "tests/execution/cluster starts real clusters"),
    Apart("clusters.md", "dask scheduler --port", "a server that does not end"),
    Apart("clusters.md", "CUDA_VISIBLE_DEVICES", "needs two GPUs"),
    Apart("clusters.md", "tcp://head:8786\n", "needs the scheduler of a cluster"),
    Apart("clusters.md", "SLURMCluster", "needs Slurm"),
    Apart("clusters.md", "DaskCluster", "needs Kubernetes"),
    Apart("ci.md", "# exit code 0", "test_ci_page.py runs it on a suite called mine"),
    Apart("ci.md", "actions/checkout", "needs GitHub; test_ci_page.py has its schema"),
    Apart("ci.md", "image: python", "test_ci_page.py runs its script"),
    Apart("ci.md", "pytest.mark.merbench", "test_ci_page.py runs it as a test-suite"),
    Apart("ci.md", "check_run(", "test_ci_page.py runs it"),
    Apart("ci.md", "$ merbench run gate", "docs/examples/gate_transcript.sh prints it"),
    Apart("check.md", "jq -r", "needs jq; tests/cli/test_check_outputs.py reads that JSON"),
    Apart("plugins.md", "my_reader:MyReader:path", "test_plugins_page.py runs plug-ins together"),
    Apart("plugins.md", "merbench new method", "tests/skeletons writes and runs each of them"),
    Apart("plugins.md", "methods: [zero_fill", "test_plugins_page.py reads its fields"),
    Apart("plugins.md", "project.entry-points", "tests/plugins installs examples/plugin"),
    Apart(
        "corpora.md", "mmsa:aligned_50.pkl", "needs that file; tests/corpus/test_mmsa.py has bins"
    ),
    Apart("tuning.md", "pip install", "the tests have it installed"),
    Apart("audit.md", "merbench audit nmer ", "half an hour; tests/audit gives these commands"),
    Apart("audit.md", "inert_by_construction", "a fragment of a class"),
    Apart("suites.md", "my_package.my_module", "the package is nobody's; its fields are read"),
    Apart("grid.md", "patterns: all", "a fragment of a suite; its fields are read"),
)


def why_not(block: Block) -> str | None:
    """Return why a block is not run, or None where it is."""
    found = (a.reason for a in NOT_RUN if a.page == block.page and a.words in block.text)
    return next(found, None)
