"""The audit of a run's methods, as `merbench audit --run` leaves it beside the run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from merbench.errors import ConfigError

AUDIT = "audit.json"
FORMAT = 1
Verdict = Literal["pass", "fail", "note", "not applicable"]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True)


class AuditedCheck(_Record):
    """What one check found.

    Attributes:
        check: its name.
        verdict: `fail` breaks the protocol; `note` is for the reader to judge.
        summary: one sentence with the figures that decide.
        proves: what holds where it passes.
        docs: where the guide explains it.
    """

    check: str
    verdict: Verdict
    summary: str
    proves: str
    docs: str


class AuditedMethod(_Record):
    """What the checks found of one method.

    Attributes:
        label: of the method in the run.
        corpus: name of what it was tested on.
        code: digest of the method's and the harness's code, and of its settings.
        checks: in the order of the table.
    """

    label: str
    corpus: str
    code: str
    checks: tuple[AuditedCheck, ...]

    @property
    def failed(self) -> tuple[AuditedCheck, ...]:
        """The checks that fail."""
        return tuple(check for check in self.checks if check.verdict == "fail")


class Audits(_Record):
    """The audited methods of a run."""

    format: Literal[1]
    methods: tuple[AuditedMethod, ...]

    def limits(self, code: Mapping[str, Any], shown: Mapping[str, str]) -> Iterator[str]:
        """Yield what a reader of the scores must know, one sentence for each method with a flaw.

        Args:
            code: digest of each method's code and settings, as the run had them.
            shown: label -> how the method is shown.
        """
        for method in self.methods:
            if method.label not in shown:
                continue
            name = shown[method.label]
            if method.failed:
                names = ", ".join(check.check for check in method.failed)
                yield (
                    f"{name} breaks the protocol ({names}; see Audit): its scores do not compare "
                    "with the others'."
                )
            if code.get(method.label, method.code) != method.code:
                yield f"{name} has changed since it was audited: run the audit again."


def audit_text(audits: list[Mapping[str, Any]]) -> str:
    """Return the file's content.

    Args:
        audits: plain data of `AuditedMethod`s; what else they hold is left out.
    """
    found = Audits.model_validate({"format": FORMAT, "methods": tuple(audits)}, strict=False)
    return found.model_dump_json(indent=1) + "\n"


def read_audits(directory: Path) -> Audits | None:
    """Return the audit of a run, None where there is none.

    Raises:
        ConfigError: the file is not one of ours.
    """
    path = directory / AUDIT
    if not path.is_file():
        return None
    try:
        return Audits.model_validate_json(path.read_bytes())
    except (ValidationError, OSError) as error:
        what = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error.strerror
        raise ConfigError(
            f"{path}: not an audit of merbench ({what}); `merbench audit --run {directory}` writes "
            "one"
        ) from error
