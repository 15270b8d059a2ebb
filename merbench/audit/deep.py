"""The audit of a corpus: faults that no single file shows, found by what the data say together."""

from __future__ import annotations

import hashlib
import itertools
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from merbench.audit.corpora import folds_of
from merbench.audit.probes import Pooled, probe, related
from merbench.audit.verdict import Check, Checked, Finding, NotApplicableError, Number
from merbench.corpus.corpus import Corpus
from merbench.corpus.folds import PARTS, Fold

# Folds that a probe is trained for, at most.
_MOST_FOLDS = 5
_GAP_ERRORS, _GAP = 4.0, 0.05
# Standard deviations of the order that chance makes: below, nothing is seen to belong together;
# above, something is.
_LOOSE, _TIGHT = 3.0, 6.0


@dataclass(frozen=True)
class CorpusBench:
    """A corpus and its folds, and what its modalities come to over time."""

    corpus: Corpus
    folds: tuple[Fold, ...]

    @cached_property
    def pooled(self) -> Pooled:
        """A few numbers an utterance and modality."""
        return Pooled.of(self.corpus)


class Duplicates(Check[CorpusBench]):
    """The same utterance under two ids."""

    name = "duplicates"
    proves = "no utterance stands in two parts of a fold under different ids"
    how = "utterances whose features agree to the bit in every modality that they have"

    def run(self, bench: CorpusBench) -> Finding:
        """Compare digests."""
        corpus = bench.corpus
        groups = [g for g in _equal(corpus).values() if len(g) > 1]
        owner = {u: number for number, g in enumerate(groups) for u in g}
        contradicting = sum(len(set(corpus.labels[g].tolist())) > 1 for g in groups)
        evidence: dict[str, Number] = {
            "duplicates": sum(len(g) - 1 for g in groups),
            "with_different_labels": contradicting,
        }
        worst, pair = 0, ""
        for fold in bench.folds:
            for one, other in itertools.combinations(PARTS, 2):
                first, second = (
                    {owner[u] for u in getattr(fold, part).tolist() if u in owner}
                    for part in (one, other)
                )
                if len(first & second) > worst:
                    worst, pair = len(first & second), f"{one} and {other} of fold {fold.name}"
        evidence["across_parts"] = worst
        if worst:
            text = f"{worst} utterances stand in both {pair} under different ids"
            return Finding("fail", f"{text} ({_names(corpus, groups)})", evidence)
        if groups:
            text = f"duplicates: {evidence['duplicates']}, none across the parts of a fold"
            return Finding("note", f"{text} ({_names(corpus, groups)})", evidence)
        return Finding("pass", "no two utterances are the same", evidence)


def _equal(corpus: Corpus) -> dict[bytes, list[int]]:
    found: dict[bytes, list[int]] = defaultdict(list)
    for u in range(len(corpus)):
        sha, says = hashlib.blake2b(digest_size=16), False
        for modality in corpus.modalities:
            sequence = modality.sequence(u)
            sha.update(f"{len(sequence)} ".encode())
            sha.update(np.ascontiguousarray(sequence).tobytes())
            # A sequence of equal values is what an extractor leaves where it found nothing.
            says = says or bool(len(sequence) and np.nanmax(sequence) > np.nanmin(sequence))
        if says:
            found[sha.digest()].append(u)
    return found


def _names(corpus: Corpus, groups: Sequence[Sequence[int]]) -> str:
    return "first " + " = ".join(corpus.utterances[u] for u in groups[0][:2])


class Overlap(Check[CorpusBench]):
    """Speakers, sessions and dialogues in two parts."""

    name = "overlap"
    proves = "training and validation share no speaker, session or dialogue with test"
    how = "groups that training or validation share with test, in the folds that the corpus gives"

    def run(self, bench: CorpusBench) -> Finding:
        """Count."""
        groups = bench.corpus.groups
        if not groups:
            raise NotApplicableError("neither speakers nor sessions nor dialogues are known")
        evidence: dict[str, Number] = {}
        for name, column in groups.items():
            for part in ("train", "valid"):
                shared = [
                    len({*column[getattr(f, part)].tolist()} & {*column[f.test].tolist()})
                    for f in bench.folds
                ]
                evidence[f"{part}/test {name}"] = max(shared)
        found = [f"{most} ({what})" for what, most in evidence.items() if most]
        if not found:
            return Finding("pass", f"no {' or '.join(groups)} is in test and elsewhere", evidence)
        verdict = "fail" if evidence.get("train/test speaker") else "note"
        text = f"shared between parts, at most: {', '.join(found)}"
        return Finding("fail" if verdict == "fail" else "note", text, evidence)


