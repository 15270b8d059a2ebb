import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from merbench.errors import ConfigError
from merbench.statistics.exchange import (
    exchange,
    signs_of,
    smallest_detectable_drop,
    smallest_p,
)

ALPHA = 0.05
TIE = 1e-9


def everywhere(effects):
    return np.ones(effects.shape, bool)


def p_of_all_exchanges(effects):
    """Adjusted p by going through every exchange, one at a time."""
    root = np.sqrt((effects**2).sum(axis=0))
    scaled = np.divide(effects, root, out=np.zeros_like(effects), where=root > 0)
    largest = [
        max(sum(sign * row[k] for sign, row in zip(signs, scaled, strict=True)) for k in range(K))
        for K in [effects.shape[1]]
        for signs in itertools.product((1.0, -1.0), repeat=len(effects))
    ]
    return np.array(
        [np.mean(np.array(largest) >= abs(own) - TIE) for own in scaled.sum(axis=0)],
    )


def is_dropped(found, alpha=ALPHA):
    return (found.value < 0) & (found.p <= alpha)


# Whole numbers tie often, which is where ranks go wrong.
tables = st.tuples(st.integers(1, 7), st.integers(1, 4)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.integers(-4, 4).map(float))
)
# Too few blocks, ties, and rules that lack blocks.
uneven_tables = tables.flatmap(
    lambda effects: st.tuples(
        st.just(effects), st.lists(st.integers(1, len(effects)), min_size=4, max_size=4)
    )
)
levels = st.sampled_from([0.01, 0.05, 0.2, 0.4])


def uneven(effects, numbers):
    there = np.arange(len(effects))[:, None] < np.array(numbers[: effects.shape[1]])
    return np.where(there, effects, 0), there


@given(tables)
@settings(deadline=None)
def test_p_is_that_of_every_exchange_gone_through(effects):
    found = exchange(effects, everywhere(effects))
    np.testing.assert_allclose(found.p, p_of_all_exchanges(effects), atol=1e-12)
    np.testing.assert_allclose(found.value, effects.sum(axis=0))


@given(uneven_tables, levels)
@settings(deadline=None, max_examples=50)
def test_bounds_leave_out_zero_exactly_where_p_is_at_most_alpha(case, alpha):
    effects, there = uneven(*case)
    found = exchange(effects, there, alpha)
    outside = (found.low > 0) | (found.high < 0)
    np.testing.assert_array_equal(outside, found.p <= alpha)
    assert (found.low <= found.value).all() and (found.value <= found.high).all()


@given(uneven_tables)
@settings(deadline=None, max_examples=50)
def test_two_runs_in_the_other_order_give_the_same_with_other_signs(case):
    effects, there = uneven(*case)
    found, turned = exchange(effects, there), exchange(-effects, there)
    np.testing.assert_array_equal(turned.p, found.p)
    np.testing.assert_allclose(turned.value, -found.value)
    np.testing.assert_allclose(turned.low, -found.high)
    np.testing.assert_allclose(turned.high, -found.low)


@given(uneven_tables, st.randoms(use_true_random=False), st.floats(1e-3, 1e3))
@settings(deadline=None, max_examples=50)
def test_neither_the_order_of_blocks_or_rules_nor_the_unit_matters(case, random, unit):
    effects, there = uneven(*case)
    blocks, rules = list(range(len(effects))), list(range(effects.shape[1]))
    random.shuffle(blocks)
    random.shuffle(rules)
    found = exchange(effects, there)
    moved = exchange(unit * effects[blocks][:, rules], there[blocks][:, rules])
    np.testing.assert_array_equal(moved.p, found.p[rules])
    np.testing.assert_allclose(moved.low, unit * found.low[rules], atol=1e-6 * unit)
    np.testing.assert_allclose(moved.high, unit * found.high[rules], atol=1e-6 * unit)


