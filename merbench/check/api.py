"""The gate for programs: a run's folder and a reference's file in, the outcome out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from merbench.analysis.build import metrics_of
from merbench.analysis.facts import read_record
from merbench.check.gate import check
from merbench.check.reference import Reference, gate_of_run, reference_of_run
from merbench.check.reference_file import load_reference
from merbench.check.verdicts import Checked
from merbench.suite.gate import read_gate


class Held(NamedTuple):
    """A run that was held against a reference.

    Attributes:
        checked: the outcome.
        run: what was checked.
        reference: what it was held against.
    """

    checked: Checked
    run: Reference
    reference: Reference


def check_run(
    run: Path, reference: Path, tolerances: Path | None = None, methods: Sequence[str] = ()
) -> Held:
    """Hold a run against a reference, in the metrics of its suite.

    Args:
        run: folder of the run.
        reference: a file that `merbench check RUN --save-reference FILE` wrote, or another run.
        tolerances: a YAML file of them; those of the run's suite where left out.
        methods: labels of those to check; all where empty.

    Raises:
        NotComparableError: the protocols differ, naming how.
        IncompleteError: the run or the reference has holes.
        ConfigError: anything else that is wrong with them.
    """
    current, before = reference_of_run(run), load_reference(reference)
    record = read_record(run)
    checked = check(
        current,
        before,
        metrics_of(record),
        read_gate(tolerances) if tolerances else gate_of_run(record, run),
        methods=methods,
        names=(str(run), str(reference)),
    )
    return Held(checked, current, before)
