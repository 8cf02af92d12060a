"""
Which operations a request really waited for.

Source: the backward sweep of Barford & Crovella, *Critical Path Analysis of TCP
Transactions*, SIGCOMM 2000, section 3, on spans instead of packets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Final

from agent_perf.records import OperationTotal

RawSpan = tuple[str, int, int, str]
"""Name, start and end in ns, detail: cheap enough to take down for every operation."""

_END_THEN_START: Final = itemgetter(2, 1)


def critical_ns(spans: Sequence[RawSpan], end_ns: int) -> list[int]:
    """
    Return for each span how much of it lies on the critical path to *end_ns*, in ns.

    From the end backwards: what finished last was waited for; before its start, what
    finished last before that; and so on. Of two that finished together, the one that
    started later counts, so an inner operation hides the outer that only wraps it.

    Args:
        spans: Of one request, in any order.
        end_ns: When the request ended, on the spans' clock.
    """
    critical = [0] * len(spans)
    at_ns = end_ns
    for index in sorted(range(len(spans)), key=lambda i: _END_THEN_START(spans[i]), reverse=True):
        _, start_ns, stop_ns, _ = spans[index]
        if stop_ns <= at_ns and start_ns < stop_ns:
            critical[index] = stop_ns - start_ns
            at_ns = start_ns
    return critical


class OperationTotals:
    """Sums over the requests of a run, by operation name."""

    def __init__(self) -> None:
        self._totals: dict[str, list[int]] = {}

    def add(self, spans: Sequence[RawSpan], end_ns: int) -> None:
        """Take in one request's spans; arguments as for critical_ns."""
        for (name, start_ns, stop_ns, _), on_path_ns in zip(
            spans, critical_ns(spans, end_ns), strict=True
        ):
            total = self._totals.setdefault(name, [0, 0, 0])
            total[0] += 1
            total[1] += stop_ns - start_ns
            total[2] += on_path_ns

    def result(self) -> Mapping[str, OperationTotal]:
        """Return the totals, by name in alphabetical order."""
        return {
            name: OperationTotal(count=count, busy_ns=busy_ns, critical_ns=on_path_ns)
            for name, (count, busy_ns, on_path_ns) in sorted(self._totals.items())
        }
