"""The training loop, the only one: every stage of every network method goes through it.

One network trains alone, or many do as a fleet; the loop is the same, and so are the numbers.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from merbench import seeds
from merbench.corruption.training import TrainingNoise
from merbench.errors import CellError
from merbench.features.observation import zero_input
from merbench.features.part import CorpusShape, Part
from merbench.features.ragged import Ragged
from merbench.methods.base import Network, Selection, Stage
from merbench.training.batches import Batches
from merbench.training.config import StageTraining
from merbench.training.course import (
    Course,
    TrainedStage,
    Weights,
    learning_rate,
    make_optimiser,
    take_step,
)
from merbench.training.fleet import Fleet
from merbench.training.sampling import Sampler, Source
from merbench.training.validate import Validator, clean_embeddings


@dataclass(frozen=True)
class TrainingData:
    """All that training may touch: no test utterance is in it.

    Attributes:
        train: utterances to learn from.
        valid: utterances to pick the epoch by.
        shape: of the fold.
        absent: modality -> frozen stand-ins of an absent input for the validation utterances.
        noised: modality -> frozen noised features of the validation utterances, None where the
            stage validates on clean ones.
        noise: the suite's noises on the training part, None where the stage does without.
    """

    train: Part
    valid: Part
    shape: CorpusShape
    absent: dict[str, Ragged]
    noised: dict[str, Ragged] | None = None
    noise: TrainingNoise | None = None


@dataclass(frozen=True)
class Member:
    """One network to be trained: its data, its teacher, and its random numbers.

    Attributes:
        data: training and validation parts, on the device to train on.
        teacher: the stage's trained teacher, where it has one.
        key: fold and seed, whatever all random numbers depend on beside the stage's name.
    """

    data: TrainingData
    teacher: Network | None
    key: tuple[seeds.Part, ...]

    @property
    def device(self) -> torch.device:
        """Where it trains."""
        return self.data.train.labels.device


def restore(stage: Stage, shape: CorpusShape, weights: Weights, device: torch.device) -> Network:
    """Build a stage's network with trained weights, ready to predict."""
    with seeds.torch_scope(device, "restore"):
        network = stage.build(shape)
    network.load_state_dict(weights)
    return network.to(device).eval()


def train_stage(
    stage: Stage,
    data: TrainingData,
    teacher: Network | None,
    key: tuple[seeds.Part, ...],
) -> TrainedStage:
    """Train one network of a stage (see `Member` for the arguments).

    Raises:
        CellError: too little complete data, or a loss that is not finite.
    """
    (found,) = train_members(stage, [Member(data, teacher, key)])
    if isinstance(found, CellError):
        raise found
    return found


def train_members(stage: Stage, members: Sequence[Member]) -> list[TrainedStage | CellError]:
    """Train networks of one stage: one alone, several as a fleet.

    A member that cannot go on leaves its error, and the others go on.

    Args:
        stage: the recipe.
        members: what differs between them; the shapes of their folds have one layout.
    """
    found: dict[int, TrainedStage | CellError] = {}
    if len(members) == 1:
        (member,) = members
        with seeds.torch_scope(member.device, "training", stage.name, *member.key):
            try:
                course = _course(stage, member, {})
            except CellError as error:
                return [error]
            _train(stage, _Alone(stage, course.network), {0: course}, found)
        return [found[0]]
    courses: dict[int, Course] = {}
    generators = []
    shared: dict[int, Part] = {}
    for number, member in enumerate(members):
        with seeds.torch_scope(member.device, "training", stage.name, *member.key):
            try:
                courses[number] = _course(stage, member, shared)
            except CellError as error:
                found[number] = error
                continue
            generators.append(seeds.forked_generator(member.device))
    if courses:
        fleet = Fleet(stage, [course.network for course in courses.values()], generators)
        _train(stage, fleet, courses, found)
    return [found[number] for number in range(len(members))]


def _course(stage: Stage, member: Member, shared: dict[int, Part]) -> Course:
    """Begin a member's course.

    Args:
        stage: the recipe.
        member: to be trained.
        shared: training part -> what the stage may use of it, one copy for all members on it.
    """
    data = member.data
    if id(data.train) not in shared:
        shared[id(data.train)] = usable(stage, data.train)
    train = shared[id(data.train)]
    network = stage.build(data.shape)
    network.to(member.device)
    stage.prepare(network, train.labels)
    if member.teacher is not None:
        stage.warm_start(network, member.teacher)
    key = (stage.name, *member.key)
    select_by = stage.training.select_by
    validator = Validator(data.valid, data.shape, data.absent, data.noised, select_by, key)
    return Course(stage, network, _source(stage, member, train), validator)


def usable(stage: Stage, train: Part) -> Part:
    """Return the training utterances that a stage may train on.

    Raises:
        CellError: it wants complete ones, and there are less than two batches.
    """
    complete = train.available.all(1)
    if not stage.complete_only or bool(complete.all()):
        return train
    needed = 2 * stage.training.batch_size
    if int(complete.sum()) < needed:
        raise CellError(
            f"stage {stage.name!r} trains on complete utterances: {int(complete.sum())} of "
            f"{len(train)} are, and two batches of {stage.training.batch_size} need {needed}"
        )
    return train.select(complete.nonzero().squeeze(1))


