"""Blocks that are not run as they stand, each with the reason, and what is done instead."""

from __future__ import annotations

from tests.docs.blocks import Block

# (page, words in the block) -> why it is not run. All of them are parsed all the same.
NOT_RUN: dict[tuple[str, str], str] = {
    ("README.md", "python3 -m venv"): ".ci/run runs these two, as they stand between the markers",
    ("tour.md", "python3 -m venv"): "the tests of packaging install into a new environment",
    ("clusters.md", "pip install"): "needs a cluster; tests/execution/cluster starts real ones",
    ("clusters.md", "dask scheduler --port"): "a server that does not end",
    ("clusters.md", "CUDA_VISIBLE_DEVICES"): "needs two GPUs",
    ("clusters.md", "--scheduler tcp://head:8786\n"): "needs the scheduler of a cluster",
    ("clusters.md", "SLURMCluster"): "needs Slurm",
    ("clusters.md", "DaskCluster"): "needs Kubernetes",
    (
        "ci.md",
        "references/mine.json     # exit code 0",
    ): "test_ci_page.py runs it on a suite called mine",
    (
        "ci.md",
        "uses: actions/checkout",
    ): "needs GitHub; test_ci_page.py holds it against the schema",
    ("ci.md", "image: python"): "test_ci_page.py runs its script",
    ("ci.md", "pytest.mark.merbench"): "test_ci_page.py runs it as a test-suite",
    ("ci.md", "check_run("): "test_ci_page.py runs it",
    ("ci.md", "$ merbench run gate"): "docs/examples/gate_transcript.sh prints it, in five minutes",
    ("plugins.md", "my_reader:MyReader:path"): "test_plugins_page.py runs plug-ins in a suite",
    ("plugins.md", "methods: [zero_fill"): "test_plugins_page.py reads its fields",
    ("plugins.md", "project.entry-points"): "tests/plugins installs examples/plugin",
    (
        "corpora.md",
        "mmsa:aligned_50.pkl",
    ): "needs the pickle of MMSA; tests/corpus/test_mmsa.py has bins",
    ("audit.md", "inert_by_construction"): "a fragment of a class",
    (
        "outside.md",
        "docs/examples/outside_logreg.py",
    ): "tests/exchange runs the example, and the walk below",
    ("corpora.md", "features.npz       audio"): "a listing",
    ("corpora.md", "audio.npy  audio.offsets.npy"): "a listing",
    ("suites.md", "my_package.my_module"): "its fields are read; the package is nobody's",
    ("grid.md", "patterns: all"): "a fragment of a suite; its fields are read",
}


def why_not(block: Block) -> str | None:
    """Return why a block is not run, or None where it is."""
    for (name, words), reason in NOT_RUN.items():
        if name == block.page and words in block.text:
            return reason
    return None
