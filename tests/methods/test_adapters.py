"""The adapters: scikit-learn estimators and torch modules as methods."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
import torch
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import LinearSVC
from torch import Tensor, nn

from merbench import registry
from merbench.audit.audit import all_checks, audit
from merbench.audit.corpora import ground_of
from merbench.audit.subject import subject_of
from merbench.errors import ConfigError
from merbench.execution.prepare import forget_prepared
from merbench.features.observation import State
from merbench.features.part import CorpusShape
from merbench.features.ragged import Ragged
from merbench.methods.base import FitContext, MethodConfig
from merbench.methods.estimator import EstimatorMethod
from merbench.methods.module import ModuleMethod, ModuleNetwork
from merbench.training.config import StageTraining
from tests.methods.world import make_world, see


class Regression(EstimatorMethod):
    summary = "as logreg"

    def estimator(self, seed: int) -> LogisticRegression:
        return LogisticRegression(C=0.01, max_iter=1000)


class Forest(EstimatorMethod):
    summary = "draws random numbers"

    def estimator(self, seed: int) -> RandomForestClassifier:
        return RandomForestClassifier(20, random_state=seed)


class Vectors(EstimatorMethod):
    summary = "gives no probabilities"

    def estimator(self, seed: int) -> LinearSVC:
        return LinearSVC()


class Neighbours(EstimatorMethod):
    summary = "takes no weights"

    def estimator(self, seed: int) -> KNeighborsClassifier:
        return KNeighborsClassifier()


class Remembers(nn.Module):
    """Keeps what it was called with."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes = classes
        self.scale = nn.Parameter(torch.ones(()))

    def forward(
        self, features: dict[str, Tensor], masks: dict[str, Tensor], available: Tensor
    ) -> Tensor:
        self.seen = features, masks, available
        return self.scale * torch.ones(len(available), self.classes)


class PaddingReader(nn.Module):
    """Takes the mean over padding, too, which the audit must see through the adapter."""

    def __init__(self, shape: CorpusShape) -> None:
        super().__init__()
        self.layers = nn.ModuleDict({m.name: nn.Linear(m.width, 8) for m in shape.modalities})
        self.last = nn.Linear(8 * len(shape.modalities), shape.classes)

    def forward(
        self, features: dict[str, Tensor], masks: dict[str, Tensor], available: Tensor
    ) -> Tensor:
        means = [layer(features[name]).relu().mean(1) for name, layer in self.layers.items()]
        return self.last(torch.cat(means, 1))


class ReadsPadding(ModuleMethod):
    summary = "a module that reads padding"

    def module(self, shape: CorpusShape, dropout: float) -> nn.Module:
        return PaddingReader(shape)


class TwoFrames(ModuleMethod):
    summary = "a module that is shown two frames"
    frames: ClassVar[int] = 2

    def module(self, shape: CorpusShape, dropout: float) -> nn.Module:
        return Remembers(shape.classes)


def fitted(kind: type[EstimatorMethod], world, weights="off", seed=3) -> EstimatorMethod:
    method = kind(MethodConfig())
    method.fit(world.train, world.test, FitContext(world.shape, seed, weights))
    return method


def predicted(method, world) -> np.ndarray:
    states = (torch.arange(len(world.test) * 3).reshape(-1, 3) % 3 == 1) * State.ABSENT
    states = torch.where(world.test.available, states, int(State.ABSENT)).to(torch.int8)
    seen = see(world.test, world.shape, range(len(world.test)), states)
    rows = {name: method.encode(name, one) for name, one in seen.items()}
    return method.fuse(rows, states).softmax(1).numpy()


def test_a_logistic_regression_by_the_adapter_is_logreg():
    world = make_world(gaps=0.5)
    theirs = registry.load("methods", "logreg")
    ours = theirs(theirs.Config())
    ours.fit(world.train, world.test, FitContext(world.shape, 0))
    found = predicted(fitted(Regression, world), world)
    np.testing.assert_allclose(found, predicted(ours, world), atol=1e-5)


def test_balanced_weights_are_those_of_scikit_learn():
    world = make_world()
    world.train.labels[:-3] = 0
    balanced = predicted(fitted(Regression, world, "balanced"), world)

    class Balanced(Regression):
        def estimator(self, seed: int) -> LogisticRegression:
            return LogisticRegression(C=0.01, max_iter=1000, class_weight="balanced")

    np.testing.assert_allclose(balanced, predicted(fitted(Balanced, world), world), atol=1e-6)


