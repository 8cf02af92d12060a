"""
Which service each request goes to: short blocks in random order, so that one slow moment hits both.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from agent_perf.errors import ConfigError

CONTROL_SHARE: Final = 0.2
"""
Share of the rate that the stable service gets at least, on top of the candidate's: also at a step
of 100 % there must be something to compare with.
"""

_DENOMINATOR_MAX: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """
    A part of a canary.

    Attributes:
        share: Of the rate that the candidate gets; in (0, 1].
        length_s: How long at most.
        rate_hz: Requests per second that are shared out; > 0.
    """

    share: float
    length_s: float
    rate_hz: float

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise ConfigError(
                f"a step of {self.share * 100:.4g} %; want a share above 0 %, up to 100 %"
            )
        if round(self.share * _DENOMINATOR_MAX) < 1:
            raise ConfigError(f"a step of {self.share * 100:.4g} %; the smallest is 1 %")

    @property
    def block(self) -> tuple[int, int]:
        """Requests to the stable service and to the candidate in one block."""
        share = Fraction(self.share).limit_denominator(_DENOMINATOR_MAX)
        control = max(1 - share, Fraction(CONTROL_SHARE).limit_denominator(_DENOMINATOR_MAX))
        both = control / share
        return both.numerator, both.denominator

    @property
    def total_hz(self) -> float:
        """Requests per second to both services together."""
        stable, candidate = self.block
        return self.share * self.rate_hz * (stable + candidate) / candidate

    def sides(self, seed: int) -> Iterator[bool]:
        """Yield for each request whether it goes to the candidate, without end."""
        stable, candidate = self.block
        dice = random.Random(seed)
        block = [False] * stable + [True] * candidate
        while True:
            dice.shuffle(block)
            yield from block
