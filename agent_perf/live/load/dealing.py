"""
Deals the arrivals of a shape of load to workers, as the simulator would let them arrive.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import BinaryIO, Final

from agent_perf.errors import UsageError
from agent_perf.live.locust.wire import ARRIVAL
from agent_perf.load import Arrival, Limits, RateLimit, Shape
from agent_perf.sim import U53, Draws

ARRIVALS_MAX: Final = 2_000_000
"""They are drawn before the load begins: some ten seconds, and 36 MB of files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dealt:
    """
    What was dealt.

    Attributes:
        offered: Requests that the shape asked for.
        dropped_ns: Intended starts of those that the limit of the rate refused.
    """

    offered: int
    dropped_ns: tuple[int, ...]


def deal(
    shape: Shape, weights: Sequence[int], *, seed: int, limits: Limits, files: Sequence[BinaryIO]
) -> Dealt:
    """
    Write the requests of *shape* to *files* in turn, as ARRIVAL records.

    When each arrives, and which of a mix it is, are the draws of a simulated load of that seed.

    Args:
        shape: When they arrive.
        weights: One for each request of the mix, each >= 1.
        seed: Of the draws.
        limits: Beyond its rate, requests are dropped.
        files: One for each worker.

    Raises:
        UsageError: If there are more than ARRIVALS_MAX.
    """
    draws = Draws(seed)
    rate = RateLimit(limits) if limits.rate_max_hz is not None else None
    dropped: list[int] = []
    offered = 0
    for number, (at_ns, name) in enumerate(_named(shape.arrivals(draws), weights, draws)):
        if number >= ARRIVALS_MAX:
            raise UsageError(
                f"{shape.describe()}: more than {ARRIVALS_MAX:,} requests; want a lower --rate, "
                "or a shorter --for"
            )
        offered = number + 1
        if rate is not None and not rate.admits(at_ns):
            dropped.append(at_ns)
            continue
        files[number % len(files)].write(ARRIVAL.pack(number, at_ns, name))
    for file in files:
        file.flush()
        file.seek(0)
    return Dealt(offered=offered, dropped_ns=tuple(dropped))


def _named(
    arrivals: Iterator[Arrival], weights: Sequence[int], draws: Draws
) -> Iterator[tuple[int, int]]:
    """Yield when each arrives, and the index of what it asks."""
    bounds = tuple(accumulate(weights))
    for number, arrival in enumerate(arrivals):
        # The key is that of a simulated mix: the same seed asks the same.
        point = draws.u53_for("load.mix", number) * bounds[-1] // U53
        yield arrival.at_ns, next(i for i, bound in enumerate(bounds) if point < bound)
