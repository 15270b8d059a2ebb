"""Whether the test part, or any label that should say nothing, reaches training."""

from __future__ import annotations

import numpy as np

from merbench.audit.bench import Bench
from merbench.audit.corpora import shuffled_labels, with_garbage
from merbench.audit.files import within
from merbench.audit.fitting import Pick
from merbench.audit.verdict import Check, Finding, NotApplicableError, Number, verdict_of
from merbench.corpus.normalise import ModalityNormaliser, frame_positions

# Standard errors above chance at which a score is taken for knowledge.
ERRORS = 3.0


def _known(bench: Bench, score: float) -> bool:
    return score > bench.chance + ERRORS * bench.chance_error


class SealedTest(Check[Bench]):
    """Training learns nothing from the test part."""

    name = "sealed_test"
    apart = True
    proves = "neither features nor labels of the test part are learnt from"
    how = (
        "the method trains again while the corpus, and all that a run holds in memory, has other "
        "test features, and again while it has test labels dealt out anew; with other features "
        "nothing learnt may change, and the new labels must stay at chance (mean recall within "
        f"{ERRORS:g} standard errors); and no file of the corpus may be opened while it trains"
    )

    def run(self, bench: Bench) -> Finding:
        """Train beside two canaries."""
        bench.need_repeatable_training()
        labels, features = bench.other_labels, bench.other_features
        evidence: dict[str, Number] = {
            "arrays": features.arrays,
            "changed_by_features": len(features.changed),
            "changed_by_labels": len(labels.changed),
            "score_on_new_labels": round(labels.score, 4),
            "chance": round(bench.chance, 4),
            "standard_error": round(bench.chance_error, 4),
        }
        read = [] if bench.path is None else within({*bench.short.opened}, bench.path)
        evidence["corpus_files_opened"] = len(read)
        if read:
            text = f"opens {len(read)} files of the corpus while it trains, first {read[0]}"
            return Finding("fail", text, evidence)
        if _known(bench, labels.score):
            text = (
                f"labels that were dealt out anew are known with a mean recall of "
                f"{labels.score:.2f}, chance is {bench.chance:.2f}"
            )
            return Finding("fail", text, evidence)
        # Where labels change what is learnt without being learnt, something was picked by them,
        # and features with it: that is the selection's matter.
        if features.changed and not labels.changed:
            text = (
                f"{len(features.changed)} of {features.arrays} learnt arrays depend on features "
                "of test utterances"
            )
            return Finding("fail", text, evidence)
        text = f"the new test labels are known with a mean recall of {labels.score:.2f} (chance)"
        if not features.changed:
            text = f"other test features change none of {features.arrays} learnt arrays; {text}"
        return Finding("pass", text, evidence)


class Selection(Check[Bench]):
    """What is picked is picked by the validation part."""

    name = "selection"
    apart = True
    proves = "epochs and settings are picked on validation, never on test"
    how = (
        "the method trains again while the test labels are dealt out anew: all that is learnt, and "
        "every picked epoch, must stay; a picked epoch must be the first with the best validation "
        "score on its curve"
    )

    def run(self, bench: Bench) -> Finding:
        """Train beside a canary, and recompute what should have been picked."""
        bench.need_repeatable_training()
        labels = bench.other_labels
        wrong = [pick for pick in bench.short.picks if pick.epoch != _best(pick)]
        evidence: dict[str, Number] = {
            "arrays": labels.arrays,
            "changed_by_labels": len(labels.changed),
            "picks": len(bench.short.picks),
            "picks_not_best": len(wrong),
        }
        for number, pick in enumerate(bench.short.picks, start=1):
            evidence[f"stage{number}_epoch"] = pick.epoch
            evidence[f"stage{number}_epochs"] = len(pick.curve)
        if wrong:
            pick = wrong[0]
            text = f"epoch {pick.epoch} was picked, epoch {_best(pick)} is the best by validation"
            return Finding("fail", text, evidence)
        if labels.changed and _known(bench, labels.score):
            raise NotApplicableError("test labels are learnt, not only picked by; see sealed_test")
        text = (
            f"other test labels change {len(labels.changed)} of {labels.arrays} learnt arrays"
            if labels.changed
            else "other test labels change nothing that is learnt"
        )
        if bench.short.picks:
            of = ", ".join(f"{p.epoch} of {len(p.curve)}" for p in bench.short.picks)
            text += f"; epochs picked: {of}"
        return Finding(verdict_of(bool(labels.changed)), text, evidence)


