"""The identity of the protocol that a plan tests under."""

from __future__ import annotations

from merbench.execution.plan import Plan
from merbench.store.identity import Identity, digest_of, digest_of_conditions


def identity_of(plan: Plan, draws: str | None = None) -> Identity:
    """Return what decides whether predictions compare with those of a plan.

    Args:
        plan: what is tested.
        draws: its draws hash, where the caller has it already.
    """
    protocol = plan.protocol
    return Identity(
        corpus=protocol.corpus.fingerprint,
        conditions=digest_of_conditions(plan.conditions),
        count=len(plan.conditions),
        noises={
            label: digest_of([type(noise).__qualname__, noise.config.model_dump(mode="json")])
            for label, noise in protocol.grid.noises.items()
        }
        | {c.label: digest_of(["missing", *c.weights]) for c in protocol.grid.missing},
        draws=draws or plan.draws_hash(),
        folds={fold.name: fold.key for fold in plan.folds},
        missing_rate=plan.suite.train_missing_rate,
    )
