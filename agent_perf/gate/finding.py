"""
A cause with what it accounts for, and what is left to explain.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from agent_perf.gate.difference import Change, Difference
from agent_perf.records import Cause

MATERIAL: Final = Fraction(5, 4)
"""
Growth that is told beside others. A slower request shifts a few batches and cache hits in
time, and a lost hit has a longer prompt; such echoes are told only when they are all there is.
"""

_RARE: Final = Fraction(1, 100)
"""Work per request below which something that was never done before is no material cause."""

_CALLS: Final = ("redis_trips", "llm_calls", "tool_calls", "db_statements", "http_requests")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """
    A cause, and what it accounts for.

    Attributes:
        counts: Prefixes of work counts that follow from it.
        operations: Prefixes of operations likewise.
        scale: All work may have grown by this factor because of it, and no more; 1 for none.
    """

    cause: Cause
    counts: tuple[str, ...] = ()
    operations: tuple[str, ...] = ()
    scale: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """
    A difference without what is explained already.

    Attributes:
        difference: Of the two runs.
        findings: What is known so far.
        every: Whether immaterial growth counts too.
    """

    difference: Difference
    findings: tuple[Finding, ...] = ()
    every: bool = False

    def grew(self, change: Change, name: str = "") -> bool:
        """
        Return whether *change* grew, materially, and beyond what is explained.

        Args:
            change: A count or a detail.
            name: The work count that a detail belongs to; of a count its own name.
        """
        counted = name or change.name
        if change.more <= 0 or self.claims_count(counted):
            return False
        scale = max((finding.scale for finding in self.findings), default=1.0)
        if scale > 1 and change.head <= float(change.base) * scale * float(MATERIAL):
            return False
        return self.every or _is_material(change, counted)

    def claims_count(self, name: str) -> bool:
        """Return whether a finding accounts for any growth of work count *name*."""
        return any(
            math.isinf(finding.scale) or (bool(finding.counts) and name.startswith(finding.counts))
            for finding in self.findings
        )

    def critical_ns(self, *prefixes: str) -> Fraction:
        """
        Return how much longer requests waited for the operations that begin so, mean.

        What a finding accounts for already is not counted again.
        """
        names = (
            name
            for name in self.difference.operations()
            if name.startswith(prefixes) and not self.claims_operation(name)
        )
        return sum((self.difference.waited_ns(name).more for name in names), Fraction(0))

    def claims_operation(self, name: str) -> bool:
        """Return whether a finding accounts for time spent in operation *name*."""
        return any(
            bool(finding.operations) and name.startswith(finding.operations)
            for finding in self.findings
        )


def _is_material(change: Change, name: str) -> bool:
    if not change.base:
        return change.head >= _RARE
    if abs(change.more) < _RARE:
        # Less than one in a hundred requests: a key that expired a moment earlier, say.
        return False
    return change.head >= change.base * MATERIAL or (
        name in _CALLS and change.more >= Fraction(1, 2)
    )
