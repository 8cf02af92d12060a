"""
An interval for the centre of a few rounds, some of which went wrong.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from agent_perf.errors import SampleError, TooFewSamplesError
from agent_perf.stats.student_t import t_quantile

_TRIM_FROM: Final = 8
"""
Observations from which the outermost are left out.

Of five, only three would be left, whose t interval is twice as wide as the mean's (level
0.5 %, Gaussian noise). Of eight it is a sixth wider, and a fourth as wide where one
observation in ten is thrown off by fifteen times the noise.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrimmedMean:
    """
    A mean without the outermost fifth on either side, and how far it may be off.

    Attributes:
        centre: The trimmed mean.
        error: Its standard error, >= 0.
        freedom: Degrees of freedom of Student's t, >= 1.
    """

    centre: float
    error: float
    freedom: int

    def reach(self, miss_probability: float) -> float:
        """
        Return how far the true value may lie from *centre*.

        Args:
            miss_probability: Of it to lie farther below, and again farther above; in
                (0, 0.5).
        """
        # t has no quantile to offer where there is no error to multiply it with.
        return self.error * t_quantile(1 - miss_probability, self.freedom) if self.error else 0.0


def trimmed_mean(values: Sequence[float]) -> TrimmedMean:
    """
    Return the 20 % trimmed mean of *values* with its Tukey-McLaughlin standard error.

    Of fewer than eight values it is the plain mean with Student's.

    Args:
        values: n >= 2 independent observations, finite, in any order.

    Raises:
        TooFewSamplesError: If n < 2: one value tells nothing of its error.
        SampleError: If a value is not finite.

    Source: Wilcox, *Introduction to Robust Estimation and Hypothesis Testing* (2012),
    section 4.3; Tukey & McLaughlin (1963); Yuen, *Biometrika* 61 (1974) for two samples.
    """
    count = len(values)
    if count < 2:
        raise TooFewSamplesError(f"{count} observations; an interval wants at least 2")
    if not all(map(math.isfinite, values)):
        raise SampleError(f"observations {list(values)}; want finite numbers")
    cut = (count - kept_count(count)) // 2
    ordered = sorted(values)
    kept = ordered[cut : count - cut]
    winsorised = [kept[0]] * cut + kept + [kept[-1]] * cut
    mean = math.fsum(winsorised) / count
    squares = math.fsum((value - mean) ** 2 for value in winsorised)
    return TrimmedMean(
        centre=math.fsum(kept) / len(kept),
        error=math.sqrt(squares / (len(kept) * (len(kept) - 1))),
        freedom=len(kept) - 1,
    )


def kept_count(count: int) -> int:
    """Return how many of *count* values the trimmed mean is a mean of."""
    return count - 2 * (count // 5) if count >= _TRIM_FROM else count