def _source(stage: Stage, member: Member, train: Part) -> Source:
    known, data, device = {}, member.data, member.device
    if member.teacher is not None:
        member.teacher.eval()
        zeros = {m.name: zero_input(m, device) for m in data.shape.modalities}
        with torch.no_grad():
            known = clean_embeddings(member.teacher, train, zeros)
    generator = seeds.torch_generator(device, "sampling", stage.name, *member.key)
    return Source(
        train,
        data.shape,
        stage.sampling,
        known,
        generator,
        _class_weights(stage.training, train.labels, data.shape.classes),
        None if data.noise is None else replace(data.noise, part=train),
        (stage.name, *member.key),
    )


def _class_weights(training: StageTraining, labels: Tensor, classes: int) -> Tensor | None:
    """Return (C,) n / (C n_c) over the classes there are, 0 for the others; None where off."""
    if training.class_weights == "off":
        return None
    counts = torch.bincount(labels, minlength=classes).to(torch.get_default_dtype())
    there = counts > 0
    return torch.where(there, len(labels) / (there.sum() * counts.clamp(min=1)), 0.0)


class _Form(Protocol):
    """How the steps of an epoch are taken."""

    def step(self, places: Sequence[int], batches: Batches, lr: float) -> dict[str, Tensor]:
        """Take a step with some networks, and return each term of their losses as (n,)."""
        ...

    def scores(
        self, places: Sequence[int], validators: Sequence[Validator]
    ) -> list[dict[Selection, float]]:
        """Return what some networks score, each by its validator."""
        ...


class _Alone:
    """One network by itself."""

    def __init__(self, stage: Stage, network: Network) -> None:
        self.stage, self.network = stage, network
        trained = [p for p in network.parameters() if p.requires_grad]
        self.optimiser = make_optimiser(stage.training, trained)
        self.clipped = [list(part.parameters()) for part in network.subnetworks()]

    def step(self, places: Sequence[int], batches: Batches, lr: float) -> dict[str, Tensor]:
        """Take a step."""
        self.optimiser.zero_grad(set_to_none=True)  # the last step's, which the loss needs room for
        terms = self.stage.loss(self.network, batches.lone())
        torch.stack(list(terms.values())).sum().backward()
        for parameters in self.clipped:
            torch.nn.utils.clip_grad_norm_(parameters, self.stage.training.clip)
        take_step(self.optimiser, lr)
        return {name: term.detach()[None] for name, term in terms.items()}

    def scores(
        self, places: Sequence[int], validators: Sequence[Validator]
    ) -> list[dict[Selection, float]]:
        """Return what it scores."""
        return [validator.scores(self.network) for validator in validators]


def _train(
    stage: Stage,
    form: _Form,
    courses: dict[int, Course],
    found: dict[int, TrainedStage | CellError],
) -> None:
    """Train until every network has ended, and note what became of each."""
    places = {number: place for place, number in enumerate(courses)}
    going, started = dict(courses), len(courses)
    sampler = Sampler([course.source for course in courses.values()])
    for epoch in range(1, stage.training.total_epochs + 1):
        begun = time.perf_counter()
        _epoch(form, sampler, going, places, epoch, learning_rate(stage.training, epoch))
        for number, course in list(going.items()):
            try:
                course.check(epoch)
            except CellError as error:
                found[number] = error
                del going[number]
        validators = [course.validator for course in going.values()]
        scores = form.scores([places[n] for n in going], validators) if going else []
        seconds = (time.perf_counter() - begun) / max(1, len(going))
        for (number, course), scored in zip(list(going.items()), scores, strict=True):
            course.end(epoch, scored, seconds)
            if course.over:
                found[number] = course.result(started)
                del going[number]
        if not going:
            return


def _epoch(
    form: _Form,
    sampler: Sampler,
    going: dict[int, Course],
    places: dict[int, int],
    epoch: int,
    lr: float,
) -> None:
    for course in going.values():
        course.start()
    sampler.start_epoch(epoch, [places[number] for number in going])
    for step in range(max(len(course.steps) for course in going.values())):
        # Networks whose batches are of one size take their step together.
        sizes: dict[int, list[int]] = {}
        for number, course in going.items():
            if step < len(course.steps):
                sizes.setdefault(len(course.steps[step]), []).append(number)
        for some in sizes.values():
            theirs = [places[number] for number in some]
            made = sampler.batches(
                theirs,
                [going[number].steps[step] for number in some],
                [going[number].progress(epoch, step) for number in some],
            )
            terms = form.step(theirs, made, lr)
            values = torch.stack([*terms.values()])
            for number, mine in zip(some, values.unbind(1), strict=True):
                going[number].add([*terms], mine)
