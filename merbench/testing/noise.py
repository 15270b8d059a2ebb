"""What every noise must pass: frozen draws, and damage that only grows."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from merbench import registry
from merbench.audit.predict import surroundings
from merbench.corpus.normalise import fit_normaliser
from merbench.corruption.corruptor import Corruptor, draws_hash
from merbench.corruption.noises.base import Damage, Noise
from merbench.features.part import make_part
from merbench.features.ragged import Ragged
from merbench.registry import path_of
from merbench.suite.load import validate
from merbench.suite.source import Source
from merbench.testing.corpora import small_corpus

_CPU = torch.device("cpu")
_SEVERITIES = (0.1, 0.3, 0.5, 0.8, 1.0)


class NoiseConformance:
    """Subclass it under a name that pytest collects, and say which noise.

        class TestMine(NoiseConformance):
            noise = Mine

    Attributes:
        noise: the class, its import path or its registered name.
        settings: of the noise, where not its defaults.
    """

    noise: ClassVar[type[Noise] | str]
    settings: ClassVar[Mapping[str, Any]] = {}

    @pytest.fixture
    def name(self) -> str:
        """What a suite calls it."""
        return self.noise if isinstance(self.noise, str) else path_of(self.noise)

    @pytest.fixture
    def drawn(self, name: str) -> Scene:
        """The noise, drawn for every modality of a small corpus."""
        found = registry.load("noises", name)
        return Scene(found(found.Config(**self.settings)))

    def test_a_suite_takes_it(self, name: str) -> None:
        """As an entry of the grid, and again as it is written into the run."""
        entry = {"type": name, "severities": [0.5], "on": "present", **self.settings}
        values = {
            "name": "conformance",
            "corpus": "synthetic",
            "methods": ["logreg"],
            "grid": {"noise": [entry]},
        }
        suite = validate(Source("conformance", values))
        assert validate(Source("run.json", suite.resolved())) == suite

    def test_severity_0_is_the_clean_signal_bit_for_bit(self, drawn: Scene) -> None:
        """Negative zeros, too."""
        for place in drawn.places:
            clean = drawn.clean(place)
            clean.values[::2, 0] = -0.0
            found = drawn.damage(place).apply(clean, drawn.noise.at_severity(0.0))
            assert found.numpy().tobytes() == clean.values.numpy().tobytes(), drawn.called(place)

    def test_severity_1_damages_something(self, drawn: Scene) -> None:
        """A noise without any effect would only look like robustness."""
        for place in drawn.places:
            assert drawn.hit(place, 1.0).any(), drawn.called(place)

    def test_what_is_damaged_stays_damaged_as_severity_grows(self, drawn: Scene) -> None:
        """The frames that differ from the clean ones become more, and never other ones."""
        for place in drawn.places:
            hits = [drawn.hit(place, severity) for severity in _SEVERITIES]
            for mild, severe in itertools.pairwise(hits):
                assert not (mild & ~severe).any(), drawn.called(place)

    def test_shapes_stay_and_values_are_finite(self, drawn: Scene) -> None:
        """Lengths never change: they would tell what was done."""
        for place, severity in itertools.product(drawn.places, _SEVERITIES):
            clean, found = drawn.clean(place).values, drawn.at(place, severity)
            assert found.shape == clean.shape, drawn.called(place)
            assert found.dtype == clean.dtype, drawn.called(place)
            assert torch.isfinite(found).all(), drawn.called(place)

    def test_clean_features_are_left_alone(self, drawn: Scene) -> None:
        """Every severity is applied to the same features."""
        for place in drawn.places:
            clean = drawn.clean(place)
            before = clean.values.clone()
            drawn.damage(place).apply(clean, drawn.noise.at_severity(0.7))
            assert torch.equal(clean.values, before), drawn.called(place)

    def test_draws_depend_on_the_frozen_stream_alone(self, drawn: Scene) -> None:
        """Generators of the process have no part in it."""
        for place in drawn.places:
            found = []
            for seed in (1, 2):
                with surroundings(seed):
                    found.append(drawn.at(place, 0.5))
            assert torch.equal(*found), drawn.called(place)

    def test_an_utterance_is_damaged_alike_in_any_company(self, drawn: Scene) -> None:
        """Which utterances are asked for, how often and in what order, changes nothing."""
        some = np.array([40, 3, 11, 11, 100, 0])
        for place in drawn.places:
            whole = drawn.clean(place).with_values(drawn.at(place, 0.5))
            apart = drawn.at(place, 0.5, some)
            assert torch.equal(whole.take(torch.from_numpy(some)).values, apart), drawn.called(
                place
            )

    def test_draws_do_not_depend_on_the_fold(self, drawn: Scene) -> None:
        """They are made at the raw width; then the fold's columns are kept.

        Frames that are borrowed are scaled by the fold, so of those the lenders are compared.
        """
        everyone = np.arange(len(drawn.corpus))
        for place in drawn.places:
            if drawn.damage(place).lenders().size:
                continue
            narrow = drawn.fold(everyone[: len(everyone) // 2])
            kept = narrow.normaliser.modalities[place].keep
            for one, other in zip(
                drawn.damage(place).tensors(),
                narrow.damage(drawn.noise, place, everyone, 0, _CPU).tensors(),
                strict=True,
            ):
                wide = one.ndim == 2 and one.shape[1] != other.shape[1]
                assert torch.equal(one[:, kept] if wide else one, other), drawn.called(place)

    def test_the_hash_of_draws_is_the_same_twice(self, drawn: Scene) -> None:
        """`plan` and `trace` draw from the stream alone."""
        found = {draws_hash(drawn.corpus, [drawn.noise], 2, 0) for _ in range(2)}
        assert len(found) == 1


class Scene:
    """A noise, and the features of a small corpus.

    Attributes:
        noise: it.
        corpus: with natively absent utterances and a vector modality.
        places: of the modalities that the noise has a meaning for.
    """

    def __init__(self, noise: Noise) -> None:
        self.noise = noise
        self.corpus = small_corpus()
        kinds = [m.kind for m in self.corpus.modalities]
        self.places: Sequence[int] = [
            place for place, kind in enumerate(kinds) if kind != "vector" or not noise.timed
        ]
        self._source = self.fold(self._everyone)

    @property
    def _everyone(self) -> NDArray[np.int64]:
        return np.arange(len(self.corpus))

    def fold(self, train: NDArray[np.int64]) -> Corruptor:
        """Return what draws in a fold with this training part."""
        return Corruptor(self.corpus, fit_normaliser(self.corpus, train), 0)

    def called(self, place: int) -> str:
        """Return what to say of a modality."""
        return f"modality {self.corpus.names[place]!r} ({self.corpus.modalities[place].kind})"

    def clean(self, place: int, utterances: NDArray[np.int64] | None = None) -> Ragged:
        """Return normalised features of some utterances, or of all."""
        some = self._everyone if utterances is None else utterances
        part = make_part(self.corpus, self._source.normaliser, some, _CPU)
        return part.features[self.corpus.names[place]]

    def damage(self, place: int, utterances: NDArray[np.int64] | None = None) -> Damage:
        """Draw the noise for some utterances, or for all."""
        some = self._everyone if utterances is None else utterances
        return self._source.damage(self.noise, place, some, 0, _CPU)

    def at(
        self, place: int, severity: float, utterances: NDArray[np.int64] | None = None
    ) -> torch.Tensor:
        """Return the damaged (F, D) frames."""
        clean = self.clean(place, utterances)
        return self.damage(place, utterances).apply(clean, self.noise.at_severity(severity))

    def hit(self, place: int, severity: float) -> torch.Tensor:
        """Return (F,) True where a frame is not what it was."""
        return (self.at(place, severity) != self.clean(place).values).any(1)
