"""What every method must pass: the audit, and what a run asks of it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from merbench.audit.audit import Trains, all_checks, find
from merbench.audit.bench import Bench
from merbench.audit.corpora import ground_of, synthetic_ground
from merbench.audit.predict import TOLERANCE, predict_under
from merbench.audit.subject import Subject, subject_of
from merbench.audit.verdict import DOCS, Check
from merbench.execution.tasks import cpu_threads
from merbench.methods.base import BlackBox, EncodeFuse, FitContext, Method
from merbench.registry import path_of
from merbench.testing.corpora import vector_ground


class MethodConformance:
    """Subclass it under a name that pytest collects, and say which method.

        class TestMine(MethodConformance):
            method = Mine

    It takes about as long as `merbench audit`.

    Attributes:
        method: the class, its import path or its registered name.
        settings: of the method, where not its defaults.
        corpus: to audit it on, as `merbench run --corpus` takes it.
        fails: check -> why it is meant to fail. It must fail, so that the list stays true.
        strict: let a note of the audit fail, too.
    """

    method: ClassVar[type[Method] | str]
    settings: ClassVar[Mapping[str, Any]] = {}
    corpus: ClassVar[str] = "synthetic"
    fails: ClassVar[Mapping[str, str]] = {}
    strict: ClassVar[bool] = False

    @pytest.fixture
    def subject(self) -> Subject:
        """The method with its settings, as a suite takes them."""
        return _subject(type(self))

    @pytest.fixture
    def bench(self) -> Bench:
        """The method on the corpus of the audit; what is dear is made once for the class."""
        return _bench(type(self))  # type: ignore[arg-type]  # a class is hashable

    @pytest.mark.parametrize("check", all_checks(), ids=lambda check: check.name)
    def test_passes_the_audit(self, bench: Bench, check: Check[Bench]) -> None:
        """One check of the audit; docs/audit.md explains each."""
        with cpu_threads(1):
            if not isinstance(check, Trains):
                _need_trained(bench)
            finding = find(check, bench)
        said = f"{check.name}: {finding.summary} ({DOCS}#{check.name})"
        if check.name in self.fails:
            assert finding.verdict == "fail", f"{said}; expected it to fail: take it from `fails`"
            return
        assert finding.verdict != "fail", said
        assert not (self.strict and finding.verdict == "note"), said
        if finding.verdict == "not applicable":
            pytest.skip(said)

    def test_takes_other_modalities_classes_and_gaps(self, subject: Subject) -> None:
        """Two vectors with names of their own, two classes, one modality missing natively."""
        other = Bench(subject, vector_ground())
        with cpu_threads(1):
            fitted = other.short
            for condition in other.clean:
                logits = predict_under(other.evaluator, condition, fitted.method, fitted.predictor)
                expected = (len(other.fold.test), 2)
                assert logits.shape == expected, f"{condition.name}: expected logits {expected}"
                assert torch.isfinite(logits).all(), f"{condition.name}: logits are not finite"

    def test_what_it_stores_predicts_the_same(self, bench: Bench) -> None:
        """A run keeps arrays, and takes them up again; the weights of networks are kept for you."""
        if not isinstance(bench.subject.build(), BlackBox):
            return
        with cpu_threads(1):
            learnt = _black_box(bench)
            arrays = learnt.arrays()
            for name, array in arrays.items():
                assert isinstance(array, np.ndarray), f"arrays()[{name!r}] is no numpy array"
                assert array.dtype.kind in "fiub", f"arrays()[{name!r}] has dtype {array.dtype}"
            restored = bench.subject.build()
            assert isinstance(restored, BlackBox)
            # A command that applies what was trained knows no seed.
            restored.restore(arrays, FitContext(bench.ready.shape, 0))
            for condition in bench.clean:
                before = predict_under(bench.evaluator, condition, learnt, learnt)
                after = predict_under(bench.evaluator, condition, restored, restored)
                assert torch.equal(before, after), f"{condition.name}: restored, it says otherwise"

    def test_both_ways_of_predicting_agree(self, bench: Bench) -> None:
        """A black box that is evaluated by `encode` and `fuse` must say what it says by itself."""
        built = bench.subject.build()
        if not (isinstance(built, BlackBox) and isinstance(built, EncodeFuse)):
            return
        with cpu_threads(1):
            learnt = _black_box(bench)
            everyone = torch.arange(len(bench.fold.test))
            for condition in bench.clean:
                seen = bench.evaluator.observation(condition, learnt, everyone)
                alone = torch.from_numpy(np.asarray(learnt.predict_proba(seen), np.float64))
                fused = predict_under(bench.evaluator, condition, learnt, learnt).softmax(1)
                apart = float((alone - fused).abs().max())
                assert apart < TOLERANCE, f"{condition.name}: probabilities differ by {apart:.2g}"


def _subject(tests: type[MethodConformance]) -> Subject:
    name = tests.method if isinstance(tests.method, str) else path_of(tests.method)
    return subject_of(name, tests.settings)


@lru_cache(maxsize=1)
def _bench(tests: type[MethodConformance]) -> Bench:
    ground = synthetic_ground() if tests.corpus == "synthetic" else ground_of(tests.corpus)
    return Bench(_subject(tests), ground)


def _black_box(bench: Bench) -> BlackBox:
    _need_trained(bench)
    learnt = bench.fitted.predictor
    assert isinstance(learnt, BlackBox)
    return learnt


def _need_trained(bench: Bench) -> None:
    try:
        _ = bench.fitted
    except Exception as error:  # whatever a third party's training does
        pytest.skip(f"it cannot be trained ({type(error).__name__}: {error})")
