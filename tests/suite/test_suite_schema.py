"""A suite means what it says: short forms, defaults, the resolved form and its hash."""

from __future__ import annotations

import json
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from merbench.corpus.corpus import Corpus, Modality
from merbench.errors import ConfigError
from merbench.methods.base import Method, MethodConfig
from merbench.results.averages import MEAN
from merbench.results.summary import COMPLETE, POOLED
from merbench.suite.jsonschema import json_schema
from merbench.suite.load import load_suite, validate
from merbench.suite.schema import Contrast, Suite, check_corpus
from merbench.suite.source import Source
from tests.conftest import TINY
from tests.corpora import Stream, make_corpus

HERE = __name__


class Tunable(Method):
    """A third party's method."""

    class Config(MethodConfig):
        vae: Literal["on", "off"] = "on"
        sharp: bool = False
        widths: tuple[int, ...] = (8,)


FULL = f"""\
name: everything
version: 2
seed: 5
corpus: {{reader: synthetic, utterances: 60}}
folds: {{scheme: group_kfold, n: 4, by: dialogue, limit: 2}}
seeds: [0, 3]
train_missing_rate: 0.2
methods:
  - zero_fill
  - nmer
  - {HERE}:Tunable
  - name: {HERE}:Tunable
    label: tuned
    vae: off
    sharp: true
    widths: [4, 2]
    epochs: 10
    betas: [0.5, 0.9]
    stage1: {{epochs: 5}}
    stage2: {{lr: 0.01, clip: 2}}
training: {{preset: quick, patience: 3, equal_budget: true}}
grid:
  patterns: [audio, text + audio]
  noise:
    - {{type: gaussian, severities: [0, 0.5, 1], on: [absent, present]}}
    - {{type: gaussian, label: cosine, schedule: cosine, levels: [0, 100], on: all}}
    - {{type: impulse, snrs: [-5, 0, 10.5], on: absent, raw: true}}
    - {{type: burst, severities: [0.5], on: present}}
  missing: [{{rates: [0.1, 0.7], weights: {{text: 3, audio: 0.5}}}}]
  draws: 2
  donors: held_out
contrasts: [[nmer, tuned]]
metrics: [ua, wa]
numerics: {{threads: 2, evaluation_batch: 128}}
"""
SMALL = "name: s\ncorpus: {reader: synthetic, utterances: 60}\nmethods: [zero_fill]\n"


def load(text: str, *settings: str) -> Suite:
    source = Source.parse(text, "x.yaml")
    for setting in settings:
        source = source.set(setting)
    return validate(source)


def test_each_key_of_a_method_finds_its_owner() -> None:
    plain, tuned = load(FULL).methods[2:]
    assert plain.label == "Tunable"
    assert plain.settings == Tunable.Config()
    assert plain.training.model_dump(exclude_none=True) == {}
    assert plain.stages == {}
    assert tuned.label == "tuned"
    assert tuned.settings == Tunable.Config(vae="off", sharp=True, widths=(4, 2))
    assert tuned.training.model_dump(exclude_none=True) == {"epochs": 10, "betas": (0.5, 0.9)}
    stages = {name: s.model_dump(exclude_none=True) for name, s in tuned.stages.items()}
    assert stages == {"stage1": {"epochs": 5}, "stage2": {"lr": 0.01, "clip": 2.0}}


def test_each_key_of_a_noise_finds_its_owner() -> None:
    gaussian, cosine, impulse, burst = load(FULL).grid.noise
    assert (gaussian.label, gaussian.on) == ("gaussian", ("absent", "present"))
    assert gaussian.severities == (0.0, 0.5, 1.0)
    assert (gaussian.levels, gaussian.snrs) == (None, None)
    assert (cosine.label, cosine.on, cosine.levels) == ("cosine", ("all",), (0, 100))
    assert cosine.options.model_dump() == {"schedule": "cosine"}
    assert impulse.snrs == (-5.0, 0.0, 10.5)
    assert impulse.options.model_dump() == {"schedule": "scaled_linear", "raw": True}
    assert burst.options.model_dump() == {}


def test_what_is_left_out_has_the_documented_default() -> None:
    suite = load(SMALL)
    assert (suite.version, suite.seed, suite.seeds, suite.train_missing_rate) == (1, 0, (0,), 0.0)
    assert suite.folds.scheme == "speaker"
    assert suite.training.preset == "published"
    assert suite.metrics == ("wa", "ua", "f1")
    assert (suite.grid.patterns, suite.grid.noise, suite.grid.draws) == ("all", (), 1)
    assert suite.grid.donors == "corpus"
    assert (suite.numerics.threads, suite.numerics.evaluation_batch) == (1, 4096)


def test_nmer_is_contrasted_with_every_other_method_by_default() -> None:
    methods = "[mmin, nmer, {name: nmer, label: other}]"
    assert load(SMALL, f"methods={methods}").contrasts == (
        Contrast("nmer", "mmin"),
        Contrast("nmer", "other"),
    )
    assert load(SMALL, f"methods={methods}", "contrasts=[]").contrasts == ()
    assert load(SMALL, "methods=[mmin, {name: nmer, label: other}]").contrasts == ()


