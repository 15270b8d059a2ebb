import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from merbench.statistics.corrections import benjamini_hochberg, holm

ORACLES = {"holm": holm, "fdr_bh": benjamini_hochberg}
PS = st.lists(st.floats(0, 1), min_size=1, max_size=30)


@pytest.mark.parametrize("name", ORACLES)
@given(ps=PS)
def test_agrees_with_statsmodels(name, ps):
    found, told = ORACLES[name](ps), multipletests(ps, method=name)[1]
    # Below the smallest normal number a float has fewer digits than are compared.
    np.testing.assert_allclose(found, told, rtol=1e-12, atol=np.finfo(float).tiny)


@pytest.mark.parametrize("name", ORACLES)
@given(ps=PS)
def test_adjusting_never_lowers_and_keeps_the_order(name, ps):
    adjusted = ORACLES[name](ps)
    assert (adjusted >= ps).all()
    assert (adjusted <= 1).all()
    assert (np.diff(adjusted[np.argsort(ps)]) >= 0).all()


@pytest.mark.parametrize("adjust", ORACLES.values())
def test_nan_passes_through_and_is_no_test(adjust):
    found = adjust([0.01, np.nan, 0.04])
    assert np.isnan(found[1])
    np.testing.assert_allclose(found[[0, 2]], adjust([0.01, 0.04]))


@pytest.mark.parametrize("adjust", ORACLES.values())
def test_shape_is_kept_and_input_is_not_changed(adjust):
    p = np.array([[0.01, 0.2], [0.03, 0.5]])
    before = p.copy()
    np.testing.assert_array_equal(adjust(p).ravel(), adjust(p.ravel()))
    np.testing.assert_array_equal(p, before)
    assert adjust([]).shape == (0,)


def test_hand_values():
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03]), [0.03, 0.06, 0.06])
    np.testing.assert_allclose(benjamini_hochberg([0.01, 0.04, 0.03]), [0.03, 0.04, 0.04])
