"""The cascades against numpy on their own, and the forms they refuse to mix."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from merbench.methods.parts.imagination import Cascade
from tests.methods import oracle

WIDTH = 24


class Holder(nn.Module):
    """Gives a cascade the name the oracle looks for."""

    def __init__(self, form) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.imagine = Cascade(WIDTH, form)


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("residual", lambda w, h, s: oracle.mmin_cascade(w, h)),
        ("invariant", oracle.if_mmin_cascade),
        ("invariant_2022", oracle.if_mmin_cascade_2022),
    ],
)
def test_a_cascade_is_the_papers_recursion(form, expected) -> None:
    holder = Holder(form)
    h, s = torch.randn(2, 7, WIDTH)
    with torch.no_grad():
        found = holder.imagine(h) if form == "residual" else holder.imagine(h, s)
    reconstruction, code = expected(oracle.Weights(holder), h.double().numpy(), s.double().numpy())
    np.testing.assert_allclose(found.reconstruction, reconstruction, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found.code, code, rtol=1e-4, atol=1e-5)
    assert found.code.shape == (7, 320)


@pytest.mark.parametrize(
    ("form", "decoded"), [("residual", 4), ("invariant", 4), ("invariant_2022", 0)]
)
def test_codes_alone_are_the_same_and_decode_no_more_than_they_need(form, decoded) -> None:
    cascade = Holder(form).imagine
    h, s = torch.randn(2, 7, WIDTH)
    given = (h,) if form == "residual" else (h, s)
    with torch.no_grad():
        whole = cascade(*given).code
        ran = []
        for module in [cascade.transition, *(a.decoder for a in cascade.autoencoders)]:
            module.register_forward_hook(lambda module, *_: ran.append(module))
        assert torch.equal(cascade.codes(*given), whole)
    assert len(ran) == decoded
    assert cascade.transition not in ran


@pytest.mark.parametrize(("form", "given"), [("residual", True), ("invariant", False)])
def test_invariant_features_go_with_the_invariant_forms_alone(form, given) -> None:
    h = torch.zeros(1, WIDTH)
    with pytest.raises(ValueError, match="do not go together"):
        Cascade(WIDTH, form)(h, h if given else None)
