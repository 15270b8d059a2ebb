"""logreg is scikit-learn's logistic regression on pooled features, whatever the classes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from merbench.features.observation import State
from merbench.features.part import Part
from merbench.features.ragged import Ragged
from merbench.methods.base import FitContext
from merbench.methods.sklearn import pool
from tests.methods.world import (
    World,
    make_method,
    make_world,
    ragged,
    see,
    states_of,
    told,
)


def pooled(part: Part, name: str) -> np.ndarray:
    """Mean, maximum and deviation over time, utterance by utterance; NaN where there is nothing."""
    features = part.features[name]
    out = []
    for row in range(len(part)):
        x = features.take(torch.tensor([row])).values.double().numpy()
        if name == "front":
            out.append(x[0] if len(x) else np.full(x.shape[1], np.nan))
        else:
            out.append(
                np.concatenate([x.mean(0), x.max(0), x.std(0)])
                if len(x)
                else np.full(3 * x.shape[1], np.nan)
            )
    return np.array(out)


def by_scikit_learn(world: World, states: torch.Tensor, C: float) -> np.ndarray:
    """StandardScaler ignores NaN; what is unknown is then 0, the training mean."""
    train, test = [], []
    for column, name in enumerate(world.shape.names):
        scaler = StandardScaler().fit(pooled(world.train, name))
        train.append(scaler.transform(pooled(world.train, name)))
        shown = scaler.transform(pooled(world.test, name))
        shown[(states[:, column] == State.ABSENT).numpy()] = np.nan
        test.append(shown)
    train, test = (np.nan_to_num(np.concatenate(x, 1)) for x in (train, test))
    model = LogisticRegression(C=C, max_iter=1000).fit(train, world.train.labels.numpy())
    out = np.zeros((len(test), world.shape.classes))
    out[:, model.classes_] = model.predict_proba(test)
    return out


def fitted(world: World, **settings):
    method = make_method("logreg", **settings)
    method.fit(world.train, world.test, FitContext(world.shape, 0))
    return method


def predicted(method, world: World, states: torch.Tensor) -> np.ndarray:
    rows = list(range(len(world.test)))
    observed = see(world.test, world.shape, rows, states)
    embeddings = {name: method.encode(name, seen) for name, seen in observed.items()}
    return method.fuse(embeddings, states).softmax(1).numpy()


@pytest.mark.parametrize("classes", [2, 3, 4])
@pytest.mark.parametrize("gaps", [0.0, 0.5])
@pytest.mark.parametrize("C", [0.01, 1.0])
def test_predictions_are_scikit_learns(classes, gaps, C) -> None:
    world = make_world(60, classes=classes, gaps=gaps)
    states = told(world)
    found = predicted(fitted(world, C=C), world, states)
    np.testing.assert_allclose(found, by_scikit_learn(world, states, C), atol=1e-5)


@pytest.mark.parametrize("left", [{0, 2}, {0, 1, 3}])
def test_a_class_missing_from_training_is_never_predicted(left) -> None:
    world = make_world(64, classes=4)
    rows = torch.tensor([i for i, c in enumerate(world.train.labels.tolist()) if c in left])
    world = replace(world, train=world.train.select(rows))
    states = torch.zeros(len(world.test), 3, dtype=torch.int8)
    found = predicted(fitted(world), world, states)
    np.testing.assert_allclose(found, by_scikit_learn(world, states, 0.01), atol=1e-5)
    assert (found[:, sorted({0, 1, 2, 3} - left)] == 0).all()


def test_with_nothing_present_it_says_what_its_biases_say() -> None:
    world = make_world(60, classes=4)
    method = fitted(world)
    states = torch.full((1, 3), int(State.ABSENT), dtype=torch.int8)
    observed = see(world.test, world.shape, [0], states)
    shares = {name: method.encode(name, seen) for name, seen in observed.items()}
    assert not any(share.any() for share in shares.values())
    np.testing.assert_array_equal(method.fuse(shares, states)[0], method.arrays()["biases"])


def test_the_default_penalty_is_the_one_named_in_the_docs() -> None:
    assert make_method("logreg").config.C == 0.01


def test_what_was_learnt_can_be_stored_and_taken_up_again() -> None:
    world = make_world(60)
    method, other = fitted(world), make_method("logreg")
    other.restore(method.arrays(), FitContext(world.shape, 0))
    states = told(world)
    np.testing.assert_array_equal(predicted(other, world, states), predicted(method, world, states))


def test_a_modality_that_training_lacks_gets_no_weight() -> None:
    world = make_world(60)
    train = world.train
    gone = Ragged(train.features["front"].values[:0], torch.zeros(len(train), dtype=torch.int64))
    available = train.available.clone()
    available[:, world.shape.names.index("front")] = False
    bare = replace(train, features={**train.features, "front": gone}, available=available)
    world = replace(world, train=bare)
    present = torch.zeros(len(world.test), 3, dtype=torch.int8)
    without = present.clone()
    without[:, world.shape.names.index("front")] = State.ABSENT
    method = fitted(world)
    found = predicted(method, world, present)
    np.testing.assert_array_equal(found, predicted(method, world, without))
    assert np.isfinite(found).all()


@pytest.mark.parametrize("kind", ["sequence", "tokens", "vector"])
def test_sequences_of_one_frame_are_pooled_like_all_others_of_their_kind(kind) -> None:
    one = torch.tensor([[1.0, -2.0]])
    found = pool(ragged(one, one), kind)
    expected = [1, -2] if kind == "vector" else [1, -2, 1, -2, 0, 0]
    assert found.tolist() == [expected] * 2


def test_pooling_takes_mean_largest_and_deviation() -> None:
    found = pool(ragged(torch.tensor([[1.0], [5.0]]), torch.tensor([[-3.0]])), "sequence")
    assert found.tolist() == [[3, 5, 2], [-3, -3, 0]]


def test_the_state_that_matters_is_absence() -> None:
    world = make_world(60)
    method = fitted(world)
    observed = see(world.test, world.shape, [0], states_of([[0, 0, 0]]))
    shares = {name: method.encode(name, seen) for name, seen in observed.items()}
    noised = method.fuse(shares, states_of([[State.NOISED] * 3]))
    assert torch.equal(noised, method.fuse(shares, states_of([[State.PRESENT] * 3])))
