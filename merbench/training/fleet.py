"""Many networks of one stage, trained step by step at once: every layer is batched over them.

One 128-wide LSTM leaves a GPU idle. Here the encoders' bodies run for all members in batched
products, the recurrence included, and everything behind them runs under `torch.vmap`, so that a
stage's loss is written once. Parameters, gradients and Adam's moments lie in one row a member.
Order of the data, patterns, noise and dropout are each member's own: it ends where it would alone.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.utils.rnn import pad_sequence

from merbench.evaluation.embed import chunks_of, frames_at_once
from merbench.features.many import ManySequences, Pool, distinct, put
from merbench.features.observation import ObservedModality, State
from merbench.features.ragged import Ragged
from merbench.methods.base import Batch, Network, Selection, Stage, TeacherRows
from merbench.methods.parts.encoders import Encoder, ReadModality
from merbench.training.batches import Batches
from merbench.training.course import make_optimiser, take_step
from merbench.training.recorder import Recorder
from merbench.training.validate import Rows, Validator, score_all

_CLIP_EPSILON = 1e-6


def may_join(network: Network) -> bool:
    """Say whether networks of this kind can train as a fleet."""
    return network.in_fleets and network.fused_rows is None


class _Span(NamedTuple):
    """Where a parameter lies in a member's row."""

    name: str
    first: int
    shape: torch.Size

    @property
    def end(self) -> int:
        return self.first + self.shape.numel()

    def of(self, rows: Tensor) -> Tensor:
        """Return the (N, ...) view of this parameter in (N, P) rows."""
        return rows[:, self.first : self.end].view(len(rows), *self.shape)


