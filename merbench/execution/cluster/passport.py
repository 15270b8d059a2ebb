"""What a worker must have in common with the run: results depend on code and on versions."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from merbench.code_version import class_digest, harness_digest
from merbench.execution import provenance
from merbench.execution.engine import Task, Work

_SHOWN = 3


@dataclass(frozen=True)
class Passport:
    """What results depend on in a process.

    Attributes:
        versions: package -> version.
        harness: digest of the harness's code.
        classes: `module:Class` of methods, stages and noises -> digest of their code; what cannot
            be imported has the reason in its place.
    """

    versions: dict[str, str]
    harness: str
    classes: dict[str, str]

    def differences(self, worker: Passport) -> list[str]:
        """Say where a worker's differs, in words; nothing where it does not."""
        found = [
            f"{name} {worker.versions.get(name, 'is missing')} instead of {version}"
            for name, version in self.versions.items()
            if worker.versions.get(name) != version
        ]
        if worker.harness != self.harness:
            found.append(f"merbench's code is {worker.harness[:12]} instead of {self.harness[:12]}")
        found += [
            f"{name} {_differs(worker.classes.get(name, 'is not known'), digest)}"
            for name, digest in self.classes.items()
            if worker.classes.get(name) != digest
        ]
        return found


def _differs(found: str, digest: str) -> str:
    same_form = len(found) == len(digest) and " " not in found
    return f"has other code ({found[:12]} instead of {digest[:12]})" if same_form else found


def passport(classes: Sequence[str]) -> Passport:
    """Return this process's; plain text goes in, so that any merbench can answer."""
    return Passport(
        provenance.versions(), harness_digest(), {name: _digest(name) for name in classes}
    )


def _digest(name: str) -> str:
    module, _, attribute = name.partition(":")
    try:
        found = importlib.import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
        return class_digest(found)
    except Exception as error:  # third parties' modules run when they are imported
        return f"cannot be imported ({type(error).__name__}: {error})"


def classes_of(work: Work) -> tuple[str, ...]:
    """Return `module:Class` of every method, stage and noise that the work needs."""
    found = dict.fromkeys(
        f"{kind.__module__}:{kind.__qualname__}"
        for kind in (*_kinds(work.stages), *_kinds(work.cells), *map(type, _noises(work)))
    )
    return tuple(found)


def _noises(work: Work) -> Iterator[object]:
    yield from work.protocol.grid.noises.values()


def _kinds(tasks: Sequence[Task]) -> Iterator[type]:
    for task in tasks:
        stage = getattr(task, "stage", None) or getattr(task, "last", None)
        while stage is not None:
            yield type(stage)
            stage = stage.teacher
        method = getattr(task, "method", None)
        if method is not None:
            yield type(method)


def in_words(differences: Sequence[str]) -> str:
    """Return the first few differences, and how many more there are."""
    more = f" and {len(differences) - _SHOWN} more" if len(differences) > _SHOWN else ""
    return "; ".join(differences[:_SHOWN]) + more
