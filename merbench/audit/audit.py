"""The audit: every check on one method."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import joblib

from merbench.audit.bench import Bench
from merbench.audit.company import BatchIndependence, PaddingIndependence
from merbench.audit.corpora import Ground
from merbench.audit.cost import Cost
from merbench.audit.leaks import NormaliserOnTraining, NoSignalFromNoise, SealedTest, Selection
from merbench.audit.learning import Capacity, SeedSensitivity
from merbench.audit.liveness import Liveness
from merbench.audit.repeat import Determinism
from merbench.audit.scoring import ScoredOnce
from merbench.audit.states import Blindness, StateHonesty
from merbench.audit.subject import Subject
from merbench.audit.verdict import Check, Checked, Finding, NotApplicableError, Number
from merbench.errors import MerbenchError
from merbench.execution.keys import code_of
from merbench.execution.tasks import cpu_threads


class Trains(Check[Bench]):
    """A method trains and predicts at all."""

    name = "trains"
    proves = "the method trains on the corpus, and predicts"
    how = "it is trained in full, as in a run; nothing else can be asked of one that is not"

    def run(self, bench: Bench) -> Finding:
        """Train, and name what went wrong."""
        try:
            fitted = bench.fitted
        except Exception as error:  # whatever a third party's training does
            return _raised(error)
        evidence: dict[str, Number] = {
            "seconds": round(fitted.seconds, 3),
            "arrays": len(fitted.learnt),
        }
        return Finding("pass", f"trained in {fitted.seconds:.1f} s", evidence)


def all_checks(claimed_gain: float | None = None) -> tuple[Check[Bench], ...]:
    """Return every check, in the order of the table.

    Args:
        claimed_gain: of mean recall, 0 to 1, that the spread over seeds is held against.
    """
    return (
        Trains(),
        ScoredOnce(),
        BatchIndependence(),
        PaddingIndependence(),
        Determinism(),
        Blindness(),
        StateHonesty(),
        NormaliserOnTraining(),
        SealedTest(),
        Selection(),
        Capacity(),
        NoSignalFromNoise(),
        SeedSensitivity(claimed_gain),
        Liveness(),
        Cost(),
    )


@dataclass(frozen=True)
class Audited:
    """What an audit found.

    Attributes:
        label: of the method.
        method: its name or import path.
        code: digest of its code and settings, as a run notes it.
        corpus: the name of what it was tested on.
        utterances: of training, validation and test.
        checks: in the order of the table.
    """

    label: str
    method: str
    code: str
    corpus: str
    utterances: tuple[int, int, int]
    checks: tuple[Checked, ...]

    @property
    def failed(self) -> tuple[Checked, ...]:
        """The checks that fail."""
        return tuple(c for c in self.checks if c.finding.verdict == "fail")

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "label": self.label,
            "method": self.method,
            "code": self.code,
            "corpus": self.corpus,
            "utterances": dict(zip(("train", "valid", "test"), self.utterances, strict=True)),
            "passed": not self.failed,
            "checks": [checked.to_json() for checked in self.checks],
        }


def audit(subject: Subject, ground: Ground, checks: Sequence[Check[Bench]]) -> Audited:
    """Run checks on a method, in this process."""
    (found,) = audit_all([subject], ground, checks, jobs=1)
    return found


def audit_all(
    subjects: Sequence[Subject], ground: Ground, checks: Sequence[Check[Bench]], jobs: int
) -> Iterator[Audited]:
    """Run checks on several methods, and yield what is found method by method.

    Args:
        subjects: the methods.
        ground: what they are tested on.
        checks: in the order of the table.
        jobs: processes; with more than one, a method's checks are shared between two.
    """
    shares = [list(checks)]
    if jobs > 1:
        shares = [[c for c in checks if c.apart == apart] for apart in (False, True)]
    shares = [share for share in shares if share]
    parallel = joblib.Parallel(n_jobs=jobs, return_as="generator", batch_size=1)
    done = parallel(
        joblib.delayed(_checked)(subject, ground, share) for subject in subjects for share in shares
    )
    order = [check.name for check in checks]
    for subject in subjects:
        found = [checked for _ in shares for checked in next(done)]
        found.sort(key=lambda checked: order.index(checked.check.name))
        yield _audited(subject, ground, found)


def _audited(subject: Subject, ground: Ground, found: Sequence[Checked]) -> Audited:
    if any(isinstance(c.check, Trains) and c.finding.verdict == "fail" for c in found):
        blocked = Finding("not applicable", "the method could not be trained", {})
        found = [c if isinstance(c.check, Trains) else replace(c, finding=blocked) for c in found]
    fold = ground.fold
    sizes = (len(fold.train), len(fold.valid), len(fold.test))
    code, corpus = code_of(subject.build()), ground.corpus.name
    return Audited(subject.label, subject.name, code, corpus, sizes, tuple(found))


def _checked(subject: Subject, ground: Ground, checks: Sequence[Check[Bench]]) -> list[Checked]:
    """Run some checks on a bench of their own."""
    bench = Bench(subject, ground)
    found = []
    with cpu_threads(1):
        for check in checks:
            started = time.perf_counter()
            finding = find(check, bench)
            found.append(Checked(check, finding, time.perf_counter() - started))
    return found


def find(check: Check[Bench], bench: Bench) -> Finding:
    """Run one check; what a method raises in it makes it fail."""
    try:
        return check.run(bench)
    except NotApplicableError as error:
        return Finding("not applicable", str(error), {})
    except Exception as error:  # whatever a third party's method does under test
        return _raised(error)


def _raised(error: Exception) -> Finding:
    kind = type(error).__name__
    text = str(error) if isinstance(error, MerbenchError) else f"{kind}: {error}"
    return Finding("fail", text, {"error": kind})
