"""
A circuit breaker: after some failures in a row, fail at once for a while, then probe.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from agent_perf.components.errors import CircuitOpenError
from agent_perf.errors import ConfigError

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerState:
    """
    What a breaker remembers.

    Attributes:
        failures: Failures in a row, >= 0.
        opened_s: When it opened, on its clock; None while it is closed.
        probing: Whether a probe is under way; only while it is open.
    """

    failures: int = 0
    opened_s: float | None = None
    probing: bool = False


CLOSED: Final = BreakerState()


def admit(state: BreakerState, now_s: float, open_s: float) -> BreakerState | None:
    """Return the state in which one more call is under way; None if it is refused."""
    if state.opened_s is None:
        return state
    if state.probing or now_s < state.opened_s + open_s:
        return None
    return replace(state, probing=True)


def record_failure(
    state: BreakerState, now_s: float, failures_max: int, *, probe: bool
) -> BreakerState:
    """Return the state after a call failed; *probe* says that it was the probe."""
    if probe:
        return replace(state, opened_s=now_s, probing=False)
    if state.opened_s is not None:
        # A call from before it opened ends late: it tells nothing new.
        return state
    failures = state.failures + 1
    return BreakerState(failures=failures, opened_s=now_s if failures >= failures_max else None)


class CircuitBreaker:
    """
    Lets calls through until *failures_max* of them failed in a row.

    Then it refuses them for *open_s* seconds, lets one probe through, and closes again if
    that succeeds. A cancelled call counts for nothing.

    Args:
        failures_max: Failures in a row that open it, >= 1.
        open_s: Seconds it stays open, > 0.
        counts: Errors that are failures of the service called; others pass uncounted.
        clock: Monotonic seconds; ``time.monotonic`` if not given.
        on_change: Told of each change: ``open``, ``half-open`` (a probe is under way), or
            ``closed``.

    Example::

        breaker = CircuitBreaker(failures_max=5, open_s=10)
        reply = await breaker.call(lambda: client.get("/rates"))
    """

    def __init__(
        self,
        *,
        failures_max: int = 5,
        open_s: float = 30.0,
        counts: tuple[type[Exception], ...] = (Exception,),
        clock: Callable[[], float] | None = None,
        on_change: Callable[[str], None] | None = None,
    ) -> None:
        if failures_max < 1 or not open_s > 0:
            raise ConfigError(f"failures_max={failures_max}, open_s={open_s}; want >= 1 and > 0")
        self._failures_max = failures_max
        self._open_s = open_s
        self._counts = counts
        self._now_s = time.monotonic if clock is None else clock
        self._state = CLOSED
        self._on_change = on_change

    @property
    def state(self) -> BreakerState:
        """What it remembers now."""
        return self._state

    @property
    def is_open(self) -> bool:
        """Whether it would refuse a call, or is waiting for its probe."""
        return self._state.opened_s is not None

    async def call(self, function: Callable[[], Awaitable[T]]) -> T:
        """
        Return what ``function()`` returns.

        Raises:
            CircuitOpenError: If the breaker is open; *function* was not called.
        """
        probe = self._state is not CLOSED and self._enter()
        try:
            result = await function()
        except self._counts:
            self._become(
                record_failure(self._state, self._now_s(), self._failures_max, probe=probe)
            )
            raise
        except BaseException:
            if probe:
                self._become(replace(self._state, probing=False))
            raise
        if probe or (self._state is not CLOSED and self._state.opened_s is None):
            self._become(CLOSED)
        return result

    def _become(self, state: BreakerState) -> None:
        before, self._state = _word(self._state), state
        if self._on_change is not None and _word(state) != before:
            self._on_change(_word(state))

    def _enter(self) -> bool:
        """Take note of a call; return whether it is the probe."""
        state, now_s = self._state, self._now_s()
        admitted = admit(state, now_s, self._open_s)
        if admitted is None:
            opened_s = state.opened_s or 0.0
            wait_s = max(0.0, opened_s + self._open_s - now_s)
            raise CircuitOpenError(
                f"not called: {state.failures} calls in a row failed; next probe in {wait_s:.3g} s",
                retry_after_s=wait_s,
            )
        if admitted is not state:
            self._become(admitted)
        return admitted.probing


def _word(state: BreakerState) -> str:
    if state.opened_s is None:
        return "closed"
    return "half-open" if state.probing else "open"
