"""The tests that merbench's own plug-ins pass, on these four."""

import json
from pathlib import Path

import numpy as np
from merbench_example.forest import Forest
from merbench_example.jsonl import JsonLinesReader
from merbench_example.kappa import KAPPA
from merbench_example.stutter import Stutter

from merbench.testing import (
    MethodConformance,
    MetricConformance,
    NoiseConformance,
    ReaderConformance,
)


class TestForest(MethodConformance):
    method = Forest


class TestStutter(NoiseConformance):
    noise = Stutter


class TestJsonLines(ReaderConformance):
    reader = JsonLinesReader

    def write(self, folder: Path) -> Path:
        rng = np.random.default_rng(0)
        lines = [
            {
                "id": f"u{n}",
                "label": ("calm", "happy")[n % 2],
                "speaker": f"s{n % 3}",
                "features": {
                    "audio": rng.normal(size=(1 + n % 4, 3)).round(3).tolist(),
                    "text": rng.normal(size=(2, 5)).round(3).tolist(),
                },
            }
            for n in range(12)
        ]
        path = folder / "corpus.jsonl"
        path.write_text("\n".join(map(json.dumps, lines)) + "\n", "utf-8")
        return path


class TestKappa(MetricConformance):
    metric = KAPPA