def test_what_is_restored_is_fitted_with_the_seed_it_had():
    world = make_world()
    method = fitted(Forest, world, seed=7)
    again = Forest(MethodConfig())
    again.restore(method.arrays(), FitContext(world.shape, 0))
    assert np.array_equal(predicted(method, world), predicted(again, world))
    assert not np.array_equal(
        predicted(method, world), predicted(fitted(Forest, world, seed=8), world)
    )


def test_a_class_that_training_lacks_is_never_predicted():
    world = make_world()
    world.train.labels[:] = world.train.labels % 2 * 2  # classes 0 and 2 of what are then 3
    shape = CorpusShape(world.shape.modalities, 3)
    method = Forest(MethodConfig())
    method.fit(world.train, world.test, FitContext(shape, 0))
    found = predicted(method, world)
    assert found.shape == (len(world.test), 3)
    assert found[:, 1].max() < 1e-9


def test_an_estimator_without_probabilities_is_refused_with_a_remedy():
    with pytest.raises(ConfigError, match="LinearSVC has no predict_proba"):
        fitted(Vectors, make_world())


def test_weights_that_an_estimator_does_not_take_are_refused():
    with pytest.raises(ConfigError, match="KNeighborsClassifier takes no sample_weight"):
        fitted(Neighbours, make_world(), "balanced")


def network(frames: int) -> tuple[ModuleNetwork, Remembers, object]:
    world = make_world(gaps=0.5)
    module = Remembers(world.shape.classes)
    return ModuleNetwork(world.shape, module, frames), module, world


def test_a_module_sees_padded_features_masks_and_what_is_available():
    net, module, world = network(50)
    rows = [0, 3, 5, 8]
    states = torch.zeros(4, 3, dtype=torch.int8)
    states[1, 0], states[2, 1] = int(State.ABSENT), int(State.NOISED)
    states = torch.where(world.test.available[rows], states, int(State.ABSENT)).to(torch.int8)
    seen = see(world.test, world.shape, rows, states)
    logits = net.fuse(net.embed(seen), states)
    features, masks, available = module.seen
    assert logits.shape == (4, world.shape.classes)
    assert torch.equal(available, states != State.ABSENT)
    for column, m in enumerate(world.shape.modalities):
        expected = seen[m.name].dense()  # padded by the harness, to the longest sequence shown
        longest = int(expected.mask.sum(1).max())
        assert torch.equal(features[m.name], expected.values[:, :longest])
        assert torch.equal(masks[m.name], expected.mask[:, :longest])
        gone = ~available[:, column]
        assert not features[m.name][gone].any()
        assert masks[m.name][gone].any(1).all()  # a mean over an absent modality is of something


def test_of_a_long_sequence_frames_are_taken_at_even_distances():
    net, module, world = network(4)
    name = "sound"
    width = world.shape.modalities[world.shape.names.index(name)].width
    frames = torch.arange(8.0)[:, None].expand(8, width)
    sequence = Ragged(torch.cat([frames, frames[:3]]), torch.tensor([8, 3]))
    states = torch.zeros(2, 3, dtype=torch.int8)
    seen = see(world.test, world.shape, [0, 1], states)
    one = type(seen[name])(sequence, torch.arange(2), states[:, 0])
    net.fuse({**net.embed(seen), name: net.encode(name, one)}, states)
    features, masks, _ = module.seen
    assert features[name][:, :, 0].tolist() == [[0, 2, 4, 6], [0, 1, 2, 0]]
    assert masks[name].tolist() == [[True] * 4, [True, True, True, False]]


def test_padding_of_others_reaches_a_module_so_the_audit_finds_who_reads_it():
    found = audit(
        subject_of(f"{__name__}:ReadsPadding", {}), ground_of("synthetic", utterances=150),
        [c for c in all_checks() if c.name in ("trains", "batch_independence")],
    )  # fmt: skip
    forget_prepared()
    assert [checked.check.name for checked in found.failed] == ["batch_independence"]


def test_a_recipe_tells_methods_settings_and_training_apart():
    training = StageTraining(epochs=1, decay_epochs=0, batch_size=8, dropout=0.0)

    def digest(kind: type[ModuleMethod], epochs: int = 1, **settings: object) -> str:
        method = kind(kind.Config(**settings))
        (stage,) = method.stages([training.model_copy(update={"epochs": epochs})])
        return stage.digest

    assert digest(TwoFrames) == digest(TwoFrames)
    digests = [
        digest(TwoFrames),
        digest(ReadsPadding),
        digest(TwoFrames, epochs=2),
        digest(TwoFrames, train_noise="suite"),
    ]
    assert len({*digests}) == 4
