"""
Whether the generator did what it was to do: else its figures are of itself.
"""

from __future__ import annotations

from typing import Final

from agent_perf.live.load.merging import LATE_NS
from agent_perf.records import LatencySummary
from agent_perf.units import NS, format_value

_SHARE_MAX: Final = 10
"""One part in so many of the P95 may be the generator's own lateness."""


_WAY_OUT: Final = "want more --workers, a lower --rate, or a machine for it alone"


def problems_of(
    latency: LatencySummary,
    *,
    late_ns_p95: int,
    late_count: int,
    unsent_count: int,
    lost: tuple[str, ...],
) -> tuple[str, ...]:
    """
    Return why a load is no measurement, empty if it is one.

    Args:
        latency: Of all requests, from their intended starts.
        late_ns_p95: How late they were sent.
        late_count: How many more than LATE_NS.
        unsent_count: How many were not sent at all before the load was over.
        lost: What became of workers that ended before their time.
    """
    told = []
    if late_ns_p95 > LATE_NS and late_ns_p95 * _SHARE_MAX > latency.p95_ns:
        told.append(
            f"{late_count:,} of {latency.count:,} requests were sent late, the P95 by "
            f"{format_value(late_ns_p95 / NS, 's')}"
        )
    if unsent_count:
        told.append(f"{unsent_count:,} were not sent before the load was over")
    if not told:
        return lost
    return (*lost, f"the generator did not keep up: {', and '.join(told)}; {_WAY_OUT}")
