"""
An interval for the centre of a few rounds, some of which went wrong.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from agent_perf.errors import SampleError, TooFewSamplesError
from agent_perf.stats.student_t import t_quantile


@dataclass(frozen=True, slots=True, kw_only=True)
class TrimmedMean:
    """
    A mean without the outermost fifth on either side, and where it may lie.

    Attributes:
        centre: The trimmed mean.
        low: Lower bound, <= *centre*.
        high: Upper bound, >= *centre*.
    """

    centre: float
    low: float
    high: float


def trimmed_mean(values: Sequence[float], miss_probability: float) -> TrimmedMean:
    """
    Return the 20 % trimmed mean of *values* with its Tukey-McLaughlin t interval.

    Args:
        values: n >= 5 independent observations, finite, in any order.
        miss_probability: Of the true value to lie below *low*, and again of it to lie
            above *high*; in (0, 0.5).

    Raises:
        TooFewSamplesError: If n < 5: nothing could be trimmed.
        SampleError: If a value is not finite.

    Source: Wilcox, *Introduction to Robust Estimation and Hypothesis Testing* (2012),
    section 4.3; Tukey & McLaughlin (1963); Yuen, *Biometrika* 61 (1974) for two samples.
    """
    count = len(values)
    cut = count // 5
    if cut == 0:
        raise TooFewSamplesError(f"{count} observations; a 20 % trimmed mean wants at least 5")
    if not all(map(math.isfinite, values)):
        raise SampleError(f"observations {list(values)}; want finite numbers")
    ordered = sorted(values)
    kept = ordered[cut : count - cut]
    centre = math.fsum(kept) / len(kept)
    winsorised = [kept[0]] * cut + kept + [kept[-1]] * cut
    mean = math.fsum(winsorised) / count
    squares = math.fsum((value - mean) ** 2 for value in winsorised)
    error = math.sqrt(squares / (len(kept) * (len(kept) - 1)))
    reach = error * t_quantile(1 - miss_probability, len(kept) - 1)
    return TrimmedMean(centre=centre, low=centre - reach, high=centre + reach)
