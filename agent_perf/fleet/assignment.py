"""
What a worker is asked for, and what it says of itself: plain values that travel as JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from agent_perf.fleet.likeness import Installation
from agent_perf.fleet.source import Source
from agent_perf.records import Tier
from agent_perf.suite import CpuMode


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """
    Benchmarks of one commit, for one worker.

    Attributes:
        part: Names it among all that any client ever asked for.
        source: Where the commit is from.
        commit: 40 hex digits.
        time_limit_s: As in measure_tree, with all that follow.
        stored: Likewise.
        only: Likewise.
        leave: Likewise.
        imports: Likewise.
        cpu: Likewise.
        tier: Likewise.
        environ: Likewise.
    """

    part: str
    source: Source
    commit: str
    time_limit_s: float
    stored: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    leave: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    cpu: CpuMode | None = None
    tier: Tier = Tier.CLIENT
    environ: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """
    A worker, as it says itself.

    Attributes:
        installation: What is installed there.
        has_source: Whether it has, or sees, the files to measure.
    """

    installation: Installation
    has_source: bool
