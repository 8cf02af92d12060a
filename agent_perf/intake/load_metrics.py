"""
Which numbers of a load may be told, and why the others not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from agent_perf.stats import samples_needed

QUANTILES: Final[Mapping[str, str]] = {"p50": "0.5", "p95": "0.95", "p99": "0.99"}
"""Those that are judged, by the end of their metric's name."""


@dataclass(slots=True)
class LoadMetrics:
    """
    Metrics as they are gathered, and those withheld with the reason.

    Attributes:
        of: As in Timing.metrics.
        withheld: As in Timing.withheld.
    """

    of: dict[str, float] = field(default_factory=dict)
    withheld: dict[str, str] = field(default_factory=dict)

    def add_quantiles(
        self,
        family: str,
        values_s: Mapping[str, float | None],
        count: int | None,
        *,
        lacking: str,
        uncounted: str = "",
    ) -> None:
        """
        Add quantiles that a file tells.

        Args:
            family: As ``latency`` or ``latency.first_token``.
            values_s: End of the metric's name to seconds; None for what the file lacks.
            count: Observations behind them; None if the file does not tell.
            lacking: How to have a quantile written that the file lacks.
            uncounted: How to have the count written.
        """
        for end, value_s in values_s.items():
            metric = f"{family}.{end}"
            needed = samples_needed(QUANTILES[end])
            if value_s is None:
                self.withheld[metric] = f"the file does not have it; {lacking}"
            elif count is None and needed > 1:
                self.withheld[metric] = f"the file does not tell of how many requests; {uncounted}"
            elif count is not None and count < needed:
                self.withheld[metric] = f"{count} requests; a {end.upper()} wants at least {needed}"
            elif value_s == 0:
                self.withheld[metric] = "it is 0 in the file, and no request takes no time"
            else:
                self.of[metric] = value_s


def all_failed(failed_count: int, request_count: int, why: str = "") -> str:
    """Return that every request failed; empty if one did not, or none was made."""
    if not request_count or failed_count < request_count:
        return ""
    reason = f": {why}" if why else ""
    return f"{failed_count:,} of {request_count:,} requests failed{reason}"
