"""A source knows where every value was written, and runs nothing it reads."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from merbench.errors import ConfigError
from merbench.suite.source import Source, read

TEXT = dedent("""\
    # a comment
    name: x
    grid:
      noise:
        - type: gaussian
          severities: [0.1,
            0.5]
        - {type: burst,
           on: absent}
    """)


@pytest.fixture
def source() -> Source:
    return Source.parse(TEXT, "suites/x.yaml")


@pytest.mark.parametrize(
    ("location", "line"),
    [
        (("name",), 2),
        (("grid", "noise", 0, "severities", 0), 6),
        (("grid", "noise", 0, "severities", 1), 7),
        (("grid", "noise", 1, "on"), 9),
        (("grid", "noise", 1, "label"), 8),  # not written: the entry it would be in
        (("grid", "noise", 7), 3 + 1),  # no such entry: the list
        (("seeds",), 1),  # no such section: the top
        ((), 1),
    ],
)
def test_a_value_is_located_by_its_line_or_by_what_is_around_it(
    source: Source, location: tuple[str | int, ...], line: int
) -> None:
    assert source.where(location) == f"suites/x.yaml:{line}"


def test_values_are_plain_and_yaml_1_2_keeps_words_words() -> None:
    source = Source.parse(
        "a: off\nb: true\nc: 1e-3\nd: ~\ne: &x [1, '1']\nf: *x\ng: {<<: {h: yes}}\ni: &y false\n",
        "x",
    )
    assert source.values == {
        "a": "off",
        "b": True,
        "c": 0.001,
        "d": None,
        "e": [1, "1"],
        "f": [1, "1"],
        "g": {"h": "yes"},
        "i": False,
    }
    kinds = {key: type(value) for key, value in source.values.items()}
    assert kinds == {
        "a": str,
        "b": bool,
        "c": float,
        "d": type(None),
        "e": list,
        "f": list,
        "g": dict,
        "i": bool,
    }


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: 1\nb: 2\na: 3", ":3:", "duplicate key 'a'"),
        ("a:\n  b: 1\n  b: 1", ":3:", "duplicate key 'b'"),
        ("a: [1\nb: 2", ":2:", "not YAML"),
        ("a: *nobody", ":1:", "not YAML"),
        ("a: \0", ":", "not YAML"),
        ("", ":1:", "expected a mapping"),
        ("- a", ":1:", "expected a mapping"),
        ("a: 1\n2: b", ":2:", "key 2 is not text"),
        ("a: 1\nb: !!python/name:os.system", ":2:", "tags"),
        ("a: 1\nb: !!binary aGk=", ":2:", "tags"),
        ("a: !!set {b}", ":1:", "tags"),
        ("a: 1\n--- \nb: 1", ":2:", "not YAML"),
        ("a: &a [*a]\n", "", ""),
        ("[" * 500, ":", "not YAML"),
        ("a: " + "[" * 40 + "]" * 40, ":1:", "nested too deeply"),
    ],
)
def test_what_is_no_plain_mapping_is_refused_with_its_line(
    text: str, line: str, words: str
) -> None:
    if not words:  # an alias inside itself is empty, not endless
        assert Source.parse(text, "x.yaml").values == {"a": [None]}
        return
    with pytest.raises(ConfigError) as caught:
        Source.parse(text, "x.yaml")
    assert str(caught.value).startswith(f"x.yaml{line}")
    assert words in str(caught.value)


def test_a_tag_never_runs(tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    with pytest.raises(ConfigError, match="tags"):
        Source.parse(f"a: !!python/object/apply:pathlib.Path.touch ['{witness}']", "x.yaml")
    assert not witness.exists()


def test_aliases_that_multiply_are_refused_at_once() -> None:
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    with pytest.raises(ConfigError, match="an alias repeats itself"):
        Source.parse("\n".join(rows), "x.yaml")


def test_a_file_that_is_not_text_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(b"name: \xff\xfe")
    with pytest.raises(ConfigError, match=r"x\.yaml: cannot be read as UTF-8"):
        read(path)


def test_a_set_value_is_yaml_and_is_located_at_its_flag(source: Source) -> None:
    changed = source.set("grid.noise.0.severities=[0.2, 1e-3]").set("grid.draws=3")
    entry = changed.values["grid"]["noise"][0]
    assert entry == {"type": "gaussian", "severities": [0.2, 0.001]}
    assert changed.values["grid"]["draws"] == 3
    at = "--set grid.noise.0.severities"
    assert changed.where(("grid", "noise", 0, "severities")) == at
    assert changed.where(("grid", "noise", 0, "severities", 1)) == at
    assert changed.where(("grid", "noise", 0, "type")) == "suites/x.yaml:5"
    assert source.values["grid"]["noise"][0]["severities"] == [0.1, 0.5]


def test_a_later_set_wins_over_an_earlier_one_inside_it(source: Source) -> None:
    changed = source.set("grid.noise.1.on=present").set("grid.noise=[{type: shift}]")
    assert changed.values["grid"] == {"noise": [{"type": "shift"}]}
    assert changed.where(("grid", "noise", 0, "type")) == "--set grid.noise"


def test_a_set_value_may_make_the_section_it_is_in(source: Source) -> None:
    changed = source.set("training.preset=quick")
    assert changed.values["training"] == {"preset": "quick"}
    assert changed.where(("training",)) == "--set training.preset"


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("seeds", "expected key.path=value"),
        ("=3", "expected key.path=value"),
        ("grid..draws=3", "expected key.path=value"),
        ("grid.noise.2.on=all", "--set grid.noise.2.on: grid.noise is a list and has no 2"),
        ("grid.noise.first.on=all", "expected a position from 0 to 1"),
        ("name.first=x", "--set name.first: name is 'x', which holds no 'first'"),
        ("grid.draws=[1", "--set grid.draws:1: not YAML"),
        ("grid.draws=!!python/name:os.system", "tags"),
    ],
)
def test_a_set_that_leads_nowhere_is_refused(source: Source, setting: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        source.set(setting)
    assert words in str(caught.value)