@given(uneven_tables)
@settings(deadline=None, max_examples=50)
def test_a_rule_without_effect_is_never_flagged_and_changes_no_other(case):
    effects, there = uneven(*case)
    nothing = np.zeros((len(effects), 1))
    found = exchange(effects, there)
    with_nothing = exchange(np.hstack([effects, nothing]), np.hstack([there, nothing == 0]))
    last = [with_nothing.value[-1], with_nothing.low[-1], with_nothing.high[-1]]
    assert last == [0, 0, 0]
    assert with_nothing.p[-1] == 1
    if (there.sum(axis=0) == len(there)).all():
        changed = found.value != 0  # without it, p is that of no more than 0
        np.testing.assert_array_equal(with_nothing.p[:-1][changed], found.p[changed])


@given(tables, st.integers(0, 3))
@settings(deadline=None)
def test_a_rule_named_twice_changes_no_p(effects, which):
    twice = np.hstack([effects, effects[:, [which % effects.shape[1]]]])
    found, again = exchange(effects, everywhere(effects)), exchange(twice, everywhere(twice))
    np.testing.assert_array_equal(again.p[:-1], found.p)


@given(tables)
@settings(deadline=None)
def test_more_rules_never_make_a_p_smaller(effects):
    alone = exchange(effects[:, :1], everywhere(effects[:, :1]))
    assert exchange(effects, everywhere(effects)).p[0] >= alone.p[0]


@pytest.mark.parametrize("blocks", [5, 7])
@pytest.mark.parametrize("alpha", [0.05, 0.1, 0.3])
def test_alarms_are_exactly_alpha_over_all_exchanges_of_any_effects(blocks, alpha):
    """Without ties, as many of the equally likely runs as can be are flagged, and no more."""
    effects = np.random.default_rng(blocks).standard_t(2, (blocks, 6))
    alarms = [
        is_dropped(exchange(np.array(signs)[:, None] * effects, everywhere(effects), alpha), alpha)
        for signs in itertools.product((1, -1), repeat=blocks)
    ]
    assert np.any(alarms, axis=1).sum() == int(alpha * 2**blocks)


@given(uneven_tables, levels)
@settings(deadline=None, max_examples=25)
def test_alarms_are_never_more_than_alpha_whatever_ties_or_lacks_blocks(case, alpha):
    effects, there = uneven(*case)
    alarms = [
        is_dropped(exchange(np.array(signs)[:, None] * effects, there, alpha), alpha).any()
        for signs in itertools.product((1.0, -1.0), repeat=len(effects))
    ]
    assert np.mean(alarms) <= alpha


