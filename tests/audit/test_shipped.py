"""What the audit finds in the shipped methods; that they pass is in tests/testing."""

from __future__ import annotations

import pytest

from merbench.audit.audit import Audited, all_checks, audit_all
from merbench.audit.corpora import synthetic_ground
from merbench.audit.subject import subject_of


def audited(name: str) -> Audited:
    (found,) = audit_all([subject_of(name, {})], synthetic_ground(), all_checks(), jobs=2)
    return found


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_nmer_as_released_fails_where_its_code_does() -> None:
    found = {checked.check.name: checked.finding for checked in audited("nmer_released").checks}
    failed = {name for name, finding in found.items() if finding.verdict == "fail"}
    assert {"batch_independence", "determinism"} <= failed
    assert failed == {"batch_independence", "determinism", "liveness"}
    assert found["determinism"].evidence["flips"] > 0.05
    # Its latent has collapsed, which is nothing that was to be expected.
    assert found["liveness"].evidence["vae.mean: flips"] < 0.005


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_of_nmer_query_and_key_are_inert_as_expected_and_its_latent_is_alive() -> None:
    (liveness,) = [c.finding for c in audited("nmer").checks if c.check.name == "liveness"]
    inert = {name: said for name, said in liveness.evidence.items() if "inert;" in str(said)}
    assert {name.rpartition(".")[2] for name in inert} == {
        "query_key_weight",
        "query_key_bias",
        "log_variance",
    }
    assert not any("not expected" in str(said) for said in inert.values())
    assert liveness.evidence["vae.mean: flips"] > 0.1
