"""
Which rounds of a duet say something.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from agent_perf.errors import SampleError
from agent_perf.records import DuetRun
from agent_perf.stats.duet import worse_log_ratios
from agent_perf.stats.quantiles import samples_needed

_QUANTILE: Final = re.compile(r"\.p(\d+)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class UsableRounds:
    """
    What is left of a duet's rounds.

    Attributes:
        worse: Log ratio of each round that counts, positive for the worse, in order.
        busy: Whether the machine was very busy in each of them; empty if nobody took it
            down. For a CPU clock such rounds count, for a wall clock they do not.
        set_aside_count: Rounds that do not count, for that reason.
        is_stepped: Whether a clock's step hides the noise, for each side has the same seconds
            in every round: then no number of rounds settles anything.
        refusal: Why no round counts, whatever else is measured; empty if some may.
    """

    worse: tuple[float, ...] = ()
    busy: tuple[bool, ...] = ()
    set_aside_count: int = 0
    is_stepped: bool = False
    refusal: str = ""


def usable_rounds(duet: DuetRun) -> UsableRounds:
    """Return the rounds of *duet* that count, without those of its confirmation."""
    needed = _calls_needed(duet.metric)
    if duet.base and duet.calls_per_round < needed:
        return UsableRounds(
            refusal=(
                f"{duet.calls_per_round} calls a round, whose {duet.metric.rpartition('.')[2]} "
                f"would be their maximum; want at least {needed}: make the benchmark shorter"
            )
        )
    try:
        worse = worse_log_ratios(duet)
    except SampleError as error:
        return UsableRounds(refusal=str(error))
    busy = tuple(one.is_busy for one in duet.conditions)
    kept = worse
    if duet.metric.startswith("wall.") and busy:
        # Base and head take turns within a round, so that its pressure favours neither.
        kept = tuple(value for value, was in zip(worse, busy, strict=True) if not was)
        busy = (False,) * len(kept)
    return UsableRounds(
        worse=kept,
        busy=busy,
        set_aside_count=len(worse) - len(kept),
        is_stepped=duet.unit == "s" and len(set(duet.base)) == len(set(duet.head)) == 1,
    )


def _calls_needed(metric: str) -> int:
    found = _QUANTILE.search(metric)
    if found is None:
        return 1
    digits = found[1]
    return samples_needed(Fraction(int(digits), 10 ** len(digits)))