def luck(rng, blocks=15, rules=30, methods=2):
    """Effects of correlated rules, with heavy tails; folds and methods differ in their luck."""
    common = rng.standard_t(3, (blocks, methods)) * rng.uniform(0.3, 3, (blocks, 1))
    own = rng.standard_normal((blocks, rules)) * rng.uniform(0.1, 2, rules)
    return np.repeat(common, rules // methods, axis=1) + own


def test_alarms_of_equal_runs_are_alpha_where_signs_are_drawn():
    rng, times = np.random.default_rng(0), 600
    alarms = 0
    for _ in range(times):
        effects = luck(rng)
        effects *= rng.choice([-1, 1], (len(effects), 1))
        alarms += is_dropped(exchange(effects, everywhere(effects), draws=2_000)).any()
    low, high = stats.binom.interval(0.99, times, ALPHA)
    assert low <= alarms <= high


def test_a_drop_beyond_all_luck_is_flagged_in_its_rule_alone():
    effects = np.random.default_rng(1).normal(0, 1, (15, 8))
    effects[:, 3] -= 5
    found = exchange(effects, everywhere(effects))
    assert is_dropped(found).tolist() == [k == 3 for k in range(8)]


def test_a_rule_with_the_fewest_blocks_is_still_flagged_among_rules_with_more():
    """Its statistic ends at the root of 5, which the largest of the others exceeds by luck."""
    effects = np.random.default_rng(2).normal(0, 1, (15, 8))
    there = everywhere(effects)
    there[5:, 0] = False
    effects[:, 0] = np.where(there[:, 0], -8 - 0.1 * effects[:, 0], 0)
    assert is_dropped(exchange(effects, there))[0]


def test_alarms_are_nearly_alpha_where_rules_have_blocks_of_other_numbers():
    """Exchanges of blocks that a rule lacks tie, so that some of the share may stay unused."""
    effects, there = uneven(np.random.default_rng(6).standard_normal((7, 4)), [7, 7, 5, 6])
    alarms = [
        is_dropped(exchange(np.array(signs)[:, None] * effects, there, 0.3), 0.3).any()
        for signs in itertools.product((1, -1), repeat=7)
    ]
    assert 0.27 <= np.mean(alarms) <= 0.3


def test_one_rule_has_the_bounds_of_students_t_where_blocks_are_many():
    effects = np.random.default_rng(3).normal(-0.1, 1, (200, 1))
    found = exchange(effects, everywhere(effects))
    half = stats.t.ppf(1 - ALPHA, 199) * effects.std(ddof=1) * np.sqrt(200)
    assert found.high[0] - found.value[0] == pytest.approx(half, rel=0.05)


@pytest.mark.parametrize("blocks", [1, 2, 3, 4])
def test_too_few_blocks_flag_nothing_and_have_no_bounds(blocks):
    effects = -np.ones((blocks, 2))
    found = exchange(effects, everywhere(effects))
    assert found.p == pytest.approx(smallest_p(blocks))
    assert not is_dropped(found).any()
    assert np.isinf(found.low).all() and np.isinf(found.high).all()


def test_five_blocks_are_the_fewest_that_can_flag():
    effects = -np.ones((5, 1)) - 0.1 * np.arange(5)[:, None]
    assert is_dropped(exchange(effects, everywhere(effects))).all()
    assert smallest_p(5) <= ALPHA < smallest_p(4)


def test_all_signs_are_used_where_they_are_few():
    assert {tuple(row) for row in signs_of(4)} == set(itertools.product((1.0, -1.0), repeat=4))


def test_drawn_signs_are_frozen_and_symmetric_and_hold_the_unexchanged_row():
    signs = signs_of(30, 1_000)
    assert signs.shape == (1_000, 30)
    assert (signs[0] == 1).all()
    np.testing.assert_array_equal(signs, signs_of(30, 1_000))
    np.testing.assert_array_equal(signs[500:], -signs[:500])


def test_one_draw_is_refused():
    with pytest.raises(ConfigError, match="two at least"):
        signs_of(30, 1)


@pytest.mark.parametrize("power", [0.5, 0.8, 0.95])
def test_the_smallest_detectable_drop_of_one_rule_has_the_power_of_a_t_test(power):
    null = np.random.default_rng(4).standard_normal((20, 1))
    drop = smallest_detectable_drop(null, everywhere(null), ALPHA, power)[0]
    noncentral = drop / np.sqrt((null**2).sum())
    critical = stats.t.ppf(1 - ALPHA, 19)
    assert stats.nct.sf(critical, 19, noncentral) == pytest.approx(power, abs=0.03)


def test_the_smallest_detectable_drop_is_found_as_often_as_it_says():
    """Many correlated rules, of which one drops: by simulation of the test itself."""
    rng, times, found = np.random.default_rng(5), 300, 0
    sds = np.array([1.0, 0.5, 2.0, 1.0, 1.0])
    null = np.sqrt(1 / 15) * sds * rng.standard_normal((15, 5))
    null *= sds / np.sqrt((null**2).sum(axis=0))
    drop = smallest_detectable_drop(null, everywhere(null), draws=2_000)[2]
    for _ in range(times):
        effects = rng.normal(0, np.sqrt(1 / 15), (15, 5)) * sds
        effects[:, 2] -= drop / 15
        found += is_dropped(exchange(effects, everywhere(effects), draws=2_000))[2]
    assert found / times == pytest.approx(0.8, abs=0.08)


def test_nothing_is_detectable_with_too_few_blocks():
    null = np.ones((4, 3))
    assert np.isinf(smallest_detectable_drop(null, everywhere(null))).all()
