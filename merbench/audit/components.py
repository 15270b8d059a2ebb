"""The components of a trained method, and what happens when one of them is exchanged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from merbench.audit.bench import Bench
from merbench.audit.predict import NOTHING_APART, Apart, predict, predict_under, surroundings
from merbench.features.observation import Observation, ObservedModality, State
from merbench.methods.base import Network


@dataclass(frozen=True)
class Components:
    """What was found of a method's components.

    Attributes:
        exchanged: name -> how far predictions move when its output goes to another utterance.
        idle: names of those that do not run at test.
        inert: names of parameters of which no logit has a gradient, those of `idle` aside.
        inert_parameters: how many numbers these are, with those that do not run.
    """

    exchanged: dict[str, Apart]
    idle: tuple[str, ...] = ()
    inert: tuple[str, ...] = ()
    inert_parameters: int = 0


def look(bench: Bench) -> Components:
    """Exchange every component of a method: what it is told of each modality, and its modules."""
    exchanged = {
        f"input {name}": _exchange_input(bench, index)
        for index, name in enumerate(bench.corpus.names)
    }
    network = bench.predictor
    if not isinstance(network, Network):
        return Components(exchanged)
    running = _running(bench, network)
    for name in running:
        with _exchanging(network.get_submodule(name), len(bench.fold.test)):
            exchanged[name] = _moved(bench)
    idle = tuple(_idle(network, running))
    untouched = _without_gradient(bench, network)
    sizes = {name: p.numel() for name, p in network.named_parameters()}
    inert = tuple(n for n in untouched if not n.startswith(tuple(f"{i}." for i in idle)))
    return Components(exchanged, idle, inert, sum(sizes[name] for name in untouched))


def _moved(bench: Bench) -> Apart:
    """Compare predictions under every pattern with those of the untouched method."""
    found = NOTHING_APART
    method, predictor = bench.fitted.method, bench.predictor
    for condition, before in zip(bench.clean, bench.untouched, strict=True):
        after = predict_under(bench.evaluator, condition, method, predictor)
        found = found + Apart.of(after, before)
    return found


def _exchange_input(bench: Bench, index: int) -> Apart:
    """Give each utterance another one's features in one modality, where that is present."""
    everyone = torch.arange(len(bench.fold.test))
    found = NOTHING_APART
    for condition, before in zip(bench.clean, bench.untouched, strict=True):
        if condition.inputs[index].state != State.PRESENT:
            continue
        seen = bench.evaluator.observation(condition, bench.fitted.method, everyone)
        name = bench.corpus.names[index]
        one = seen.modalities[name]
        rows = one.rows.roll(len(everyone) // 2)
        states = seen.states.clone()
        states[:, index] = states[:, index].roll(len(everyone) // 2)
        other = ObservedModality(one.sequences, rows, states[:, index])
        moved = Observation({**seen.modalities, name: other}, states)
        found = found + Apart.of(predict(bench.predictor, moved), before)
    return found


def _running(bench: Bench, network: Network) -> list[str]:
    """Return the outermost modules with parameters whose output at test is one tensor."""
    names: list[str] = []
    ran: dict[str, bool] = {}
    handles = []

    def note(name: str) -> Any:
        def hook(module: nn.Module, inputs: object, output: object) -> None:
            ran[name] = isinstance(output, Tensor)

        return hook

    for name, module in network.named_modules():
        if name and any(True for _ in module.parameters()):
            handles.append(module.register_forward_hook(note(name)))
    try:
        predict(network, bench.whole)
    finally:
        for handle in handles:
            handle.remove()
    for name, _ in network.named_modules():
        inside = any(name.startswith(f"{outer}.") for outer in names)
        if ran.get(name) and not inside:
            names.append(name)
    return names


def _idle(network: Network, running: Sequence[str]) -> Iterator[str]:
    """Yield the outermost modules with parameters of which nothing runs."""
    found: list[str] = []
    for name, module in network.named_modules():
        if not name or not any(True for _ in module.parameters()):
            continue
        holds = any(r == name or r.startswith(f"{name}.") for r in running)
        inside = any(name == r or name.startswith(f"{r}.") for r in [*running, *found])
        if not holds and not inside:
            found.append(name)
            yield name


@contextmanager
def _exchanging(module: nn.Module, utterances: int) -> Iterator[None]:
    """Let a module's output go to the utterance half a batch away."""

    def hook(module: nn.Module, inputs: object, output: Tensor) -> Tensor:
        # Released attention has the utterances in the second dimension.
        across = output.ndim > 2 and output.shape[0] != utterances == output.shape[1]
        dim = 1 if across else 0
        return output.roll(output.shape[dim] // 2, dim)

    handle = module.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


def _without_gradient(bench: Bench, network: Network) -> list[str]:
    """Return the parameters that no logit of any utterance depends on."""
    names, parameters = zip(*network.named_parameters(), strict=True)
    seen = bench.whole
    with torch.enable_grad(), surroundings(0):
        embeddings = {m: network.encode(m, one) for m, one in seen.modalities.items()}
        logits = network.fuse(embeddings, seen.states)
        weights = torch.randn(logits.shape, generator=torch.Generator().manual_seed(0))
        found = torch.autograd.grad((weights * logits).sum(), parameters, allow_unused=True)
    return [
        name
        for name, gradient in zip(names, found, strict=True)
        if gradient is None or not bool(gradient.any())
    ]
