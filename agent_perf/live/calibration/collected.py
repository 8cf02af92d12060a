"""
What a service was found to take, before it becomes a table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from agent_perf.live.calibration.fitting import quantiles
from agent_perf.live.hosts import is_loopback
from agent_perf.records import CalibratedTable

Where = Literal["this machine", "another machine"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """
    Who was asked, and how often; the attributes are those of CalibratedTable.
    """

    service: str
    where: Where
    rate_hz: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """
    Latencies of one operation.

    Attributes:
        name: As simulations know it.
        origin: Who was asked.
        how: What was timed, in words.
        waits_ns: How long each was waited for, >= 0.
    """

    name: str
    origin: Origin
    how: str
    waits_ns: tuple[int, ...]

    def table(self, grid: Sequence[int], measured_at: str) -> CalibratedTable:
        """
        Return the table of these latencies.

        Raises:
            TooFewSamplesError: If they are too few for one.
        """
        return CalibratedTable(
            name=self.name,
            service=self.origin.service,
            where=self.origin.where,
            how=self.how,
            measured_at=measured_at,
            rate_hz=self.origin.rate_hz,
            sample_count=len(self.waits_ns),
            value_ns=quantiles(self.waits_ns, grid, self.name),
        )


def where_is(host: str) -> Where:
    """Return whether *host* is this machine."""
    return "this machine" if is_loopback(host) else "another machine"