@pytest.mark.parametrize("text", [FULL, SMALL], ids=["full", "small"])
def test_the_resolved_suite_is_json_and_loads_as_the_same_suite(text: str) -> None:
    suite = load(text)
    resolved = json.loads(json.dumps(suite.resolved(), allow_nan=False))
    again = Suite.model_validate(resolved)
    assert again == suite
    assert again.resolved() == resolved
    assert again.hash == suite.hash


def test_comments_order_of_keys_and_written_out_defaults_leave_the_hash() -> None:
    rewritten = (
        "# the same\nmethods:\n- {label: zero_fill, name: zero_fill}  # alone\n"
        "corpus: {utterances: 60, reader: synthetic}\nseeds: [0]\nname: s\ngrid: {draws: 1}\n"
    )
    assert load(rewritten).hash == load(SMALL).hash


TUNED = """tuned={trials: 3, select_by: ua, folds: ['1'], seeds: [0], untouched: ['1'], methods:
{nmer: {seconds: 1.5, epochs: 9, own: 0.4, best: 0.5}}}"""
UNCHANGING = ["gate.alpha=0.1", "gate.tolerances=[{points: 2}]", TUNED]
CHANGES = [
    "name=other",
    "version=3",
    "seed=6",
    "corpus.utterances=61",
    "corpus.seed=1",
    "folds.n=5",
    "folds.by=speaker",
    "folds.limit=3",
    "folds={scheme: session}",
    "seeds=[3, 0]",
    "train_missing_rate=0.3",
    "methods.3.label=tuner",
    "methods.3.vae=on",
    "methods.3.sharp=false",
    "methods.3.widths=[2, 4]",
    "methods.3.epochs=11",
    "methods.3.noised_as=absent",
    "methods.3.stage1.epochs=6",
    "methods.3.stage2={}",
    "methods=[nmer, {name: zero_fill, label: tuned}]",
    "training.preset=published",
    "training.patience=4",
    "training.equal_budget=false",
    "grid.patterns=all",
    "grid.patterns=[audio, text]",
    "grid.noise.0.severities=[0, 0.5]",
    "grid.noise.0.on=absent",
    "grid.noise.0.type=babble",
    "grid.noise.1.label=cos",
    "grid.noise.1.levels=[1, 100]",
    "grid.noise.1.schedule=linear",
    "grid.noise.2.snrs=[0]",
    "grid.noise.2.raw=false",
    "grid.missing=[]",
    "grid.missing.0.rates=[0.2]",
    "grid.missing.0.label=other",
    "grid.missing.0.weights={text: 2}",
    "grid.draws=1",
    "grid.donors=corpus",
    "contrasts=[[nmer, zero_fill]]",
    "metrics=[ua]",
    "numerics.threads=1",
    "numerics.evaluation_batch=64",
]


def test_the_hash_changes_with_every_field() -> None:
    hashes = [load(FULL).hash]
    for change in CHANGES:
        # Contrasts go by label, so that a label changes in both places.
        follows = ["contrasts=[[nmer, tuner]]"] if change.endswith("tuner") else []
        hashes.append(load(FULL, change, *follows).hash)
    assert len(set(hashes)) == len(CHANGES) + 1


def test_what_changes_no_result_does_not_change_the_hash() -> None:
    assert {load(FULL, change).hash for change in UNCHANGING} == {load(FULL).hash}


def test_changes_cover_every_field_of_a_suite() -> None:
    changes = (*CHANGES, *UNCHANGING)
    assert {change.replace("=", ".").split(".")[0] for change in changes} == set(Suite.model_fields)


@given(
    st.sets(st.integers(0, 10**6), min_size=1, max_size=4),
    st.lists(st.floats(0, 1), unique=True, min_size=1, max_size=5),
    st.floats(0, 1, exclude_max=True),
)
def test_numbers_survive_the_round_trip_to_the_last_bit(
    seeds: set[int], severities: list[float], rate: float
) -> None:
    raw: dict[str, Any] = {
        "name": "s",
        "corpus": {"reader": "synthetic"},
        "methods": ["zero_fill"],
        "seeds": list(seeds),
        "train_missing_rate": rate,
        "grid": {"noise": [{"type": "shift", "on": "all", "severities": severities}]},
    }
    suite = Suite.model_validate(raw)
    again = Suite.model_validate(json.loads(json.dumps(suite.resolved())))
    assert again == suite
    assert list(again.grid.noise[0].severities or ()) == severities


def test_a_suite_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load(SMALL).seed = 3  # type: ignore[misc]


def corpus(*names: str, speakers: int = 4) -> Corpus:
    rng = np.random.default_rng(0)
    n = 4 * speakers
    return Corpus(
        name="tiny",
        utterances=tuple(f"u{i}" for i in range(n)),
        labels=np.arange(n) // 2 % 2,
        classes=("a", "b"),
        modalities=tuple(Modality.build(name, rng.normal(size=(n, 3))) for name in names),
        speakers=np.array([f"s{i % speakers}" for i in range(n)]),
    )


