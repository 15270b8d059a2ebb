"""What reaches a prediction of absent features, and of the states themselves."""

from __future__ import annotations

import torch
from torch import Tensor

from merbench.audit.bench import Bench
from merbench.audit.corpora import with_garbage
from merbench.audit.predict import NOTHING_APART, TOLERANCE, Apart, predict, predict_under
from merbench.audit.verdict import Check, Finding, Number, verdict_of
from merbench.corruption.grid import Condition
from merbench.features.observation import Observation, ObservedModality, State
from merbench.methods.base import StateUse


class Blindness(Check[Bench]):
    """What is absent is not seen."""

    name = "blindness"
    proves = "features of a modality that is said to be absent reach no prediction"
    how = (
        "for each modality, its test features and their lengths are replaced by garbage in the "
        "corpus itself, and everything is predicted again: where the modality is absent (not "
        f"noised) no logit may move by more than {TOLERANCE} relative; where present some must"
    )

    def run(self, bench: Bench) -> Finding:
        """Replace one modality after the other."""
        bench.need_repeatable_predictions()
        evidence: dict[str, Number] = {"tolerance": TOLERANCE}
        total, seen_at_all, worst = NOTHING_APART, NOTHING_APART, ""
        conditions = self._conditions(bench)
        unseen = {State.ABSENT, *([State.NOISED] if _takes_noised_for_absent(bench) else [])}
        for index, name in enumerate(bench.corpus.names):
            spoilt = bench.prepared(with_garbage(bench.corpus, bench.fold.test, (name,))).evaluator
            absent = NOTHING_APART
            for condition in conditions:
                before, after = (
                    predict_under(on, condition, bench.fitted.method, bench.predictor)
                    for on in (bench.evaluator, spoilt)
                )
                if condition.inputs[index].state in unseen:
                    absent = absent + Apart.of(after, before)
                else:
                    seen_at_all = seen_at_all + Apart.of(after, before)
            evidence[f"{name}_flips"] = round(absent.share, 4)
            evidence[f"{name}_apart"] = absent.most
            if absent.most >= total.most:
                worst = name
            total = total + absent
        evidence["present_flips"] = round(seen_at_all.share, 4)
        if total.differs:
            text = (
                f"garbage in absent modalities flips {total.flips} of {total.rows} predictions "
                f"(most through {worst})"
            )
            return Finding("fail", text, evidence)
        if not seen_at_all.differs:
            text = "garbage changes nothing even where it is present: no feature reaches a logit"
            return Finding("note", text, evidence)
        text = (
            f"garbage moves no logit where it is absent; where present it flips "
            f"{seen_at_all.flips} of {seen_at_all.rows} predictions"
        )
        return Finding("pass", text, evidence)

    @staticmethod
    def _conditions(bench: Bench) -> tuple[Condition, ...]:
        """Return the patterns, and noise where the method is not to see what is noised."""
        if not _takes_noised_for_absent(bench):
            return bench.clean
        return tuple(c for c in bench.evaluator.grid.conditions if c.on != "present")


def _takes_noised_for_absent(bench: Bench) -> bool:
    return bench.fitted.method.config.noised_as == "absent"


class StateHonesty(Check[Bench]):
    """A method uses of the states what it says."""

    name = "state_honesty"
    proves = "what the method declares in `uses_states` is what its predictions depend on"
    how = (
        "the same features are shown under other states: present and noised exchanged (only `full` "
        "may notice), and absent exchanged with either (only `absence` and `full` may notice); "
        f"tolerance {TOLERANCE} relative"
    )

    def run(self, bench: Bench) -> Finding:
        """Exchange states."""
        bench.need_repeatable_predictions()
        use = bench.fitted.method.uses_states
        states = bench.whole.states
        noised = _exchanged(states, State.PRESENT, State.NOISED)
        absent = _rotated(states)
        # Who takes noised for absent is never told that something is noised.
        never = _takes_noised_for_absent(bench)
        kinds = NOTHING_APART if never else _told(bench, noised)
        absence = _told(bench, absent)
        evidence: dict[str, Number] = {
            "declared": use.value,
            "noised_flips": round(kinds.share, 4),
            "noised_apart": kinds.most,
            "absent_flips": round(absence.share, 4),
            "absent_apart": absence.most,
        }
        more = []
        if kinds.differs and use is not StateUse.FULL:
            more.append(f"present from noised ({kinds.flips} of {kinds.rows} predictions flip)")
        if absence.differs and use is StateUse.NOTHING:
            more.append(f"absent from present ({absence.flips} of {absence.rows} flip)")
        if more:
            text = f"declares {use.value!r} and tells {' and '.join(more)}"
            return Finding("fail", text, evidence)
        unused = (use is StateUse.FULL and not kinds.differs) or (
            use is StateUse.ABSENCE and not absence.differs
        )
        if unused:
            text = f"declares {use.value!r} and depends on less: nothing moved"
            return Finding("note", text, evidence)
        return Finding(verdict_of(False), f"depends on what it declares: {use.value!r}", evidence)


def _exchanged(states: Tensor, one: State, other: State) -> Tensor:
    """Return the states with `one` told as `other`, and the reverse, in every second column."""
    found = states.clone()
    columns = torch.arange(states.shape[1]) % 2 == 0
    found[(states == one) & columns] = int(other)
    return found


def _rotated(states: Tensor) -> Tensor:
    """Return present as absent and absent as present, in every second column."""
    found = states.clone()
    columns = torch.arange(states.shape[1]) % 2 == 0
    found[(states == State.PRESENT) & columns] = int(State.ABSENT)
    found[(states == State.ABSENT) & columns] = int(State.PRESENT)
    return found


def _told(bench: Bench, states: Tensor) -> Apart:
    """Compare predictions of the same features under other states with the true ones'."""
    modalities = {
        name: ObservedModality(seen.sequences, seen.rows, states[:, column])
        for column, (name, seen) in enumerate(bench.whole.modalities.items())
    }
    found = predict(bench.predictor, Observation(modalities, states))
    return Apart.of(found, bench.reference)
