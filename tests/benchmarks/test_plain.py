"""The plain loop is the same training as ours, done the long way."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from merbench.corpus.corpus import Corpus, Modality
from merbench.execution.prepare import PreparedFold
from merbench.features.observation import State
from merbench.methods.base import Batch, Network, Stage
from merbench.training.validate import clean_embeddings
from tests.benchmarks.fold import Sizes, make_corpus, make_fold
from tests.benchmarks.plain import PlainRun
from tests.benchmarks.plain_data import PlainBatch, PlainDataset, make_loader
from tests.benchmarks.plain_networks import plain_network
from tests.methods.world import LoneSampler, build, make_stages

STAGES = [(name, stage) for name in ("mmin", "if_mmin", "nmer") for stage in (0, 1)]
FRAMES = 5  # as many as an absent input has: nothing is padded in either way


def equally_long(corpus: Corpus) -> Corpus:
    modalities = []
    for modality in corpus.modalities:
        n, width = len(modality.lengths), modality.width
        frames = torch.randn(n * FRAMES, width, generator=torch.Generator().manual_seed(width))
        offsets = torch.arange(n + 1).numpy() * FRAMES
        modalities.append(Modality.build(modality.name, frames.numpy(), offsets, modality.kind))
    return Corpus(corpus.name, corpus.utterances, corpus.labels, corpus.classes, tuple(modalities))


@pytest.fixture(scope="module")
def fold() -> PreparedFold:
    sizes = Sizes(24, 13, 12)
    return make_fold(make_corpus(sizes.total), sizes)


@pytest.fixture(scope="module")
def level_fold() -> PreparedFold:
    sizes = Sizes(24, 13, 12)
    return make_fold(equally_long(make_corpus(sizes.total, "ragged")), sizes, number=1)


def networks(stage: Stage, fold: PreparedFold) -> tuple[Network, Network | None]:
    """A network and a teacher of random weights, in eval mode, so that nothing is dropped."""
    teacher = None if stage.teacher is None else build(stage.teacher, fold.shape, seed=2)
    return build(stage, fold.shape, seed=1), teacher


def sampled(stage: Stage, fold: PreparedFold, teacher: Network | None) -> Batch:
    known = {}
    if teacher is not None:
        with torch.no_grad():
            known = clean_embeddings(teacher, fold.train, fold.training_data(stage).absent)
    generator = torch.Generator().manual_seed(3)
    sampler = LoneSampler(fold.train, fold.shape, stage.sampling, known, generator)
    return sampler.batch(torch.arange(16), 0.5)


def same_batch(batch: Batch, fold: PreparedFold) -> tuple[PlainBatch, dict[str, Tensor]]:
    rows = torch.arange(len(batch.labels))
    true = {name: fold.train.features[name].take(rows).padded().values for name in batch.observed}
    seen = {name: observed.dense().values for name, observed in batch.observed.items()}
    return PlainBatch(true, batch.states == State.PRESENT, batch.labels), seen


def dropless(network: torch.nn.Module) -> None:
    for module in network.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0


@pytest.mark.parametrize(("name", "number"), STAGES)
def test_the_losses_and_gradients_are_ours_where_nothing_is_padded(
    level_fold, name, number
) -> None:
    stage = make_stages(name, absent_input="zeros")[number]
    ours, teacher = networks(stage, level_fold)
    batch = sampled(stage, level_fold, teacher)
    settings = {"tokens": "one"} if stage.name == "nmer" else {}
    plain = plain_network(ours, **settings).eval()
    plain_teacher = None if teacher is None else plain_network(teacher).eval()
    other, seen = same_batch(batch, level_fold)
    torch.manual_seed(0)  # of the latent
    expected = stage.loss(ours, batch)
    torch.manual_seed(0)
    found = plain.losses(other, seen, plain_teacher)
    assert found.keys() == expected.keys()
    for term, value in expected.items():
        torch.testing.assert_close(found[term], value, rtol=1e-4, atol=1e-5)
    sum(expected.values()).backward()
    sum(found.values()).backward()
    mine = [list(part.parameters()) for part in plain.subnetworks()]
    theirs = [list(part.parameters()) for part in ours.subnetworks()]
    assert len(mine) == len(theirs)
    norms = [
        sorted(
            float(torch.stack([p.grad.square().sum() for p in ps if p.grad is not None]).sum())
            for ps in groups
        )
        for groups in (mine, theirs)
    ]
    assert norms[0] == pytest.approx(norms[1], rel=1e-3, abs=1e-9)


@pytest.mark.parametrize(("name", "number"), STAGES)
def test_the_networks_are_as_large_as_ours(fold, name, number) -> None:
    ours, _ = networks(make_stages(name)[number], fold)
    count = [sum(p.numel() for p in n.parameters()) for n in (ours, plain_network(ours))]
    assert count[0] == count[1]


@pytest.mark.parametrize("name", ["mmin", "if_mmin"])
def test_logits_are_ours_under_every_pattern_where_nothing_is_padded(level_fold, name) -> None:
    stage = make_stages(name)[1]
    ours, _ = networks(stage, level_fold)
    plain = plain_network(ours).eval()
    batch = sampled(stage, level_fold, build(stage.teacher, level_fold.shape))
    other, _ = same_batch(batch, level_fold)
    with torch.no_grad():
        expected = ours.fuse(ours.embed(batch.observed), batch.states)
        # Both convolve in float32, each in an order of its own: rounding goes by the largest logit.
        atol = 1e-5 * float(expected.abs().max())
        torch.testing.assert_close(plain(other.zeroed()), expected, rtol=1e-4, atol=atol)


def test_a_batch_is_padded_with_zeros_to_its_longest(fold) -> None:
    loader = make_loader(PlainDataset(fold.train, fold.shape.names, "complete"), 8)
    lengths = set()
    for batch in loader:
        assert batch.features["audio"].shape[0] == 8
        lengths.add(batch.features["audio"].shape[1])
        assert batch.features["visual"].shape[1:] == (50, 342)
        assert batch.features["text"].shape[1:] == (22, 1024)
        assert bool((batch.features["audio"][:, -1].abs().sum(1) == 0).any())
    assert len(lengths) == 3


def test_evaluation_meets_every_utterance_under_each_of_the_six_patterns_once(fold) -> None:
    dataset = PlainDataset(fold.valid, fold.shape.names, "each")
    assert len(dataset) == 6 * 13
    seen = [(int(b.labels[i]), tuple(b.present[i].tolist()))
            for b in make_loader(dataset, 32) for i in range(len(b.labels))]  # fmt: skip
    assert len(seen) == 6 * 13
    patterns = [pattern for _, pattern in seen]
    assert len(set(patterns)) == 6
    assert all(patterns.count(p) == 13 for p in set(patterns))


def test_training_draws_a_pattern_for_every_item_taken(fold) -> None:
    dataset = PlainDataset(fold.train, fold.shape.names, "random")
    assert len(dataset) == 24
    drawn = {tuple(dataset[0].present.tolist()) for _ in range(100)}
    assert len(drawn) == 6


def test_what_is_absent_is_zeros_of_full_length_or_noise(fold) -> None:
    batch = next(iter(make_loader(PlainDataset(fold.train, fold.shape.names, "random"), 24)))
    zeroed, noised, hidden = batch.zeroed(), batch.noised(), batch.hidden()
    for column, name in enumerate(fold.shape.names):
        here, gone = batch.present[:, column], ~batch.present[:, column]
        true = batch.features[name]
        assert zeroed[name].shape == noised[name].shape == true.shape
        assert torch.equal(zeroed[name][here], true[here])
        assert torch.equal(noised[name][here], true[here])
        assert torch.equal(hidden[name][gone], true[gone])
        assert not zeroed[name][gone].any()
        assert not hidden[name][here].any()
        assert (noised[name][gone] != true[gone]).all()


@pytest.mark.parametrize(("name", "number"), STAGES)
def test_an_epoch_changes_every_part_and_scores_both_parts(fold, name, number) -> None:
    stage = make_stages(name)[number]
    run = PlainRun(stage, *networks(stage, fold), fold)
    before = [p.detach().clone() for p in run.network.parameters()]
    epoch = run.epoch()
    assert 0 <= epoch.valid <= 1
    assert 0 <= epoch.test <= 1
    assert epoch.seconds == pytest.approx(epoch.train_seconds + epoch.evaluate_seconds)
    changed = [not torch.equal(a, b) for a, b in zip(before, run.network.parameters(), strict=True)]
    assert sum(changed) > 0.9 * len(changed)
    frozen = [] if run.teacher is None else list(run.teacher.parameters())
    assert all(p.grad is None for p in frozen)


def test_it_learns_what_it_is_trained_on(fold) -> None:
    stage = make_stages("mmin")[0]
    run = PlainRun(stage, *networks(stage, fold), fold)
    dropless(run.network)
    losses = [run.train() for _ in range(6)]
    assert losses[-1] < 0.6 * losses[0]
