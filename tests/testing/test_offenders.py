"""What breaks a contract fails the test that is there for it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from merbench.audit.audit import all_checks
from merbench.corpus.readers.base import PathConfig
from merbench.corpus.readers.synthetic import SyntheticReader
from merbench.corpus.readers.table import TableReader
from merbench.corruption.noises.base import Damage, Noise
from merbench.methods.base import BlackBox
from merbench.results.metrics import UA, WA, Bounds, ConfusionMetric
from merbench.testing import (
    MethodConformance,
    MetricConformance,
    NoiseConformance,
    ReaderConformance,
)
from merbench.testing.noise import Scene
from tests.audit.offenders import Regression
from tests.corpus import tables

# Metrics


def of(compute) -> ConfusionMetric:
    return ConfusionMetric("mine", "mine", True, Bounds(-1.0, 1.0), "for a test", compute)


def in_place(counts):
    counts += 1
    return WA(counts)


METRICS = {
    "takes one matrix only": (
        lambda c: np.float64(np.trace(c) / c.sum()) if c.sum() else np.nan,
        ["test_takes_any_leading_axes", "test_an_empty_matrix_has_no_value"],
    ),
    "has no value where a class is missing": (
        lambda c: (np.diagonal(c, axis1=-2, axis2=-1) / c.sum(-1)).mean(-1),
        ["test_stays_within_its_bounds"],
    ),
    "is 0 where there is nothing": (
        lambda c: np.nan_to_num(WA(c)),
        ["test_an_empty_matrix_has_no_value"],
    ),
    "knows how many there are": (
        lambda c: WA(c) * c.sum((-2, -1)) / (c.sum((-2, -1)) + 10),
        ["test_knows_shares_and_not_numbers"],
    ),
    "prefers what is wrong": (
        lambda c: 1 - WA(c),
        ["test_nothing_is_better_than_being_right"],
    ),
    "leaves its bounds": (lambda c: 2 * WA(c), ["test_stays_within_its_bounds"]),
    "changes what it is given": (in_place, ["test_leaves_counts_alone"]),
}
ARGUMENTS = {
    "test_takes_any_leading_axes": [4],
    "test_stays_within_its_bounds": [4],
    "test_knows_shares_and_not_numbers": [3],
}
METRIC_TESTS = [name for name in vars(MetricConformance) if name.startswith("test_")]


def failing(tests: object, found: object, names: list[str]) -> list[str]:
    """Return which tests fail, whatever they raise."""
    failed = []
    for name in names:
        try:
            getattr(tests, name)(found, *ARGUMENTS.get(name, []))
        except Exception:
            failed.append(name)
    return failed


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_that_breaks_its_contract_is_caught(name):
    compute, tests = METRICS[name]
    failed = failing(MetricConformance(), of(compute), METRIC_TESTS)
    assert set(tests) <= set(failed)


def test_an_honest_metric_fails_nothing():
    assert failing(MetricConformance(), of(lambda c: 2 * UA(c) - 1), METRIC_TESTS) == []


@pytest.mark.parametrize(
    "change", [{"higher_is_better": False}, {"name": "severity"}, {"doc": ""}, {"label": "a\nb"}]
)
def test_facts_of_a_metric_that_are_wrong_are_caught(change):
    with pytest.raises(AssertionError):
        MetricConformance().test_keeps_its_contract(replace(of(WA.compute), **change))


# Noises


@dataclass(frozen=True)
class Scaled(Damage):
    factor: torch.Tensor

    def apply(self, clean, point):
        return clean.values * (1 - point.severity * self.factor[clean.row, None])

    def tensors(self):
        return (self.factor,)


class Fading(Noise):
    summary = "honest"
    family = "fading"
    timed = False

    def draw(self, target, device):
        found = [target.stream(i).random() for i in range(len(target.lengths))]
        return Scaled(torch.tensor(found, dtype=torch.float32))


class Unfrozen(Fading):
    def draw(self, target, device):
        return Scaled(torch.rand(len(target.lengths)))


class OneStreamForAll(Fading):
    def draw(self, target, device):
        rng = target.stream(0)
        found = rng.random(len(target.lengths))
        return Scaled(torch.from_numpy(found).float())


class Idle(Fading):
    def draw(self, target, device):
        return Scaled(torch.zeros(len(target.lengths)))


class NeverClean(Fading):
    def draw(self, target, device):
        return _Louder(super().draw(target, device).tensors()[0])


class InPlace(Fading):
    def draw(self, target, device):
        return _InPlace(super().draw(target, device).tensors()[0])


class Moves(Fading):
    def draw(self, target, device):
        return _Moves(super().draw(target, device).tensors()[0])


class Cuts(Fading):
    def draw(self, target, device):
        return _Cuts(super().draw(target, device).tensors()[0])


class AtTheFoldsWidth(Fading):
    def draw(self, target, device):
        rows = [target.stream(i).random(len(target.keep)) for i in range(len(target.lengths))]
        return _ByColumn(torch.from_numpy(np.stack(rows)).float())


class _ByColumn(Scaled):
    def apply(self, clean, point):
        return clean.values * (1 - point.severity * self.factor[clean.row])


class _Louder(Scaled):
    def apply(self, clean, point):
        return clean.values * (1.5 - point.severity * self.factor[clean.row, None])


class _InPlace(Scaled):
    def apply(self, clean, point):
        return clean.values.mul_(1 - point.severity)


class _Moves(Scaled):
    """Damages other frames at other severities."""

    def apply(self, clean, point):
        hit = (clean.position % 5 == int(point.severity * 5)) & (point.severity > 0)
        return torch.where(hit[:, None], clean.values + 1, clean.values)


class _Cuts(Scaled):
    def apply(self, clean, point):
        return clean.values[: len(clean.values) - int(point.severity * 3)]


NOISES = {
    Unfrozen: "test_draws_depend_on_the_frozen_stream_alone",
    OneStreamForAll: "test_an_utterance_is_damaged_alike_in_any_company",
    Idle: "test_severity_1_damages_something",
    NeverClean: "test_severity_0_is_the_clean_signal_bit_for_bit",
    InPlace: "test_clean_features_are_left_alone",
    Moves: "test_what_is_damaged_stays_damaged_as_severity_grows",
    Cuts: "test_shapes_stay_and_values_are_finite",
    AtTheFoldsWidth: "test_draws_do_not_depend_on_the_fold",
}


@pytest.mark.parametrize("kind", NOISES, ids=lambda kind: kind.__name__)
def test_a_noise_that_breaks_a_rule_is_caught(kind):
    scene = Scene(kind(kind.Config()))
    with pytest.raises((AssertionError, RuntimeError)):
        getattr(NoiseConformance(), NOISES[kind])(scene)


class TestFading(NoiseConformance):
    noise = Fading


# Readers


class Careless(TableReader):
    """Recognises everything, and shows its tracebacks."""

    @classmethod
    def detect(cls, path):
        return True

    @classmethod
    def read(cls, config):
        np.load(config.path / "features.npz").close()
        return super().read(config)


class Unlike(TableReader):
    """Reads another corpus each time."""

    @classmethod
    def read(cls, config):
        corpus = super().read(config)
        names = tuple(f"{name}-{np.random.default_rng().integers(1e9)}" for name in corpus.classes)
        return replace(corpus, classes=names)


class OfTables(ReaderConformance):
    def write(self, folder):
        return tables.write(folder)


def test_a_reader_that_recognises_everything_is_caught(tmp_path):
    path = tables.write(tmp_path / "corpus")
    with pytest.raises(AssertionError, match="empty folder"):
        OfTables().test_recognises_its_own_layout_and_no_empty_folder(Careless, path, tmp_path)
    with pytest.raises(AssertionError, match="table would read it, too"):
        OfTables().test_no_other_reader_recognises_it(Careless, path)


def test_a_reader_that_shows_tracebacks_is_caught(tmp_path):
    name = f"{__name__}:Careless"
    with pytest.raises(FileNotFoundError):
        OfTables().test_what_is_not_there_is_named(name, tmp_path)


def test_a_reader_that_reads_otherwise_each_time_is_caught(tmp_path):
    path = tables.write(tmp_path / "corpus")
    with pytest.raises(AssertionError):
        OfTables().test_reads_the_same_corpus_twice(f"{__name__}:Unlike", path)


class TestTable(OfTables):
    reader = "table"


def test_a_reader_without_a_path_is_caught():
    assert issubclass(TableReader.Config, PathConfig)
    with pytest.raises(AssertionError):
        ReaderConformance().test_takes_a_path(SyntheticReader)


# Methods


class Forgetful(Regression):
    """Stores less than it learnt."""

    def restore(self, arrays, context):
        super().restore({k: 0 * v for k, v in arrays.items()}, context)


class Pickles(Regression):
    """Stores what is no number."""

    def arrays(self):
        return {"all": np.array([object()], dtype=object)}


def run(kind: type, test: str) -> None:
    tests = type("Tests", (MethodConformance,), {"method": kind})()
    subject = type(tests).subject.__wrapped__(tests)
    bench = type(tests).bench.__wrapped__(tests)
    names = {"subject": subject, "bench": bench}
    wanted = "subject" if "other_modalities" in test else "bench"
    getattr(tests, test)(names[wanted])


@pytest.mark.parametrize(
    ("kind", "test", "error"),
    [
        (Forgetful, "test_what_it_stores_predicts_the_same", AssertionError),
        (Pickles, "test_what_it_stores_predicts_the_same", AssertionError),
        # Of two classes scikit-learn's weights have one row.
        (Regression, "test_takes_other_modalities_classes_and_gaps", AssertionError),
    ],
)
def test_a_method_that_breaks_what_a_run_asks_is_caught(kind, test, error):
    assert issubclass(kind, BlackBox)
    with pytest.raises(error):
        run(kind, test)


def test_a_check_that_is_meant_to_fail_must_fail():
    tests = type("Tests", (MethodConformance,), {"method": Regression, "fails": {"cost": "why"}})()
    bench = type(tests).bench.__wrapped__(tests)
    (cost,) = [c for c in all_checks() if c.name == "cost"]
    with pytest.raises(AssertionError, match="take it from `fails`"):
        tests.test_passes_the_audit(bench, cost)