class LabelledFeatures(Check[CorpusBench]):
    """Features made by something that was trained on these labels."""

    name = "labelled_features"
    proves = "no features were made by something that was trained on the labels of training"
    how = (
        "a linear probe for each modality, cross-validated by speaker inside the training part, "
        "and trained on it for the test part: both meet speakers they do not know, so the first "
        f"may not be better by more than {_GAP_ERRORS:g} standard errors and {_GAP:.0%}"
    )

    def run(self, bench: CorpusBench) -> Finding:
        """Probe."""
        evidence: dict[str, Number] = {}
        worst, text = 0.0, ""
        for name in bench.corpus.names:
            for fold in bench.folds[:_MOST_FOLDS]:
                found = probe(bench.corpus, bench.pooled.of_modality[name], fold)
                key = f"{name}, fold {fold.name}"
                evidence[f"{key}: inside training"] = round(found.inside, 4)
                evidence[f"{key}: test"] = round(found.test, 4)
                evidence[f"{key}: errors"] = round(found.errors, 2)
                if found.inside - found.test > _GAP and found.errors > max(worst, _GAP_ERRORS):
                    worst = found.errors
                    text = (
                        f"{name} tells the class of {found.inside:.0%} inside the training part of "
                        f"fold {fold.name} and of {found.test:.0%} in its test part, "
                        f"{found.errors:.1f} standard errors apart: features trained on labels?"
                    )
        if text:
            return Finding("fail", text, evidence)
        most = max(float(v) for k, v in evidence.items() if k.endswith("errors"))
        text = f"training is at most {most:.1f} standard errors easier to tell than test"
        return Finding("pass", text, evidence)


class ShuffledJoin(Check[CorpusBench]):
    """Rows of a modality that belong to other utterances."""

    name = "shuffled_join"
    proves = "the rows of every modality belong to the utterances that they stand for"
    how = (
        "canonical correlation between modalities, and of each with the labels, within speakers, "
        "in standard deviations of what permuted rows give; and whether a modality fits the others "
        "better with its rows sorted by id, reversed, or moved by one"
    )

    def run(self, bench: CorpusBench) -> Finding:
        """Relate modalities."""
        corpus, pooled = bench.corpus, bench.pooled
        evidence: dict[str, Number] = {}
        ties: dict[str, float] = dict.fromkeys(corpus.names, -np.inf)
        for one, other in itertools.combinations((*corpus.names, "label"), 2):
            tie = related(pooled.columns(one), pooled.columns(other), pooled.groups)
            evidence[f"{one} and {other}"] = round(tie, 2)
            for name in {one, other} & set(ties):
                ties[name] = max(ties[name], tie)
        for name in corpus.names:
            better = self._better_order(pooled, name, evidence)
            if better:
                text = f"{name} fits the others when its rows are {better}"
                return Finding("fail", f"{text}, and not as they stand", evidence)
        loose = [name for name, tie in ties.items() if tie < _LOOSE]
        if loose:
            text = f"{', '.join(loose)} goes with no other modality and not with the labels"
            return Finding("fail" if max(ties.values()) > _TIGHT else "note", text, evidence)
        text = f"every modality goes with others or the labels, by {min(ties.values()):.1f} or more"
        return Finding("pass", f"{text} standard deviations", evidence)

    @staticmethod
    def _better_order(pooled: Pooled, name: str, evidence: dict[str, Number]) -> str:
        others = [other for other in pooled.of_modality if other != name]
        everything = np.concatenate([pooled.columns(other) for other in (*others, "label")], 1)
        as_it_is = related(pooled.columns(name), everything, pooled.groups)
        for how, rows in pooled.orders.items():
            tie = related(pooled.columns(name)[rows], everything, pooled.groups)
            evidence[f"{name} {how}"] = round(tie, 2)
            if tie > _TIGHT and tie > 2 * max(as_it_is, 1.0):
                return how
        return ""


CORPUS_CHECKS: tuple[Check[CorpusBench], ...] = (
    Duplicates(),
    Overlap(),
    LabelledFeatures(),
    ShuffledJoin(),
)


def audit_corpus(corpus: Corpus) -> tuple[Checked, ...]:
    """Look for every fault in a corpus.

    Raises:
        CorpusError: it cannot be divided.
    """
    bench, found = CorpusBench(corpus, folds_of(corpus)), []
    for check in CORPUS_CHECKS:
        started = time.perf_counter()
        try:
            finding = check.run(bench)
        except NotApplicableError as error:
            finding = Finding("not applicable", str(error), {})
        found.append(Checked(check, finding, time.perf_counter() - started))
    return tuple(found)