class _Door(nn.Module):
    """Lets `functional_call` reach more of a network than `forward`."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, use: Callable[[Network], Any]) -> Any:
        """Return what some use of the network gives."""
        return use(self.network)


class _Some(NamedTuple):
    """Some of a fleet's networks.

    Attributes:
        places: of the networks in the fleet; None where it is all of them.
        parameters: name -> (n, ...).
        buffers: name -> (n, ...).
    """

    places: Tensor | None
    parameters: dict[str, Tensor]
    buffers: dict[str, Tensor]

    def before(self, *given: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """Return arguments that lie in the same memory whenever they are given, and the others."""
        own = (self.parameters, self.buffers)
        return (own, given) if self.places is None else ((), (*own, *given))


class Fleet:
    """Networks of one stage and one layout, with an optimiser for all.

    The networks given stay usable on their own: their parameters become views of the fleet's.
    """

    def __init__(
        self, stage: Stage, networks: Sequence[Network], generators: Sequence[torch.Generator]
    ) -> None:
        """Take networks over.

        Args:
            stage: of all of them.
            networks: built, warm-started, on one device.
            generators: of each one's dropout and other draws inside the network.
        """
        self.stage, self.generators = stage, generators
        template = copy.deepcopy(networks[0]).train()
        self.shape = template.shape
        self.door = _Door(template)
        self.encoders = list(_encoders(template))
        groups = [
            [name for name, _ in _parameters(template, part)] for part in template.subnetworks()
        ]
        self.spans = _lay_out(template, groups)
        self.rows = torch.stack([_row(network, self.spans) for network in networks])
        self.optimised = list(self.rows.unbind())
        self.optimiser = make_optimiser(stage.training, self.optimised)
        self.recorder = Recorder()
        self.places = torch.arange(len(networks), device=self.rows.device)
        self.parameters = {span.name: span.of(self.rows) for span in self.spans}
        by_name = {span.name: span for span in self.spans}
        # A sub-network's parameters lie side by side.
        self.clipped = [
            (by_name[names[0]].first, by_name[names[-1]].end) for names in groups if names
        ]
        self.buffers = {
            name: torch.stack([dict(network.named_buffers())[name] for network in networks])
            for name, _ in template.named_buffers()
        }
        for number, network in enumerate(networks):
            self._tie(network, number)

    def _tie(self, network: Network, number: int) -> None:
        """Make a network's tensors views of the fleet's."""
        for name, parameter in network.named_parameters():
            if name in self.parameters:
                parameter.data = self.parameters[name][number]
        for name, buffers in self.buffers.items():
            module, _, leaf = name.rpartition(".")
            network.get_submodule(module)._buffers[leaf] = buffers[number]

    def step(self, places: Sequence[int], batches: Batches, lr: float) -> dict[str, Tensor]:
        """Take a step with some of the networks.

        Args:
            places: of the networks in the fleet, increasing.
            batches: one each.
            lr: learning rate.

        Returns:
            Each term of their losses, (n,).
        """
        some = self._some(places)
        parameters = {name: p.detach().requires_grad_() for name, p in some.parameters.items()}
        features, inputs = self._features(batches, parameters), self._inputs(batches)
        # Behind the encoders all shapes are those of a batch.
        terms, found, behind = self.recorder(
            self._losses,
            ("losses", batches.states.shape),
            [self.generators[place] for place in places],
            *some.before(inputs, {slot: each.detach() for slot, each in features.items()}),
        )
        if some.places is not None:
            for name, buffer in some.buffers.items():
                self.buffers[name][some.places] = buffer
        ways = (found, _through(features, behind, parameters))
        gradients = self.rows.new_empty(len(places), self.rows.shape[1])
        for span in self.spans:
            mine = [way[span.name] for way in ways if span.name in way]
            if mine:
                span.of(gradients).copy_(sum(mine[1:], mine[0]))
            else:
                span.of(gradients).zero_()
        self._update(gradients, places, lr)
        return {name: term.clone() for name, term in terms.items()}

    def scores(
        self, places: Sequence[int], validators: Sequence[Validator]
    ) -> list[dict[Selection, float]]:
        """Return what some of the networks score, each by its validator."""
        self.door.eval()
        try:
            return score_all(_Readers(self, places), validators)
        finally:
            self.door.train()

    def _some(self, places: Sequence[int]) -> _Some:
        if len(places) == len(self.rows):
            return _Some(None, self.parameters, self.buffers)
        rows = put(np.array(places), self.rows.device)
        parameters = {name: p[rows] for name, p in self.parameters.items()}
        return _Some(rows, parameters, {name: b[rows] for name, b in self.buffers.items()})

    def _features(self, batches: Batches, parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return encoder -> (n, B, E): what its body makes of each utterance's sequence."""
        features: dict[str, Tensor] = {}
        members = self.places[: len(batches.labels), None]
        for name, (sequences, rows) in batches.observed.items():
            for slot, bodies in self._read(name, sequences, parameters).items():
                # Many rows may read one sequence. The gradient of `gather` would add up theirs in
                # any order on a GPU, that of an index does so in one.
                features[slot] = bodies[members, rows]
        return features

    def _inputs(self, batches: Batches) -> dict[str, Any]:
        """Return what else the members' losses are computed from."""
        progress = put(np.array(batches.progress), self.rows.device).to(self.rows.dtype)
        return {
            "labels": batches.labels,
            "states": batches.states,
            "available": batches.available,
            "teacher": {name: (t.clean, t.absent) for name, t in batches.teacher.items()},
            "progress": progress,
            "weights": [] if batches.class_weights is None else [batches.class_weights],
        }

    def _read(
        self, modality: str, sequences: ManySequences, parameters: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Return (n, R, E) for each encoder of a modality: what its body makes of R sequences."""
        found = {}
        for encoder in self.encoders:
            if encoder.modality == modality:
                prefix = f"{encoder.slot}."
                own = {
                    name.removeprefix(prefix): parameter
                    for name, parameter in parameters.items()
                    if name.startswith(prefix)
                }
                found[encoder.slot] = encoder.bodies(sequences, own)
        return found

    def _use(
        self,
        parameters: Mapping[str, Tensor],
        buffers: Mapping[str, Tensor],
        use: Callable[[Network], Any],
    ) -> Any:
        """Use the network with one member's tensors (under `torch.vmap`)."""
        tensors = {f"network.{name}": t for name, t in [*parameters.items(), *buffers.items()]}
        return functional_call(self.door, tensors, (use,))

    def _losses(
        self,
        parameters: dict[str, Tensor],
        buffers: dict[str, Tensor],
        inputs: dict[str, Any],
        features: dict[str, Tensor],
    ) -> tuple[dict[str, Tensor], dict[str, Tensor], dict[str, Tensor]]:
        """Return the terms of the losses, (n,), and the gradients of parameters and features.

        What a loss does not depend on has none.
        """
        groups = [
            {k: t.detach().requires_grad_() for k, t in each.items()}
            for each in (parameters, features)
        ]
        terms = torch.vmap(self._loss)(groups[0], buffers, inputs, groups[1])
        total = torch.stack(list(terms.values())).sum()
        wanted = [tensor for group in groups for tensor in group.values()]
        found = iter(torch.autograd.grad(total, wanted, allow_unused=True))
        some = [
            {k: gradient for k, gradient in zip(group, found, strict=False) if gradient is not None}
            for group in groups
        ]
        return {name: term.detach() for name, term in terms.items()}, some[0], some[1]

    def _loss(
        self,
        parameters: dict[str, Tensor],
        buffers: dict[str, Tensor],
        inputs: dict[str, Any],
        features: dict[str, Tensor],
    ) -> dict[str, Tensor]:
        """Return the terms of one member's loss (under `torch.vmap`)."""
        states = inputs["states"]
        batch = Batch(
            inputs["labels"],
            states,
            inputs["available"],
            {
                name: _read_already(features, states[:, column])
                for column, name in enumerate(self.shape.names)
            },
            {name: TeacherRows(*rows) for name, rows in inputs["teacher"].items()},
            inputs["progress"],
            next(iter(inputs["weights"]), None),
        )
        found: dict[str, Tensor] = self._use(
            parameters, buffers, lambda network: self.stage.loss(network, batch)
        )
        return found

    def _logits(
        self,
        parameters: dict[str, Tensor],
        buffers: dict[str, Tensor],
        embeddings: dict[str, Tensor],
        states: Tensor,
    ) -> Any:
        """Return one member's logits (under `torch.vmap`)."""
        return self._use(parameters, buffers, lambda network: network.fuse(embeddings, states))

    def _update(self, gradients: Tensor, places: Sequence[int], lr: float) -> None:
        """Clip each sub-network's part of (n, P) gradients, and take Adam's step, for some."""
        clip = self.stage.training.clip
        for first, end in self.clipped:
            part = gradients[:, first:end]
            norm = part.norm(dim=1, keepdim=True)
            part *= (clip / (norm + _CLIP_EPSILON)).clamp(max=1)
        for place, gradient in zip(places, gradients, strict=True):
            self.optimised[place].grad = gradient
        take_step(self.optimiser, lr)
        self.optimiser.zero_grad(set_to_none=True)


class _Readers:
    """Some of a fleet's networks, to be validated (see `validate.Readers`)."""

    def __init__(self, fleet: Fleet, places: Sequence[int]) -> None:
        self.fleet, self.some = fleet, fleet._some(places)

    def embed(self, modality: str, inputs: Sequence[Ragged], state: State) -> list[Tensor]:
        """Return embeddings; the sequences of each network go by length, some at a time."""
        lists, begins = distinct(inputs)
        pool = Pool.of(lists)
        # In order of length, each network's; behind them it has none, which are no sequences.
        rows = np.full((len(inputs), max(map(len, inputs))), -1)
        orders = [each.lengths_on_host.argsort(kind="stable") for each in inputs]
        for row, order, begin in zip(rows, orders, begins, strict=True):
            row[: len(order)] = order + begin
        longest = np.maximum.accumulate(pool.lengths_of(rows).max(0))
        frames = frames_at_once(self.fleet.rows.device, inputs[0].width) // len(inputs)
        parts = [
            self._encode(modality, pool.take(rows[:, some]), state)
            for some in chunks_of(longest.tolist(), frames)
        ]
        joined = torch.cat(parts, 1)
        back = [put(order.argsort(), joined.device) for order in orders]
        return [found[places] for found, places in zip(joined, back, strict=True)]

    def _encode(self, modality: str, sequences: ManySequences, state: State) -> Tensor:
        features = self.fleet._read(modality, sequences, self.some.parameters)
        rows = next(iter(features.values())).shape[1]
        states = torch.full((rows,), state, dtype=torch.int8, device=self.fleet.rows.device)

        def encode(
            parameters: dict[str, Tensor], buffers: dict[str, Tensor], features: dict[str, Tensor]
        ) -> Any:
            observed = _read_already(features, states)
            return self.fleet._use(parameters, buffers, lambda n: n.encode(modality, observed))

        found: Tensor = torch.vmap(encode)(self.some.parameters, self.some.buffers, features)
        return found

    def fuse(self, rows: Sequence[Rows], pattern: int) -> list[Tensor]:
        """Return logits, found of as many rows for each network as the largest part has."""
        embeddings = {
            name: pad_sequence([each.embeddings[name] for each in rows], batch_first=True)
            for name in self.fleet.shape.names
        }
        states = pad_sequence([each.states for each in rows], batch_first=True)

        found = self.fleet.recorder(
            torch.vmap(self.fleet._logits),
            ("logits", states.shape),
            (),
            *self.some.before(embeddings, states),
        ).clone()
        return [own[: len(each.states)] for own, each in zip(found, rows, strict=True)]


def _through(
    features: Mapping[str, Tensor],
    behind: Mapping[str, Tensor],
    parameters: Mapping[str, Tensor],
) -> dict[str, Tensor]:
    """Return the gradients of the bodies' parameters, given those of some features."""
    some = [slot for slot in behind if features[slot].requires_grad]
    if not some:
        return {}
    found = torch.autograd.grad(
        [features[slot] for slot in some],
        list(parameters.values()),
        [behind[slot] for slot in some],
        allow_unused=True,
    )
    return {n: g for n, g in zip(parameters, found, strict=True) if g is not None}


def _read_already(features: Mapping[str, Tensor], states: Tensor) -> ObservedModality:
    # Networks hand it through to their encoders, which know what it is.
    return cast(ObservedModality, ReadModality(features, states))


def _encoders(network: Network) -> Iterator[Encoder]:
    """Yield every encoder, and tell it its name."""
    for name, module in network.named_modules():
        if isinstance(module, Encoder):
            module.slot = name
            yield module


def _parameters(network: Network, part: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """Yield the trained parameters of a part under their names in the network."""
    mine = {id(p) for p in part.parameters()}
    for name, parameter in network.named_parameters():
        if id(parameter) in mine and parameter.requires_grad:
            yield name, parameter


def _lay_out(network: Network, groups: Sequence[Sequence[str]]) -> list[_Span]:
    """Give every trained parameter its place in a row, sub-networks one after the other."""
    trained = {name: p for name, p in network.named_parameters() if p.requires_grad}
    grouped = [name for names in groups for name in names]
    spans, first = [], 0
    for name in [*grouped, *(name for name in trained if name not in set(grouped))]:
        spans.append(_Span(name, first, trained[name].shape))
        first = spans[-1].end
    return spans


def _row(network: Network, spans: Sequence[_Span]) -> Tensor:
    parameters = dict(network.named_parameters())
    return torch.cat([parameters[span.name].detach().flatten() for span in spans])
