"""Exchange tests of many rules at once: is a run another than its reference in any of them?

Two runs of one benchmark differ in their trained models alone: one for each (fold, seed), trained
apart from all others. Where the models of both runs come from one distribution, exchanging the two
of any block changes nothing about that distribution, so that the signs of the blocks' effects are
those of fair coins, whatever the utterances, clusters and rules have in common. All rules are
exchanged together, and the largest statistic is kept (max-T): the chance that any rule is flagged
without reason is alpha, for any number of rules (Westfall and Young 1993, chapter 2; Winkler et
al. 2014, NeuroImage 92, for sign flips of whole blocks).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from merbench.errors import ConfigError
from merbench.statistics.outcome import ALPHA

Floats = NDArray[np.floating]

DRAWS = 10_000  # of signs, where there are more than that
POWER = 0.8
_TIE = 1e-9  # statistics nearer than that are equal but for rounding
_AT_ONCE = 2_000  # draws whose statistics are in memory
_KNOTS = 2_001
_HIGHEST = 8.0  # normal quantile; p = 6e-16


@dataclass(frozen=True)
class Exchanged:
    """Differences of rules, with bounds that hold for all of them at once.

    Attributes:
        value: (K,) difference of each rule, the sum of its blocks' effects.
        low: (K,) lower bound; the chance that any lies above its true value is alpha.
        high: (K,) upper bound, likewise below.
        p: (K,) adjusted p of "no difference" against one in the direction of `value`.
    """

    value: Floats
    low: Floats
    high: Floats
    p: Floats


def signs_of(blocks: int, draws: int = DRAWS) -> Floats:
    """Return (B, blocks) signs: all of them where they are no more than `draws`, or frozen draws.

    With every row comes its negative; the first row has no exchange.

    Raises:
        ConfigError: fewer than two draws.
    """
    if draws < 2:
        raise ConfigError(f"found {draws} draws of signs; expected thousands, two at least")
    if 2**blocks <= draws:
        codes = np.arange(2**blocks)[:, None] >> np.arange(blocks)
        return 1.0 - 2.0 * (codes & 1)
    half = np.random.default_rng((blocks, draws)).integers(0, 2, (draws // 2, blocks)) * 2.0 - 1.0
    half[0] = 1
    return np.concatenate([half, -half])


def smallest_p(blocks: int) -> float:
    """Return the smallest p that exchanges of so many blocks can give."""
    return float(2.0**-blocks)


def exchange(
    effects: Floats, there: NDArray[np.bool_], alpha: float = ALPHA, draws: int = DRAWS
) -> Exchanged:
    """Test K rules of one comparison.

    Args:
        effects: (M, K) what each of M blocks adds to the difference of each rule.
        there: (M, K) whether a rule has the block; elsewhere its effect must be 0.
        alpha: the chance that any rule is flagged without reason, for drops and gains each.
        draws: of signs.

    Returns:
        Bounds and p agree: 0 lies outside the bounds where p <= alpha. Bounds are infinite where
        the data are too few for any. A rule without any effect has the value 0, bounds 0, and p 1.
    """
    value, blocks = effects.sum(axis=0), there.sum(axis=0)
    root = np.sqrt((effects**2).sum(axis=0))
    scale = _Scale(blocks)
    largest = _largest(effects, root, scale, signs_of(len(effects), draws))
    statistic = scale.of(_ratio(np.abs(value), root))
    place = len(largest) - np.searchsorted(largest, statistic - _TIE)
    p = place / len(largest)
    half = _half_width(value, root, blocks, scale.back(_critical(largest, alpha)))
    # A statistic that is the critical one itself must not fall outside by rounding.
    half = np.where(p > alpha, np.maximum(half, np.abs(value)), half)
    return Exchanged(value, value - half, value + half, p)


def smallest_detectable_drop(
    null_effects: Floats,
    there: NDArray[np.bool_],
    alpha: float = ALPHA,
    power: float = POWER,
    draws: int = DRAWS,
) -> Floats:
    """Return the smallest drop of each rule that `exchange` would flag with this power.

    Args:
        null_effects: (M, K) effects as they are between two runs whose models differ by the luck of
            their training alone.
        there: (M, K) whether a rule has the block.
        alpha: of the test.
        power: chance of flagging the drop.
        draws: of signs.

    Returns:
        (K,): (critical t + t of power) x standard error, the usual close approximation; infinite
        where no drop could be flagged.
    """
    root, blocks = np.sqrt((null_effects**2).sum(axis=0)), there.sum(axis=0)
    scale = _Scale(blocks)
    largest = _largest(null_effects, root, scale, signs_of(len(null_effects), draws))
    t = _as_t(scale.back(_critical(largest, alpha)), blocks)
    known = np.where(np.isinf(t), 0, t) + stats.t.ppf(power, np.maximum(blocks - 1, 1))
    return np.where(np.isinf(t), np.inf, known * root)


class _Scale:
    """Puts statistics of rules with fewer blocks on one scale with the others.

    A statistic ends at the root of its number of blocks, so that the largest would be that of the
    rules with most blocks. Where numbers differ, statistics become the normal quantiles of their t;
    any rising function would do for the error rate.
    """

    def __init__(self, blocks: NDArray[np.integer]) -> None:
        self._blocks = blocks
        self._knots: dict[int, tuple[Floats, Floats]] = {}
        numbers = np.unique(blocks)
        if len(numbers) < 2:
            return
        for number in numbers.tolist():
            ends = np.sqrt(number) * np.linspace(0, 1, _KNOTS)
            with np.errstate(divide="ignore"):
                t = ends * np.sqrt(max(number - 1, 0) / np.maximum(number - ends**2, 0))
            z = stats.norm.isf(stats.t.sf(np.nan_to_num(t, nan=0.0), max(number - 1, 1)))
            self._knots[number] = (ends, np.minimum(z, _HIGHEST))

    def of(self, statistics: Floats) -> Floats:
        """Return (..., K) statistics on the common scale."""
        if not self._knots:
            return statistics
        found = np.empty_like(statistics)
        for number, (ends, z) in self._knots.items():
            mine = statistics[..., self._blocks == number]
            found[..., self._blocks == number] = np.sign(mine) * np.interp(np.abs(mine), ends, z)
        return found

    def back(self, value: float) -> Floats:
        """Return the (K,) statistics that have a value on the common scale."""
        found = np.full(len(self._blocks), value)
        for number, (ends, z) in self._knots.items():
            found[self._blocks == number] = np.interp(value, z, ends)
        return found


def _largest(effects: Floats, root: Floats, scale: _Scale, signs: Floats) -> Floats:
    """Return the largest statistic over the rules under each exchange, ascending."""
    scaled = _ratio(effects, root)
    if not scaled.shape[1]:
        return np.zeros(len(signs))
    parts = [
        scale.of(signs[start : start + _AT_ONCE] @ scaled).max(axis=1)
        for start in range(0, len(signs), _AT_ONCE)
    ]
    return np.sort(np.concatenate(parts))


def _critical(largest: Floats, alpha: float) -> float:
    """Return the value that at most a share of alpha of the exchanges exceed."""
    allowed = int(np.floor(alpha * len(largest)))
    return float(largest[len(largest) - 1 - allowed])


def _half_width(
    value: Floats, root: Floats, blocks: NDArray[np.integer], critical: Floats
) -> Floats:
    """Return half the width of intervals that leave 0 out where the statistic is critical.

    The statistic S = sum / root of squares is a function of Student's t of the blocks' effects:
    t^2 = S^2 (M - 1) / (M - S^2).
    """
    spread = np.maximum(root**2 - value**2 / np.maximum(blocks, 1), 0)
    error = np.sqrt(spread * blocks / np.maximum(blocks - 1, 1))
    half: Floats = np.where(root > 0, np.where(error > 0, _as_t(critical, blocks), 0) * error, 0)
    # Effects that are all equal have no spread; that is no certainty where exchanges are few.
    return np.where((root > 0) & (critical**2 >= blocks - _TIE), np.inf, half)


def _as_t(critical: Floats, blocks: NDArray[np.integer]) -> Floats:
    beyond = blocks - critical**2 <= _TIE
    room = np.where(beyond, 1.0, blocks - critical**2)
    t: Floats = np.where(beyond, np.inf, critical * np.sqrt((blocks - 1) / room))
    return t


def _ratio(part: Floats, whole: Floats) -> Floats:
    found: Floats = np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
    return found