def patterns_of(text: str, found: Corpus) -> tuple[tuple[str, ...], ...]:
    source = Source.parse(SMALL + text, "x.yaml")
    return check_corpus(validate(source), found, source)


def test_patterns_come_back_in_the_order_of_the_corpus() -> None:
    found = corpus("voice", "face")
    assert patterns_of("grid: {patterns: [face + voice, face]}", found) == (
        ("voice", "face"),
        ("face",),
    )
    assert patterns_of("grid: {patterns: all}", found) == (("voice",), ("face",), ("voice", "face"))
    assert patterns_of("grid: {patterns: partial}", found) == (("voice",), ("face",))


def test_all_that_the_corpus_cannot_carry_is_reported_with_its_place() -> None:
    with pytest.raises(ConfigError) as caught:
        patterns_of(
            "folds: {scheme: group_kfold, n: 5}\ngrid:\n  patterns:\n    - voice\n"
            "    - voice+fase\n    - audio\n",
            corpus("voice", "face"),
        )
    first, second, third = str(caught.value).splitlines()
    assert first.startswith("x.yaml:4: folds.n: 5 folds by speaker need at least 5 speakers")
    assert second.startswith("x.yaml:8: grid.patterns.1: corpus 'tiny' has no modality 'fase'")
    assert "did you mean 'face'?" in second
    assert third.startswith("x.yaml:9: grid.patterns.2: ")
    assert "valid: face, voice" in third


@pytest.mark.parametrize(
    ("weights", "place", "words"),
    [
        ("{fase: 2}", "x.yaml:6: grid.missing.0.weights.fase: ", "did you mean 'face'?"),
        ("{face: 0, voice: 0}", "x.yaml:6: grid.missing.0.weights: ", "expected one above 0"),
    ],
)
def test_weights_that_the_corpus_cannot_carry_are_located(weights, place, words) -> None:
    with pytest.raises(ConfigError) as caught:
        patterns_of(
            f"grid:\n  missing:\n    - {{rates: [0.2], weights: {weights}}}\n",
            corpus("voice", "face"),
        )
    assert str(caught.value).startswith(place)
    assert words in str(caught.value)


def test_a_suite_without_random_missing_has_the_hash_that_it_had() -> None:
    plain = load(SMALL)
    assert plain.hash == load(SMALL, "grid.missing=[]").hash
    assert plain.hash != load(SMALL, "grid.missing=[{rates: [0.1]}]").hash


@pytest.mark.parametrize(
    ("folds", "start"),
    [
        ("{scheme: session}", "x.yaml:4: folds.scheme: "),
        ("{scheme: group_kfold, n: 3, limit: 9}", "x.yaml:4: folds.limit: "),
    ],
)
def test_folds_that_the_corpus_cannot_carry_are_located(folds: str, start: str) -> None:
    with pytest.raises(ConfigError) as caught:
        patterns_of(f"folds: {folds}", corpus("voice", "face"))
    assert str(caught.value).startswith(start)


def references(node: object) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [ref for value in node.values() for ref in references(value)]
    inner = node if isinstance(node, list) else []
    return [ref for value in inner for ref in references(value)]


def test_the_json_schema_knows_every_plugin_and_every_key() -> None:
    schema = json.loads(json.dumps(json_schema()))
    assert set(schema["properties"]) == set(Suite.model_fields)
    assert sorted(schema["required"]) == ["corpus", "methods", "name"]
    assert [
        r for r in references(schema) if r.removeprefix("#/$defs/") not in schema["$defs"]
    ] == []
    by_type = {
        entry["properties"]["type"].get("const"): entry["properties"]
        for entry in schema["$defs"]["NoiseEntry"]["anyOf"]
    }
    assert set(by_type["babble"]) == {
        *("type", "label", "on", "severities", "levels", "snrs"),
        *("schedule", "talkers"),
    }
    methods = schema["$defs"]["MethodEntry"]["anyOf"]
    assert {"name", "epochs", "stage1", "noised_as"} <= set(methods[0]["properties"])
    assert "nmer" in next(entry["enum"] for entry in methods if "enum" in entry)


def test_a_method_that_the_suite_has_by_its_import_path_is_not_added_again() -> None:
    path = "merbench_baselines.logreg:LogReg"
    for entry in (path, {"name": path}):
        suite = load_suite({**TINY, "methods": ["zero_fill", entry]}, methods=[path]).suite
        assert [method.label for method in suite.methods] == ["LogReg"]


@pytest.mark.parametrize("name", [MEAN, POOLED, COMPLETE])
def test_no_modality_is_called_as_a_column_of_tables(name: str) -> None:
    corpus = make_corpus(streams=[Stream(name, 3, 4), Stream("audio", 3, 4)])
    with pytest.raises(ConfigError, match=f"has a modality '{name}', as tables call a column"):
        check_corpus(load_suite(TINY).suite, corpus, Source("suite", {}))
