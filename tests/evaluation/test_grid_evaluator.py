"""The grid in one pass per input equals the direct way, and a method that cheats is caught."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from torch import Tensor

from merbench.corruption.grid import all_patterns
from merbench.errors import CellError
from merbench.evaluation.embed import embed_inputs, embed_sequences
from merbench.evaluation.fuse import fuse
from merbench.features.observation import ObservedModality, State, zero_input
from merbench.features.part import Part
from merbench.methods.base import BlackBox, FitContext
from tests.methods.world import (
    CPU,
    METHODS,
    MIXING,
    ROW_WISE,
    World,
    logits,
    make_method,
    make_predictor,
    make_world,
    ragged,
    with_features,
)

NOISES = ("gaussian", "burst", "token_swap", "babble")


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(40, gaps=0.3)


@pytest.mark.parametrize("name", ROW_WISE)
def test_every_condition_is_what_each_utterance_gets_alone(world, name) -> None:
    evaluator = world.evaluator(world.grid(*NOISES))
    method, predictor = make_method(name), make_predictor(name, world)
    found = evaluator.evaluate(method, predictor)
    conditions = evaluator.grid.conditions
    assert found.predictions.shape == (len(conditions), len(world.test))
    for index in range(0, len(conditions), 7):
        for row in (0, 7, 13):
            seen = evaluator.observation(conditions[index], method, torch.tensor([row]))
            alone = logits(predictor, seen.modalities, seen.states).double().softmax(1)[0].numpy()
            np.testing.assert_allclose(found.probabilities[index, row], alone, atol=1e-3)
            assert found.predictions[index, row] == alone.argmax() or np.ptp(alone) < 1e-2


@pytest.mark.parametrize("name", MIXING)
def test_where_rows_mix_every_condition_is_what_the_same_company_gets_the_direct_way(
    world, name
) -> None:
    evaluator = world.evaluator(world.grid(*NOISES))
    method, predictor = make_method(name), make_predictor(name, world)
    found = evaluator.evaluate(method, predictor, ("fold", 3))
    everyone = torch.arange(len(world.test))
    for index, condition in enumerate(evaluator.grid.conditions):
        seen = evaluator.observation(condition, method, everyone)
        with torch.no_grad():
            embeddings = {m: predictor.encode(m, s) for m, s in seen.modalities.items()}
            direct = fuse(predictor, embeddings, seen.states, "fold", 3, condition.identity)
        expected = direct.double().softmax(1).numpy()
        np.testing.assert_allclose(found.probabilities[index], expected, atol=1e-3)
    # Another seed is other company and other draws.
    other = evaluator.evaluate(method, predictor, ("fold", 4))
    assert not np.allclose(other.probabilities, found.probabilities, atol=1e-3)


@pytest.mark.parametrize("absent_input", ["zeros", "noise"])
def test_a_noise_free_pattern_shows_what_it_says(world, absent_input) -> None:
    """The observation built from the definition: true features, or a stand-in of fixed length."""
    evaluator = world.evaluator()
    method = make_method("mmin", absent_input=absent_input)
    everyone = torch.arange(len(world.test))
    for condition in evaluator.grid.conditions:
        seen = evaluator.observation(condition, method, everyone)
        for column, m in enumerate(world.shape.modalities):
            for row in everyone.tolist():
                one = seen.modalities[m.name]
                frames = one.sequences.take(one.rows[[row]]).values
                shown = m.name in condition.pattern and bool(world.test.available[row, column])
                assert one.states[row] == (State.PRESENT if shown else State.ABSENT)
                if shown:
                    truth = world.test.features[m.name].take(torch.tensor([row])).values
                    assert torch.equal(frames, truth)
                elif absent_input == "zeros":
                    assert frames.shape == (1 if m.kind == "vector" else 5, m.width)
                    assert not frames.any()
                else:
                    assert frames.shape == (m.typical_length, m.width)
                    assert frames.any()


@pytest.mark.parametrize("name", METHODS)
def test_garbage_where_a_pattern_has_nothing_changes_no_prediction(world, name) -> None:
    method, predictor = make_method(name), make_predictor(name, world)
    before = world.evaluator().evaluate(method, predictor)
    patterns, changed = all_patterns(world.shape.names), 0
    for modality in world.shape.names:
        values = world.test.features[modality].values
        spoilt = with_features(world.test, modality, 50 - 3 * values)
        evaluator = world.evaluator()
        other = type(evaluator)(spoilt, world.shape, evaluator.grid, world.corruptor)
        after = other.evaluate(method, predictor)
        absent = np.array([modality not in pattern for pattern in patterns])
        np.testing.assert_array_equal(after.probabilities[absent], before.probabilities[absent])
        changed += (after.probabilities[~absent] != before.probabilities[~absent]).sum()
    assert changed


class Cheater:
    """Honest alone; in a batch it centres its logits by those of its batch mates."""

    def __init__(self, world: World, encode_too: bool) -> None:
        self.honest = make_predictor("zero_fill", world)
        self.encode_too = encode_too

    def encode(self, modality: str, observed: ObservedModality) -> Tensor:
        embeddings = self.honest.encode(modality, observed)
        return embeddings - embeddings.mean(0) if self.encode_too else embeddings

    def fuse(self, embeddings: Mapping[str, Tensor], states: Tensor) -> Tensor:
        scores = self.honest.fuse(embeddings, states)
        return scores if self.encode_too else scores - scores.mean(0)


@pytest.mark.parametrize("encode_too", [False, True])
def test_a_method_that_looks_at_its_batch_mates_is_refused(world, encode_too) -> None:
    with pytest.raises(CellError, match="looks at more than its own row") as refused:
        world.evaluator().evaluate(make_method("zero_fill"), Cheater(world, encode_too))
    assert "ZeroFill" in str(refused.value)
    assert "under '" in str(refused.value)


class Blind(BlackBox):
    """A black box without halves: the class prior, or a wrong shape."""

    def __init__(self, columns: int) -> None:
        super().__init__(make_method("logreg").config)
        self.columns = columns

    def fit(self, train: Part, valid: Part, context: FitContext) -> None: ...

    def predict_proba(self, observation) -> np.ndarray:
        odds = np.arange(1.0, self.columns + 1)
        return np.tile(odds / odds.sum(), (len(observation), 1))

    def arrays(self) -> dict[str, np.ndarray]:
        return {}

    def restore(self, arrays, context: FitContext) -> None: ...


def test_a_black_box_is_asked_condition_by_condition(world) -> None:
    found = world.evaluator().evaluate(Blind(3), Blind(3))
    assert (found.predictions == 2).all()
    np.testing.assert_allclose(found.probabilities[4, 5], np.array([1, 2, 3]) / 6, atol=1e-3)


def test_probabilities_of_a_wrong_shape_are_refused(world) -> None:
    with pytest.raises(CellError, match=r"Blind.predict_proba returned shape \(20, 2\), expected"):
        world.evaluator().evaluate(Blind(2), Blind(2))


def test_the_evaluation_batch_changes_no_prediction(world) -> None:
    method, predictor = make_method("if_mmin"), make_predictor("if_mmin", world)
    whole = world.evaluator()
    small = type(whole)(whole.part, whole.shape, whole.grid, whole.corruptor, batch=1)
    one, other = whole.evaluate(method, predictor), small.evaluate(method, predictor)
    np.testing.assert_allclose(one.probabilities, other.probabilities, atol=1e-3)


def test_noised_counts_as_absent_where_a_method_says_so(world) -> None:
    evaluator = world.evaluator(world.grid("gaussian", on=("absent",)))
    predictor = make_predictor("zero_fill", world)
    found = evaluator.evaluate(make_method("zero_fill", noised_as="absent"), predictor)
    conditions = evaluator.grid.conditions
    clean = {c.pattern: k for k, c in enumerate(conditions) if c.noise == "none"}
    for index, condition in enumerate(conditions):
        np.testing.assert_array_equal(
            found.probabilities[index], found.probabilities[clean[condition.pattern]]
        )


def test_predictions_are_not_rounded_before_the_largest_is_taken(world) -> None:
    found = world.evaluator().evaluate(make_method("mmin"), make_predictor("mmin", world))
    rounded = found.probabilities.astype(float)
    chosen = np.take_along_axis(rounded, found.predictions[..., None].astype(int), 2)[..., 0]
    assert (chosen == rounded.max(2)).all()
    np.testing.assert_allclose(rounded.sum(2), 1, atol=2e-3)


def test_embeddings_keep_the_order_of_utterances_across_chunks() -> None:
    world = make_world(24)
    predictor = make_predictor("zero_fill", world)
    generator = torch.Generator().manual_seed(0)
    lengths = [3000, 1, 9000, 20, 16384, 7, 20000, 2]
    each = [torch.randn(t, 4, generator=generator) for t in lengths]
    found = embed_sequences(predictor, "sound", ragged(*each), State.PRESENT)
    for row, x in enumerate(each):
        single = embed_sequences(predictor, "sound", ragged(x), State.PRESENT)
        torch.testing.assert_close(found[row], single[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("there", [[True, False, True], [False, False, False], [True] * 3])
def test_what_is_not_available_reads_as_the_stand_in(there) -> None:
    world = make_world(24)
    predictor = make_predictor("zero_fill", world)
    m = next(m for m in world.shape.modalities if m.name == "sound")
    absent = embed_sequences(predictor, "sound", zero_input(m, CPU), State.ABSENT)
    each = [torch.randn(4, m.width) if here else torch.zeros(0, m.width) for here in there]
    (found,) = embed_inputs(
        predictor, "sound", [ragged(*each)], torch.tensor(there), State.PRESENT, absent
    )
    for row, x in enumerate(each):
        expected = (
            embed_sequences(predictor, "sound", ragged(x), State.PRESENT) if len(x) else absent
        )
        torch.testing.assert_close(found[row], expected[0], rtol=1e-5, atol=1e-6)
