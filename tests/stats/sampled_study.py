"""
The rule for sampled evidence again, for many cases at a time: what its promises rest on.

One case is the whole procedure: first rounds, and fresh ones if they suspect; noise between
rounds, looks, answers. Written in numpy and by itself, it needs a microsecond where the
product takes a thousand; that both agree is tested.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from agent_perf.stats import LOOKS, look_levels, t_quantile

Array = npt.NDArray[np.float64]
Noise = Callable[[np.random.Generator, tuple[int, int]], Array]

SUSPICION_MISS, MISS, SUITE_MISS = 0.15, 0.008, 0.006
OPEN, WITHIN, BEYOND = 0, 1, 2


def gauss(scale: float) -> Noise:
    return lambda rng, shape: rng.normal(0, scale, shape)


def thrown_off(scale: float) -> Noise:
    """One round in ten is off by e^±0.3."""

    def draw(rng: np.random.Generator, shape: tuple[int, int]) -> Array:
        off = rng.choice([-0.3, 0.3], shape) * (rng.random(shape) < 0.1)
        return np.asarray(rng.normal(0, scale, shape) + off)

    return draw


def heavy(scale: float) -> Noise:
    """Student's t with three degrees of freedom, of that scale."""
    return lambda rng, shape: scale * rng.standard_t(3, shape)


def drifting(scale: float) -> Noise:
    """AR(1): a round keeps three tenths of the last one's error."""

    def draw(rng: np.random.Generator, shape: tuple[int, int]) -> Array:
        values = rng.normal(0, scale, shape)
        for index in range(1, shape[1]):
            values[:, index] = 0.3 * values[:, index - 1] + values[:, index] * math.sqrt(0.91)
        return values

    return draw


def answers(worse: Array, limit: float, beyond_miss: float) -> tuple[Array, Array]:
    """Return what each row of rounds says, and after how many of them."""
    said = np.zeros(len(worse))
    rounds = np.full(len(worse), float(LOOKS[-1]))
    going = np.arange(len(worse))
    levels = zip(LOOKS, look_levels(MISS, LOOKS), look_levels(beyond_miss, LOOKS), strict=True)
    for look, miss, beyond in levels:
        centre, error, freedom = _trimmed(worse[going, :look])
        within = centre + error * t_quantile(1 - miss, freedom) < limit
        above = ~within & (centre - error * t_quantile(1 - beyond, freedom) > limit)
        said[going[within]] = WITHIN
        said[going[above]] = BEYOND
        rounds[going[within | above]] = look
        going = going[~(within | above)]
    return said, rounds


def _trimmed(values: Array) -> tuple[Array, Array, int]:
    count = values.shape[1]
    cut = count // 5 if count >= 8 else 0
    kept = count - 2 * cut
    ordered = np.sort(values, axis=1)
    clipped = np.clip(ordered, ordered[:, cut, None], ordered[:, count - 1 - cut, None])
    error = clipped.std(axis=1, ddof=1) * math.sqrt((count - 1) / (kept * (kept - 1)))
    return ordered[:, cut : count - cut].mean(axis=1), error, kept - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Studied:
    """
    What became of many suites.

    Attributes:
        regressed: Whether each metric of each suite was called regressed.
        within: Whether its first rounds called it fine.
        rounds: Rounds of each, fresh ones included.
    """

    regressed: npt.NDArray[np.bool_]
    within: npt.NDArray[np.bool_]
    rounds: Array

    @property
    def alarm_ratio(self) -> float:
        """Share of suites with a regression."""
        return float(self.regressed.any(axis=1).mean())


def study(
    noise: Noise,
    change: float,
    *,
    suites: int,
    metrics: int = 1,
    limit: float = 0.15,
    seed: int = 1,
) -> Studied:
    """Return what becomes of *suites* of *metrics* that all became worse by *change*."""
    rng = np.random.default_rng(seed)
    limit_log, shape = math.log1p(limit), (suites * metrics, LOOKS[-1])
    said, rounds = answers(math.log1p(change) + noise(rng, shape), limit_log, SUSPICION_MISS)
    suspects = np.flatnonzero(said == BEYOND)
    fresh = math.log1p(change) + noise(rng, (len(suspects), LOOKS[-1]))
    regressed = np.zeros(suites * metrics, dtype=bool)
    for suite in np.unique(suspects // metrics):
        rows = np.flatnonzero(suspects // metrics == suite)
        regressed[suspects[rows]] = _upheld(fresh[rows], limit_log)
    if metrics == 1 and len(suspects):
        rounds[suspects] += answers(fresh, limit_log, SUITE_MISS)[1]
    return Studied(
        regressed=regressed.reshape(suites, metrics),
        within=(said == WITHIN).reshape(suites, metrics),
        rounds=rounds.reshape(suites, metrics),
    )


def _upheld(fresh: Array, limit: float) -> npt.NDArray[np.bool_]:
    """Hochberg's step-up, as he writes it: the largest m with m sure at alpha / (K - m + 1)."""
    for divisor in range(1, len(fresh) + 1):
        sure = answers(fresh, limit, SUITE_MISS / divisor)[0] == BEYOND
        if sure.sum() >= len(fresh) - divisor + 1:
            return np.asarray(sure)
    return np.zeros(len(fresh), dtype=bool)


def clopper_pearson_high(hits: int, trials: int, miss: float = 0.01) -> float:
    """Return the upper bound of a share of which *hits* in *trials* were seen."""
    low, high = hits / trials, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if _binomial_at_most(hits, trials, middle) > miss:
            low = middle
        else:
            high = middle
    return high


def _binomial_at_most(hits: int, trials: int, share: float) -> float:
    if share in {0.0, 1.0}:
        return float(share == 0 or hits == trials)
    terms: Sequence[float] = [
        math.lgamma(trials + 1)
        - math.lgamma(k + 1)
        - math.lgamma(trials - k + 1)
        + k * math.log(share)
        + (trials - k) * math.log1p(-share)
        for k in range(hits + 1)
    ]
    return math.fsum(map(math.exp, terms))
