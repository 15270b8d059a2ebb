"""What products keep of their factors, in training and elsewhere, on each kind of device."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from merbench.execution import tasks
from merbench.execution.device import products, takes_tf32
from merbench.execution.plan import make_plan
from merbench.execution.tasks import run_tasks
from merbench.store.store import Store
from merbench.suite.load import load_suite


@pytest.mark.parametrize(
    ("wanted", "device", "expected"),
    [
        ("auto", "cpu", False),
        ("tf32", "cpu", False),
        ("float32", "cpu", False),
        ("auto", "cuda:0", True),
        ("tf32", "cuda:1", True),
        ("float32", "cuda:0", False),
    ],
)
def test_only_a_gpu_takes_tf32_and_only_where_it_may(wanted, device, expected) -> None:
    assert takes_tf32(wanted, device) is expected


@pytest.fixture(params=["highest", "high"])
def before(request):
    """What a user's program may have set."""
    was = precision()
    torch.set_float32_matmul_precision(request.param)
    yield precision()
    torch.set_float32_matmul_precision(was[0])


def precision() -> tuple[str, bool]:
    return torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32


def test_what_was_set_before_holds_again_after_an_error(before) -> None:
    with pytest.raises(ZeroDivisionError), products("cuda:0", tf32=True):
        assert precision() == ("high", True)
        with products("cuda:0"):
            assert precision() == ("highest", False)
        raise ZeroDivisionError
    assert precision() == before


def test_a_cpu_is_left_as_it_is(before) -> None:
    with products("cpu", tf32=True):
        assert precision() == before


@pytest.mark.parametrize("tf32", [False, True])
def test_training_takes_tf32_where_asked_and_evaluation_never(
    merbench, tmp_path, monkeypatch, before, tf32
) -> None:
    plan = make_plan(load_suite(merbench.suite(methods=["modality_dropout"])), "cpu")
    protocol = dataclasses.replace(plan.protocol, tf32=tf32)
    seen = {}

    def noting(name, function):
        def noted(*arguments):
            seen[name] = precision()
            return function(*arguments)

        monkeypatch.setattr(tasks, name, noted)

    # Which of both a CPU does not know.
    monkeypatch.setattr("merbench.execution.device._is_gpu", lambda device: True)
    noting("train_together", tasks.train_together)
    noting("evaluate_as_fits", tasks.evaluate_as_fits)
    (outcome,) = run_tasks([plan.cells[0]], protocol, Store(tmp_path))
    assert outcome.error is None
    assert seen == {
        "train_together": ("high", True) if tf32 else ("highest", False),
        "evaluate_as_fits": ("highest", False),
    }
    assert precision() == before
    record = Store(tmp_path).cell_record(plan.cells[0].folder, plan.cells[0].key)
    assert record["form"] == ("single, tf32" if tf32 else "single")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_processes_share_a_gpu(merbench, tmp_path) -> None:
    suite = merbench.suite(methods=["modality_dropout", "zero_fill"])
    said = merbench("run", suite, "--out", tmp_path / "run", "--device", "cuda", "--jobs", 2)
    assert said.code == 0, said.err
