"""Suites that mean harm, or make no sense: one message that says where, and nothing is executed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from merbench.errors import ConfigError
from merbench.suite.load import validate
from merbench.suite.source import Source
from tests.conftest import TINY
from tests.hostile.sandbox import command

HEAD = "name: mine\ncorpus: {reader: synthetic, utterances: 60}\n"
TAIL = "methods: [zero_fill]\n"


def laughs(levels: int = 12, times: int = 10) -> str:
    """Write lists of ten aliases each: 10**12 values once unfolded."""
    lines = ["a0: &a0 [x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * times)}]" for n in range(1, levels)]
    return "\n".join(lines) + "\n"


CODE = "!!python/object/apply:os.system ['touch executed']"
SUITES = {
    "a call": f"seeds: {CODE}\n",
    "an object": "seeds: !!python/object:collections.Counter {}\n",
    "a module": "seeds: !!python/module:antigravity\n",
    "a name": "seeds: !!python/name:os.system\n",
    "a tag of ours": "seeds: !merbench [0]\n",
    "a key that is called": f"? {CODE}\n: 1\n",
    "a tag by its prefix": f"%TAG !p! tag:yaml.org,2002:python/\n---\n{HEAD}seeds: !p!name:os\n",
    "billion laughs": laughs() + "seeds: *a11\n",
    "an alias in itself": "seeds: &s [*s]\n",
    "a mapping in itself": "training: &t {preset: *t}\n",
    "merges without end": "".join(
        f"m{n}: &m{n} {{{'<<: *m' + str(n - 1) if n else 'x: 1'}}}\n" for n in range(300)
    ),
    "depth of lists": "seeds: " + "[" * 5000 + "]" * 5000 + "\n",
    "depth of mappings": "seeds: " + "{a: " * 3000 + "}" * 3000 + "\n",
    "depth by indent": "".join(" " * n + "a:\n" for n in range(1500)),
    "a huge number": "seeds: [" + "9" * 100_000 + "]\n",
    "a huge seed": "seeds: [" + "9" * 4000 + "]\n",
    "a huge count": "grid: {draws: 99999999999999999999}\n",
    "a number of base 60": "seeds: [1:99999999999999999999999]\n",
    "no number": "train_missing_rate: .nan\n",
    "infinity": "train_missing_rate: .inf\n",
    "severity that is no number": (
        "grid: {noise: [{type: burst, severities: [.nan], on: absent}]}\n"
    ),
    "twice": "seeds: [0]\nseeds: [1]\n",
    "not UTF-8": "seeds: [\udcff]\n",
    "UTF-16": "seeds: [0]\n".encode("utf-16").decode("latin-1"),
    "a NUL": "seeds: [\0]\n",
    "a BOM within": "seeds: [\ufeff0]\n",
    "two documents": "---\nname: other\n",
    "a label of escapes": 'methods: [{name: nmer, label: "\\e[31mred\\a"}]\n',
    "a label of lines": 'methods: [{name: nmer, label: "a\\nb"}]\n',
    "a label that turns around": 'methods: [{name: nmer, label: "a\\u202Eb"}]\n',
    "a label of a megabyte": "methods: [{name: nmer, label: " + "x" * 900_000 + "}]\n",
    "two megabytes": "# " + "x" * 2_000_000 + "\n",
    "many values": "seeds: [" + "0, " * 40_000 + "0]\n",
    "a module that is not there": "methods: ['nowhere.at.all:Method']\n",
    "a module that is no method": "methods: ['os:system']\n",
    "a path as a module": "methods: ['../../evil:Method']\n",
    "a method without a class": "methods: ['os:']\n",
}


@pytest.mark.parametrize("name", SUITES)
def test_a_suite_that_means_harm_is_refused(tmp_path, name):
    body = SUITES[name]
    own = ("methods", "%TAG", "---")
    text = body if body.startswith("%TAG") else HEAD + body + ("" if own[0] in body else TAIL)
    (tmp_path / "my.yaml").write_bytes(text.encode("utf-8", "surrogateescape"))
    said = command("plan", "my.yaml", cwd=tmp_path)
    message = said.refused()
    assert "my.yaml" in message
    assert said.seconds < 20
    assert sorted(path.name for path in tmp_path.iterdir()) == ["my.yaml"]
    assert not {"antigravity", "nowhere", "evil"} & set(said.imported)


@pytest.mark.parametrize("target", ["/dev/zero", "/dev/full", "/", "my.yaml", "/proc/self/mem"])
def test_what_is_no_suite_is_refused(tmp_path, target):
    (tmp_path / "my.yaml").symlink_to(target)
    command("plan", "my.yaml", cwd=tmp_path).refused()


@pytest.mark.parametrize(
    "setting",
    [
        f"seeds={CODE}",
        "seeds=" + "[" * 5000,
        "seeds=&s [*s]",
        "=1",
        "..=1",
        "a" * 10_000 + "=1",
        ".".join(["a"] * 2000) + "=1",
        "methods." + "9" * 5000 + "=nmer",
        "methods.²=nmer",
        "seeds=\x1b[31m",
        "seeds=\udcff",
        "name=\u202egnp.exe",
    ],
)
def test_a_setting_that_means_harm_is_refused(tmp_path, setting):
    (tmp_path / "my.yaml").write_text(HEAD + TAIL)
    command("plan", "my.yaml", "--set", setting, cwd=tmp_path).refused()
    assert [path.name for path in tmp_path.iterdir()] == ["my.yaml"]


def test_no_module_beside_a_corpus_is_imported(corpus_copy, tmp_path):
    folder = corpus_copy("table")
    names = ("conftest", "sitecustomize", "usercustomize", "numpy", "merbench", "csv", "encodings")
    for where in (folder, tmp_path):
        for name in names:
            (where / f"{name}.py").write_text("raise SystemExit('imported')\n")
    said = command("data", "describe", f"table:{folder}", cwd=tmp_path)
    assert (said.code, said.err) == (0, "")


# --- whatever a generator thinks of

KEYS = [*TINY, "name", "seeds", "version", "numerics", "gate", "contrasts", "metrics", "type", "on"]
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["nmer", "zero_fill", "all", "audio+text", "os:system", "gaussian", "speaker"]),
)
TREES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)
PROFILE = {
    "deadline": None,
    "derandomize": True,
    "database": None,
    "phases": [Phase.generate],
    "suppress_health_check": list(HealthCheck),
}


def loaded_or_refused(text: str) -> bool:
    """Load a suite from text; say whether it was refused, in words that name the file."""
    try:
        validate(Source.parse(text, "my.yaml"))
    except ConfigError as error:
        assert "my.yaml" in str(error)
        return True
    return False


def trees(examples: int) -> None:
    @settings(max_examples=examples, **PROFILE)
    @given(st.dictionaries(st.sampled_from(KEYS), TREES, max_size=5), st.booleans())
    def one(tree: dict[str, object], sound: bool) -> None:
        loaded_or_refused(json.dumps({**TINY, **tree} if sound else tree))

    one()


def bytes_of_suites(examples: int, texts: list[str]) -> None:
    @settings(max_examples=examples, **PROFILE)
    @given(
        st.sampled_from(texts),
        st.floats(0, 1, exclude_max=True),
        st.integers(0, 12),
        st.text(max_size=6) | st.sampled_from([*"[]{}:&*!|>%@`#?-\"'\t\n", "<<: ", "- ", "? "]),
    )
    def one(text: str, place: float, dropped: int, added: str) -> None:
        at = int(place * len(text))
        loaded_or_refused(text[:at] + added + text[at + dropped :])

    one()


@pytest.fixture(scope="module")
def shipped() -> list[str]:
    folder = Path(__file__).parents[2] / "suites"
    small = [path.read_text("utf-8") for path in sorted(folder.glob("*.yaml"))]
    return sorted(small, key=len)[:4]


def test_any_tree_is_a_suite_or_refused():
    trees(250)


def test_any_change_of_a_shipped_suite_is_a_suite_or_refused(shipped):
    bytes_of_suites(80, shipped)


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_any_of_many_trees_and_changes_is_a_suite_or_refused(shipped):
    trees(10_000)
    bytes_of_suites(4_000, shipped)


def test_the_tags_would_execute_where_an_unsafe_loader_reads(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.warns(PendingDeprecationWarning):
        loader = YAML(typ="unsafe", pure=True)
        loader.load(f"seeds: {CODE}\n")
    assert (tmp_path / "executed").exists()
