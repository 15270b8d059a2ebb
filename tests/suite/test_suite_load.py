"""Suites are found by path or name, and changed by flags."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from merbench import registry
from merbench.corpus.folds import make_folds
from merbench.corpus.load import read
from merbench.errors import ConfigError
from merbench.execution.build import build_methods
from merbench.execution.plan import make_plan
from merbench.suite.load import load_suite, shipped
from merbench.suite.schema import Contrast, Suite, check_corpus

SUITES = Path(__file__).parents[2] / "docs" / "suites.md"
SHIPPED = [suite.name for suite in shipped()]
TEXT = """\
name: s
corpus: synthetic
methods: [zero_fill, mmin, nmer]
grid:
  noise:
    - {type: gaussian, severities: [0.5], on: absent}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "s.yaml"
    path.write_text(TEXT)
    return path


def test_the_documented_suites_ship() -> None:
    suites = SUITES.read_text("utf-8").partition("## Suites that ship")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", suites, re.MULTILINE)) == set(SHIPPED)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_suite_loads_by_name_and_says_what_it_is(name: str) -> None:
    loaded = load_suite(name)
    assert loaded.suite.name == name
    assert loaded.source.where(("name",)) == f"{name}.yaml:2"
    assert Suite.model_validate(loaded.suite.resolved()) == loaded.suite
    (description,) = (suite.description for suite in shipped() if suite.name == name)
    assert len(description.split()) > 5


STUDIES = {"gate", "nmer_beta", "nmer_variants", "missing_training", "zoo"}


@pytest.mark.parametrize("name", sorted(set(SHIPPED) - STUDIES))
def test_a_shipped_suite_compares_all_methods_on_all_patterns(name: str) -> None:
    suite = load_suite(name).suite
    assert [entry.label for entry in suite.methods] == [
        *("logreg", "zero_fill", "modality_dropout", "noise_augment"),
        *("discard", "mmin", "if_mmin", "nmer"),
    ]
    assert suite.grid.patterns == "all"
    assert Contrast("nmer", "noise_augment") in suite.contrasts


def test_the_zoo_has_every_method_that_is_not_a_variant_on_all_three_axes_of_missing() -> None:
    suite = load_suite("zoo").suite
    labels = [entry.label for entry in suite.methods]
    assert {entry.name for entry in suite.methods} == {*registry.names("methods")} - {
        "nmer_released"
    }
    assert len(labels) == 17  # cif_mmin twice
    assert [entry.label for entry in suite.grid.missing] == ["random", "text fails"]
    assert [entry.label for entry in suite.grid.noise] == ["lost frames"]
    assert {label for pair in suite.contrasts for label in pair} <= {*labels}


@pytest.mark.parametrize("name", ["ravdess", "mosi", "mosei_video"])
def test_a_suite_for_vectors_has_no_noise_that_needs_time(name: str) -> None:
    noises = {entry.type for entry in load_suite(name).suite.grid.noise}
    assert noises == {"gaussian", "impulse", "babble"}


def test_msp_improv_is_trained_as_mmins_authors_train_on_it() -> None:
    suite = load_suite("msp_improv").suite
    methods = {m.label: m for m in build_methods(suite)}
    for method in methods.values():
        assert all((t.lr, t.select_by) == (5e-4, "f1") for t in method.training)
    first, second = methods["mmin"].training
    assert (first.batch_size, first.epochs, first.decay_epochs) == (64, 10, 10)
    assert (second.batch_size, second.epochs, second.decay_epochs) == (128, 30, 30)
    assert second.dropout == 0.5
    config = methods["mmin"].method.config
    assert (config.forward_weight, config.cycle_weight, config.cascades) == (2, 0.5, "shared")
    (dropout,) = methods["modality_dropout"].training
    assert (dropout.batch_size, dropout.epochs, dropout.decay_epochs) == (64, 25, 25)


def test_nmer_variants_has_every_property_of_the_released_code_by_itself() -> None:
    entries = load_suite("nmer_variants").suite.methods
    base, released = entries[0].settings, registry.load("methods", "nmer_released").Config()
    alone = set()
    for entry in entries[1:]:
        changed = {
            name: value
            for name, value in entry.settings.model_dump().items()
            if value != getattr(base, name)
        }
        alone |= set(changed) if len(changed) == 1 else {frozenset(changed)}
        assert entry.stages == entries[0].stages
    properties = {n for n in type(base).model_fields if getattr(released, n) != getattr(base, n)}
    assert properties - {"kl"} <= alone
    assert frozenset({"kl", "beta"}) in alone


def test_missing_training_has_three_rates_of_each_method() -> None:
    suite = load_suite("missing_training").suite
    rates: dict[str, list[float]] = {}
    for method, entry in zip(build_methods(suite), suite.methods, strict=True):
        rates.setdefault(entry.name, []).append(method.missing_rate)
    assert set(map(tuple, rates.values())) == {(0.0, 0.3, 0.6)}


