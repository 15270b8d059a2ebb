"""Content keys: what a stage or a cell depends on, as a digest."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from typing import Any

from merbench.code_version import class_digest, harness_digest
from merbench.execution.protocol import Division, Protocol
from merbench.methods.base import Method, Stage
from merbench.training.config import ClassWeights

# Raised when keys change meaning, so that an old run is never half understood.
KEY_VERSION = 2


def digest(content: Any) -> str:
    """Return the sha256 of plain content."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def code_of(method: Method) -> str:
    """Return the digest of a method: its code and settings, and the code of the harness."""
    return digest(
        [
            harness_digest(),
            class_digest(type(method)),
            method.version,
            method.config.model_dump(mode="json"),
        ]
    )


class Keys:
    """Content keys: equal keys promise equal results."""

    def __init__(self, protocol: Protocol) -> None:
        corpus = protocol.corpus
        self.training = {
            "version": KEY_VERSION,
            "code": harness_digest(),
            "corpus": corpus.fingerprint,
            "draws": protocol.seed,
            "threads": protocol.threads,
            "device": protocol.device.partition(":")[0],
            "form": protocol.form,
        }
        self.grid = [dataclasses.asdict(c) for c in protocol.grid.conditions]
        # Lists, since training draws among the noises by their place.
        self.noises = [
            [label, type(noise).__qualname__, class_digest(type(noise)), noise.config.model_dump()]
            for label, noise in protocol.grid.noises.items()
        ]
        self.points = [
            [column.label, [dataclasses.asdict(point) for point in column.points]]
            for column in protocol.grid.columns
        ]
        self.evaluation = {
            "batch": protocol.evaluation_batch,
            "donors": "corpus" if protocol.reserved is None else "held_out",
        }

    def stage(self, stage: Stage, division: Division, seed: int) -> str:
        """Return the key of a trained stage."""
        lineage: list[str] = []
        noise = False
        each: Stage | None = stage
        while each is not None:
            lineage.append(class_digest(type(each)))
            noise |= each.sampling.train_noise == "suite"
            each = each.teacher
        met = [self.noises, self.points] if noise else None
        return digest([self.training, stage.digest, lineage, met, division.key, seed])

    def cell(
        self,
        method: Method,
        stages: Sequence[str],
        class_weights: ClassWeights,
        division: Division,
        seed: int,
    ) -> str:
        """Return the key of a cell."""
        what = {
            "method": f"{type(method).__module__}:{type(method).__qualname__}",
            "code": class_digest(type(method)),
            "version": method.version,
            "settings": method.config.model_dump(mode="json"),
            "stages": list(stages),
            "class_weights": class_weights,
        }
        return digest(
            [self.training, self.grid, self.noises, self.evaluation, what, division.key, seed]
        )
