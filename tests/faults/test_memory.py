"""Memory that does not suffice, under a real limit of the process."""

import json

import numpy as np
import pandas as pd
import pytest

from merbench.evaluation.memory import ran_out
from tests.conftest import TINY

# Tells how much more than now the process may take, once all is imported.
LIMITED = """
import resource
import sys
import merbench.cli.run, merbench.api.job, merbench.execution.tasks, merbench_baselines.zero_fill
import hungry_method
from merbench.cli import main
now = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (now + int(sys.argv.pop(1)) * 2**20,) * 2)
main()
"""
# Encoders that take 4 MiB for each frame they read: of noised features, or in training.
HUNGRY = """
import torch
from merbench.features.observation import State
from merbench_baselines.zero_fill import FusionNetwork, FusionStage, ZeroFill


class HungryNetwork(FusionNetwork):
    def hungry(self, observed):
        return bool((observed.states == State.NOISED).any())

    def encode(self, modality, observed):
        if self.hungry(observed):
            torch.empty(len(observed.sequences.values), 2**22, dtype=torch.uint8)
        return super().encode(modality, observed)


class GreedyNetwork(HungryNetwork):
    def hungry(self, observed):
        return torch.is_grad_enabled()


class HungryStage(FusionStage):
    network = HungryNetwork

    def build(self, shape):
        return self.network(shape, self.training.dropout, self.init)


class GreedyStage(HungryStage):
    network = GreedyNetwork


class Hungry(ZeroFill):
    trained = HungryStage

    def stages(self, training):
        (plain,) = super().stages(training)
        return (self.trained(training=plain.training, sampling=plain.sampling, init=plain.init),)


class Greedy(Hungry):
    trained = GreedyStage
"""


@pytest.fixture
def limited(merbench, tmp_path):
    """Run a suite with so many MiB more than it has once it has started."""
    (tmp_path / "hungry_method.py").write_text(HUNGRY, "utf-8")

    def run(methods, mebibytes, out):
        # So many that the direct way, which looks at 16 utterances, is a small part.
        corpus = {**TINY["corpus"], "utterances": 240}
        suite = merbench.suite(methods=methods, corpus=corpus)
        arguments = ("run", suite, "--out", out, "--jobs", 1, "--json")
        return merbench.process(mebibytes, *arguments, program=LIMITED)

    return run


def test_evaluation_that_does_not_fit_is_done_in_smaller_batches_and_marked(limited, tmp_path):
    whole, short = tmp_path / "whole", tmp_path / "short"
    said = limited(["hungry_method:Hungry"], 2**20, whole)
    assert said.code == 0, said.err
    said = limited(["hungry_method:Hungry"], 4000, short)
    assert said.code == 0, said.err
    for run, marked in ((whole, False), (short, True)):
        cells = pd.read_parquet(run / "cells.parquet")
        records = [json.loads(p.read_text()) for p in (run / "cells").glob("*/record.json")]
        assert ((cells["batch_share"] > 1) == marked).all()
        assert sorted(r["batch_share"] for r in records) == sorted(cells["batch_share"])
        assert cells["warnings"].str.contains("memory did not suffice").eq(marked).all()
    # A batch of another size sums in another order.
    one, other = (pd.read_parquet(run / "predictions.parquet") for run in (whole, short))
    probabilities = [f.filter(like="p_").to_numpy(np.float64) for f in (one, other)]
    np.testing.assert_allclose(*probabilities, atol=2e-3)
    assert (one["prediction"].astype(str) == other["prediction"].astype(str)).mean() > 0.999


@pytest.mark.slow
def test_training_that_does_not_fit_fails_with_a_clear_word_and_others_go_on(limited, tmp_path):
    said = limited(["hungry_method:Greedy", "zero_fill"], 1000, tmp_path / "run")
    assert said.code == 1, said.err
    outcome = json.loads(said.out)
    assert outcome["cells"] == {"done": 2, "total": 4}
    assert [f["cell"] for f in outcome["failures"]] == [
        "Greedy, fold 1, seed 0",
        "Greedy, fold 2, seed 0",
    ]
    for failure in outcome["failures"]:
        assert failure["error"].startswith("training does not fit into memory: ")
    assert "Traceback" not in said.err


def test_errors_of_other_kinds_are_not_taken_for_a_lack_of_memory():
    assert ran_out(MemoryError())
    assert ran_out(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"))
    assert not ran_out(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    assert not ran_out(ValueError("can't allocate memory"))
