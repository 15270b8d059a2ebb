"""Where the time goes: the kernels of a step that 30 networks take at once, and a grid's functions.

python -m tests.benchmarks.profiles --device cuda:0
"""

from __future__ import annotations

import cProfile
import pstats
from collections import Counter
from dataclasses import replace
from typing import Any

import click
import torch
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

from merbench.training.fleet import Fleet
from merbench.training.loop import Member, train_members
from tests.benchmarks.fold import Sizes, make_corpus, make_fold, make_grid
from tests.benchmarks.ours import evaluate, make_method

SIZES = Sizes(train=256, valid=64, test=158)
LINES = 12


@click.command(help=__doc__)
@click.option("--device", default="cpu")
@click.option("--members", type=click.IntRange(2), default=30)
@click.option("--conditions", type=click.IntRange(1), default=420)
def main(device: str, members: int, conditions: int) -> None:
    """Print both profiles."""
    corpus = make_corpus(SIZES.total)
    fold = make_fold(corpus, SIZES, device)
    for name in ("nmer", "mmin"):
        trained = make_method(name, fold)
        stage = trained.stages[-1]
        settings = stage.training.model_copy(update={"epochs": 1, "decay_epochs": 0})
        stage = replace(stage, training=settings)
        data, teacher = fold.training_data(stage), trained.teacher(len(trained.stages) - 1)
        some = [Member(data, teacher, ("profile", seed)) for seed in range(members)]
        train_members(stage, some)  # kernels are compiled and memory is taken on first use
        click.echo(f"{name}, the second step of {members} networks, ms in operations:")
        with _SecondStep() as step:
            train_members(stage, some)
        click.echo(step.table())
    trained = make_method("mmin", fold)
    watched = cProfile.Profile()
    watched.runcall(evaluate, trained, fold, make_grid(corpus, conditions))
    click.echo(f"mmin, {conditions} conditions, s in functions:")
    pstats.Stats(watched).sort_stats("tottime").print_stats(LINES)


class _SecondStep:
    """Profiles the second step that a fleet takes."""

    def __enter__(self) -> _SecondStep:
        self.spent: Counter[str] = Counter()
        self.step, taken = Fleet.step, [0]

        def watched(fleet: Fleet, *of: Any) -> Any:
            taken[0] += 1
            if taken[0] != 2:
                return self.step(fleet, *of)
            gpu = torch.cuda.is_available()
            kinds = [ProfilerActivity.CUDA if gpu else ProfilerActivity.CPU]
            with profile(activities=kinds) as found:
                terms = self.step(fleet, *of)
            for event in found.events() or ():
                own = event.time_range.elapsed_us() if gpu else event.self_cpu_time_total
                if not gpu or event.device_type == DeviceType.CUDA:
                    self.spent[event.name] += own / 1e3
            return terms

        Fleet.step = watched  # type: ignore[method-assign]
        return self

    def __exit__(self, *_: object) -> None:
        Fleet.step = self.step  # type: ignore[method-assign]

    def table(self) -> str:
        """Return the operations that take most, and their sum."""
        rows = [f"{spent:9.2f}  {name[:90]}" for name, spent in self.spent.most_common(LINES)]
        return "\n".join([*rows, f"{sum(self.spent.values()):9.2f}  all"])


if __name__ == "__main__":
    main()