@pytest.mark.parametrize(("name", "near"), [("qick", "quick"), ("dir/ravdes.yaml", "ravdess")])
def test_a_suite_that_is_nowhere_gets_the_nearest_name(name: str, near: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_suite(name)
    assert f"no suite file {name!r}" in str(caught.value)
    assert f"did you mean {near!r}?" in str(caught.value)


def test_a_file_wins_over_a_shipped_suite_of_that_name(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.rename(path.with_name("quick"))
    monkeypatch.chdir(path.parent)
    assert load_suite("quick").suite.name == "s"


def test_set_reaches_any_field_through_short_forms_too(path: Path) -> None:
    suite = load_suite(
        path,
        [
            "corpus.utterances=80",
            "methods.2.epochs=3",
            "methods.2.label=mine",
            "grid.noise.0.severities=[0.1, 0.9]",
            "training.preset=quick",
        ],
    ).suite
    assert suite.corpus.settings.model_dump()["utterances"] == 80
    assert suite.methods[2].label == "mine"
    assert suite.methods[2].training.epochs == 3
    assert suite.grid.noise[0].severities == (0.1, 0.9)
    assert suite.training.preset == "quick"


def test_set_may_change_the_axis_of_a_noise(path: Path) -> None:
    settings = ["grid.noise.0.severities=null", "grid.noise.0.levels=[1]"]
    assert load_suite(path, settings).suite.grid.noise[0].levels == (1,)


@pytest.mark.parametrize(
    ("setting", "start", "words"),
    [
        ("traning.preset=quick", "--set traning.preset: traning: ", "did you mean 'training'?"),
        ("training.prest=quick", "--set training.prest: training.prest: ", "mean 'preset'?"),
        ("seeds=[0, x]", "--set seeds: seeds.1: ", "found 'x'; expected a whole number"),
        (
            "grid.noise.0.severities=[7]",
            "--set grid.noise.0.severities: grid.noise.0.severities.0: ",
            "less than or equal to 1",
        ),
        ("corpus.uterances=3", "--set corpus.uterances: corpus.uterances: ", "'utterances'?"),
        ("methods.1.epohs=3", "--set methods.1.epohs: methods.1.epohs: ", "'epochs'?"),
    ],
)
def test_a_wrong_set_is_refused_at_its_flag(
    path: Path, setting: str, start: str, words: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_suite(path, [setting])
    assert str(caught.value).startswith(start)
    assert words in str(caught.value)


def test_corpus_replaces_another_reader_and_keeps_the_settings_of_the_same(
    path: Path, tmp_path: Path
) -> None:
    kept = load_suite("full_grid", corpus="synthetic").suite
    assert kept == load_suite("full_grid").suite
    replaced = load_suite(path, corpus=f"table:{tmp_path}").suite.corpus
    assert (replaced.reader, replaced.settings.model_dump()["path"]) == ("table", tmp_path)
    pathless = load_suite("ravdess", ["corpus.ids=(?P<speaker>.)"], corpus=f"table:{tmp_path}")
    settings = pathless.suite.corpus.settings.model_dump()
    assert (settings["path"], settings["ids"]) == (tmp_path, "(?P<speaker>.)")


def test_a_corpus_that_is_nowhere_is_refused_at_its_flag(path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^--corpus no/such: .*no such file"):
        load_suite(path, corpus="no/such")


def test_methods_are_kept_by_label_with_the_contrasts_between_them(path: Path) -> None:
    suite = load_suite(path, methods=["nmer", "mmin"]).suite
    assert [entry.label for entry in suite.methods] == ["mmin", "nmer"]
    assert suite.contrasts == (Contrast("nmer", "mmin"),)
    with pytest.raises(ConfigError, match=r"no method labelled 'mmn'; did you mean 'mmin'\?"):
        load_suite(path, methods=["mmn"])


def test_seeds_and_folds_come_from_their_flags(path: Path) -> None:
    loaded = load_suite(path, seeds=[3, 4], folds=["1", "2"])
    assert loaded.suite.seeds == (3, 4)
    assert loaded.folds == ("1", "2")
    with pytest.raises(ConfigError, match=r"^--seeds: seeds.1: 3 is listed twice"):
        load_suite(path, seeds=[3, 3])


@pytest.mark.parametrize("name", ["quick", "full_grid"])
def test_a_suite_on_the_synthetic_corpus_fits_it(name: str) -> None:
    loaded = load_suite(name)
    corpus = read(loaded.suite.corpus.reader, loaded.suite.corpus.settings)
    assert len(check_corpus(loaded.suite, corpus, loaded.source)) == 7
    assert [fold.warnings for fold in make_folds(corpus, loaded.suite.folds) if fold.warnings] == []


@pytest.mark.skipif("MERBENCH_CORPORA" not in os.environ, reason="MERBENCH_CORPORA is not set")
@pytest.mark.parametrize(("name", "patterns"), [("ravdess", 3), ("iemocap4", 7)])
def test_a_suite_for_a_real_corpus_fits_it(name: str, patterns: int) -> None:
    root = Path(os.environ["MERBENCH_CORPORA"])
    loaded = load_suite(name, corpus=f"{root / name}")
    corpus = read(loaded.suite.corpus.reader, loaded.suite.corpus.settings)
    assert len(check_corpus(loaded.suite, corpus, loaded.source)) == patterns
    assert len(make_folds(corpus, loaded.suite.folds)) == 5


@pytest.mark.skipif("MERBENCH_CORPORA" not in os.environ, reason="MERBENCH_CORPORA is not set")
@pytest.mark.parametrize("name", ["iemocap4", "mosi", "mosei_video", "ravdess"])
def test_the_zoo_fits_a_real_corpus_with_what_its_page_adds(name: str) -> None:
    row = re.search(rf"^\| `{name}` \| (nothing|`--set \"(.+)\"`) \|$", SUITES.read_text(), re.M)
    assert row is not None
    changes = [row[2]] if row[2] else []
    loaded = load_suite("zoo", changes, corpus=f"{Path(os.environ['MERBENCH_CORPORA']) / name}")
    plan = make_plan(loaded)
    assert len({cell.fold.name for cell in plan.cells}) == 5
    assert {condition.on for condition in plan.protocol.grid.conditions} >= {"random"}
