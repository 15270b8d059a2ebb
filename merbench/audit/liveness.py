"""Whether the components of a method do anything for its predictions."""

from __future__ import annotations

from merbench.audit.bench import Bench
from merbench.audit.components import Components, look
from merbench.audit.expected import expected_inert
from merbench.audit.verdict import Check, Finding, Number

_SHOWN = 4
# A share of flips that no score could show; a collapsed latent still flips one now and then.
_DEAD = 0.005


class Liveness(Check[Bench]):
    """Every component is worth something."""

    name = "liveness"
    proves = "each component's output, and each parameter, can move a prediction"
    how = (
        "under every pattern, the output of one component after the other goes to the utterance "
        "half a part away: where fewer than 1 in 200 predictions flip it is dead weight; a "
        "parameter tensor is inert where no logit has a gradient in it; what does not run at "
        "test (parts of the training loss) is listed"
    )

    def run(self, bench: Bench) -> Finding:
        """Exchange outputs, and take gradients."""
        bench.need_repeatable_predictions()
        found = look(bench)
        dead = [name for name, apart in found.exchanged.items() if apart.share < _DEAD]
        lifeless = [*dead, *(n for n in found.inert if not _inside(n, dead))]
        reasons = {name: expected_inert(bench.fitted.method, name) for name in lifeless}
        unexpected = [name for name, reason in reasons.items() if not reason]
        evidence = _evidence(found, reasons)
        alive = len(found.exchanged) - len(dead)
        if unexpected:
            more = len(unexpected) - _SHOWN
            text = f"dead weight: {', '.join(unexpected[:_SHOWN])}"
            text += f" and {more} more" if more > 0 else ""
            return Finding("fail", f"{text}; {alive} components are alive", evidence)
        text = f"{alive} components are alive"
        if reasons:
            text += f"; inert as expected: {'; '.join(sorted(set(reasons.values())))}"
        if found.idle:
            text += f"; not run at test: {', '.join(found.idle[:_SHOWN])}"
            text += " ..." if len(found.idle) > _SHOWN else ""
        return Finding("pass", text, evidence)


def _inside(name: str, components: list[str]) -> bool:
    return name.startswith(tuple(f"{component}." for component in components))


def _evidence(found: Components, reasons: dict[str, str]) -> dict[str, Number]:
    evidence: dict[str, Number] = {
        f"{name}: flips": round(apart.share, 4) for name, apart in found.exchanged.items()
    }
    evidence |= {name: f"inert; {why or 'not expected'}" for name, why in reasons.items()}
    evidence |= dict.fromkeys(found.idle, "not run at test")
    evidence["inert_parameters"] = found.inert_parameters
    return evidence
