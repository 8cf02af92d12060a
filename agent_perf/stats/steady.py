"""
What faults did to a run, and how long it took to recover: goodput before, during and after.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from agent_perf.records import Bucket, FaultWindow, StateChange, Timeline

RECOVERED_RATIO: Final = 0.95
"""Share of the goodput before that counts as recovered."""
RECOVERED_BUCKETS: Final = 3
"""Buckets in a row, at least, over which it must be that high: one good moment is no recovery."""
RECOVERED_ASKED: Final = 20
"""Requests, at least, over which it must: of fewer, 95 % says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowEffect:
    """
    What one window did. Goodput is the share of requests asked for that were answered well.

    Attributes:
        window: The window.
        before_ratio: Goodput in the buckets before it that no window touches; None: there
            is none, or nobody asked.
        during_ratio: Goodput in the buckets that it touches, of *before_ratio*.
        after_ratio: Goodput in the buckets after it that no window touches, likewise.
        recovery_ns: From its end to the begin of the first bucket from which goodput is
            back: an upper bound, too high by *bucket_ns* at most; None: not while the run
            lasted.
        bucket_ns: Length of the timeline's buckets.
        watched_ns: How much of the run lies after it, but for its last bucket.
        errors: Category to number, in the buckets that it touches.
        p95_ns_before: Worst P95 of the buckets before it.
        p95_ns_during: Worst P95 of the buckets that it touches.
    """

    window: FaultWindow
    before_ratio: float | None
    during_ratio: float | None
    after_ratio: float | None
    recovery_ns: int | None
    bucket_ns: int
    watched_ns: int
    errors: Mapping[str, int]
    p95_ns_before: int
    p95_ns_during: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StateTotal:
    """How often a named thing came to a state, and how long it was in it, in all."""

    name: str
    state: str
    entries: int
    total_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SteadyState:
    """
    What a run's faults came to.

    Attributes:
        windows: One effect for each window, in their order.
        states: One total for each named thing and state, by name.
        retries: Work counts that tell of retries, and of strikes of faults.
    """

    windows: tuple[WindowEffect, ...] = ()
    states: tuple[StateTotal, ...] = ()
    retries: Mapping[str, int] = field(default_factory=dict)


def steady_state(
    timeline: Timeline | None,
    windows: Sequence[FaultWindow],
    *,
    states: Sequence[StateChange] = (),
    counts: Mapping[str, int] | None = None,
    duration_ns: int = 0,
) -> SteadyState:
    """
    Return what *windows* did to the run whose *timeline* is given.

    Args:
        timeline: Without one, there are no effects.
        windows: By their begin.
        states: In order.
        counts: The run's work counts.
        duration_ns: The run's length, in which the last state of each thing ends.
    """
    effects = () if timeline is None else tuple(_effect(timeline, windows, one) for one in windows)
    retries = {
        name: amount
        for name, amount in (counts or {}).items()
        if "retries" in name or name in ("faults", "worker_crashes", "worker_restarts")
    }
    return SteadyState(windows=effects, states=state_totals(states, duration_ns), retries=retries)


def state_totals(states: Iterable[StateChange], duration_ns: int) -> tuple[StateTotal, ...]:
    """Return how often each thing came to each state, and for how long until *duration_ns*."""
    entries: Counter[tuple[str, str]] = Counter()
    total_ns: Counter[tuple[str, str]] = Counter()
    since: dict[str, StateChange] = {}
    for change in states:
        last = since.get(change.name)
        if last is not None:
            total_ns[last.name, last.state] += change.at_ns - last.at_ns
        entries[change.name, change.state] += 1
        since[change.name] = change
    for last in since.values():
        total_ns[last.name, last.state] += max(0, duration_ns - last.at_ns)
    return tuple(
        StateTotal(name=name, state=state, entries=entries[name, state], total_ns=total_ns[key])
        for name, state in sorted(entries)
        for key in [(name, state)]
    )


def _effect(
    timeline: Timeline, windows: Sequence[FaultWindow], window: FaultWindow
) -> WindowEffect:
    length_ns = timeline.bucket_ns
    # The last bucket may be cut short, and what was asked in it not yet be answered.
    buckets = timeline.buckets[:-1]
    touched = set().union(*(_touched(one, length_ns) for one in windows))
    own = _touched(window, length_ns)
    first_after = -(-window.end_ns // length_ns)
    before = [one for i, one in enumerate(buckets) if i < min(own) and i not in touched]
    during = [one for i, one in enumerate(timeline.buckets) if i in own]
    after = [one for i, one in enumerate(buckets) if i >= first_after and i not in touched]
    before_ratio = _goodput(before)
    return WindowEffect(
        window=window,
        before_ratio=before_ratio,
        during_ratio=_relative(_goodput(during), before_ratio),
        after_ratio=_relative(_goodput(after), before_ratio),
        recovery_ns=_recovery_ns(buckets, first_after, before_ratio, window, length_ns),
        bucket_ns=length_ns,
        watched_ns=max(0, len(buckets) * length_ns - window.end_ns),
        errors=_errors(during),
        p95_ns_before=max((one.latency.p95_ns for one in before), default=0),
        p95_ns_during=max((one.latency.p95_ns for one in during), default=0),
    )


def _touched(window: FaultWindow, length_ns: int) -> range:
    first = window.start_ns // length_ns
    return range(first, max(first + 1, -(-window.end_ns // length_ns)))


def _asked(bucket: Bucket) -> int:
    return bucket.started + bucket.dropped


def _goodput(buckets: Sequence[Bucket]) -> float | None:
    asked = sum(map(_asked, buckets))
    return sum(bucket.good for bucket in buckets) / asked if asked else None


def _relative(ratio: float | None, before: float | None) -> float | None:
    return None if ratio is None or not before else ratio / before


def _recovery_ns(
    buckets: Sequence[Bucket],
    first: int,
    before_ratio: float | None,
    window: FaultWindow,
    length_ns: int,
) -> int | None:
    if not before_ratio:
        return None
    for index in range(first, len(buckets)):
        # It is back with a good answer, not with the silence before one.
        if buckets[index].good and _is_back(buckets[index:], before_ratio):
            return index * length_ns - window.end_ns
    return None


def _is_back(buckets: Sequence[Bucket], before_ratio: float) -> bool:
    """Return whether goodput is what it was before, over the shortest stretch that tells."""
    asked = good = 0
    for count, bucket in enumerate(buckets, start=1):
        asked += _asked(bucket)
        # What was held up and comes all at once must not hide that others fail.
        good += min(bucket.good, _asked(bucket))
        if count >= RECOVERED_BUCKETS and asked >= RECOVERED_ASKED:
            # One request may straddle the edge of a bucket.
            return good >= RECOVERED_RATIO * before_ratio * asked - 1
    return False


def _errors(buckets: Iterable[Bucket]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for bucket in buckets:
        total.update(bucket.errors)
    return dict(sorted(total.items()))