def _best(pick: Pick) -> int:
    scores = [getattr(epoch, pick.criterion) for epoch in pick.curve]
    return scores.index(max(scores)) + 1


class NormaliserOnTraining(Check[Bench]):
    """Features are scaled by training statistics alone."""

    name = "normaliser"
    apart = True
    proves = "features are normalised by statistics of the training part and of nothing else"
    how = (
        "mean and standard deviation of every kept column are taken again, straight from the raw "
        "training frames; then validation and test features become garbage in the corpus, and the "
        "normaliser must stay the same to the bit; with garbage in training it must not"
    )

    def run(self, bench: Bench) -> Finding:
        """Take statistics again."""
        own = bench.evaluator.corruptor.normaliser
        outside = np.concatenate([bench.fold.valid, bench.fold.test])
        garbage = [
            bench.prepared(
                with_garbage(bench.corpus, members, bench.corpus.names)
            ).evaluator.corruptor.normaliser
            for members in (outside, bench.fold.train)
        ]
        apart, changed, noticed = 0.0, 0, 0
        for index, modality in enumerate(bench.corpus.modalities):
            norm = own.modalities[index]
            frames = modality.values[frame_positions(modality, bench.fold.train)]
            raw = frames[:, norm.keep].astype(np.float64)
            for mine, theirs in (
                (np.nanmean(raw, 0), norm.mean),
                (np.nanstd(raw, 0), norm.sd),
            ):
                apart = max(apart, float(np.max(np.abs(mine - theirs) / norm.sd)))
            changed += _differs(norm, garbage[0].modalities[index])
            noticed += _differs(norm, garbage[1].modalities[index])
        evidence: dict[str, Number] = {
            "modalities": len(own.modalities),
            "apart": apart,
            "changed_by_validation_and_test": changed,
            "changed_by_training": noticed,
        }
        failed = apart > 1e-6 or changed > 0 or noticed < len(own.modalities)
        text = (
            f"{changed} of {len(own.modalities)} modalities are scaled by what is not training; "
            f"statistics differ by {apart:.1g} standard deviations from those of training"
            if failed
            else f"training statistics to {apart:.0g} standard deviations, and nothing else in them"
        )
        return Finding(verdict_of(failed), text, evidence)


def _differs(one: ModalityNormaliser, other: ModalityNormaliser) -> bool:
    return not (
        np.array_equal(one.keep, other.keep)
        and np.array_equal(one.mean, other.mean)
        and np.array_equal(one.sd, other.sd)
    )


class NoSignalFromNoise(Check[Bench]):
    """Labels that nothing can know are not known."""

    name = "chance"
    apart = True
    proves = "where labels have nothing to do with features, scores stay at chance"
    how = (
        "the labels of the whole corpus are dealt out anew among all utterances, the method trains "
        "in full, and its mean recall on the test part (complete pattern, and averaged over the "
        f"partial ones) must be within {ERRORS:g} standard errors of chance"
    )

    def run(self, bench: Bench) -> Finding:
        """Train on shuffled labels."""
        everyone = np.arange(len(bench.corpus))
        fold = bench.prepared(shuffled_labels(bench.corpus, everyone, "all"))
        found = bench.scores(bench.fit("full", fold), fold.evaluator)
        failed = _known(bench, max(found.complete, found.partial))
        evidence: dict[str, Number] = {
            "complete": round(found.complete, 4),
            "partial": round(found.partial, 4),
            "chance": round(bench.chance, 4),
            "standard_error": round(bench.chance_error, 4),
        }
        text = (
            f"mean recall {found.complete:.2f} complete and {found.partial:.2f} partial on labels "
            f"without meaning, where chance is {bench.chance:.2f} ± {bench.chance_error:.2f}"
        )
        return Finding(verdict_of(failed), text, evidence)
