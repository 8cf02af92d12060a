"""
A circuit breaker: after too many failures, fail at once for a while, then probe.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import ClassVar, Final, TypeVar

from agent_perf.components.errors import CircuitOpenError
from agent_perf.components.resilience.window import FailureRatio, FailureWindow
from agent_perf.errors import ConfigError

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerState:
    """
    What a breaker remembers.

    Attributes:
        failures: Failures in a row, >= 0.
        opened_s: When it opened, on its clock; None while it is closed.
        probing: Probes under way; only while it is open.
        passed: Probes that succeeded since it opened.
    """

    failures: int = 0
    opened_s: float | None = None
    probing: int = 0
    passed: int = 0


CLOSED: Final = BreakerState()


def admit(state: BreakerState, now_s: float, open_s: float, probes: int = 1) -> BreakerState | None:
    """Return the state in which one more call is under way; None if it is refused."""
    if state.opened_s is None:
        return state
    if state.probing + state.passed >= probes or now_s < state.opened_s + open_s:
        return None
    return replace(state, probing=state.probing + 1)


def record_failure(
    state: BreakerState, now_s: float, failures_max: int | None, *, probe: bool
) -> BreakerState:
    """
    Return the state after a call failed.

    Args:
        state: Before.
        now_s: When.
        failures_max: Failures in a row that open it; None: none do.
        probe: Whether the call was a probe.
    """
    if probe:
        return BreakerState(failures=state.failures, opened_s=now_s)
    if state.opened_s is not None:
        # A call from before it opened ends late: it tells nothing new.
        return state
    failures = state.failures + 1
    opens = failures_max is not None and failures >= failures_max
    return BreakerState(failures=failures, opened_s=now_s if opens else None)


def record_passed_probe(state: BreakerState, probes: int) -> BreakerState:
    """Return the state after a probe succeeded; CLOSED after the last of *probes*."""
    if state.passed + 1 >= probes:
        return CLOSED
    return replace(state, probing=state.probing - 1, passed=state.passed + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerStats:
    """
    What a breaker has done.

    Attributes:
        failures: Calls that failed.
        refused: Calls that were not made.
        opened: Times it opened, after bad probes too.
        is_open: Whether it is open or probing now.
    """

    LEVELS: ClassVar[frozenset[str]] = frozenset({"is_open"})

    failures: int
    refused: int
    opened: int
    is_open: bool


class CircuitBreaker:
    """
    Lets calls through until *failures_max* of them failed in a row, or too large a share.

    Then it refuses them for *open_s* seconds, lets *probes* through, and closes again if
    all of them succeed; the first that fails opens it anew. A cancelled call counts for
    nothing. Put time-outs inside: a probe that never ends keeps it half-open.

    Args:
        failures_max: Failures in a row that open it, >= 1.
        open_s: Seconds it stays open, > 0; after a clock jumped back, as long again at most.
        counts: Errors that are failures of the service called; others pass uncounted.
        clock: Monotonic seconds; ``time.monotonic`` if not given.
        on_change: Told of each change: ``open``, ``half-open`` (a probe is under way), or
            ``closed``.
        ratio: Share of failures that opens it; it then takes the place of *failures_max*.
        probes: Successes that close it, >= 1; as many probes may be under way at a time.

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
        ratio: FailureRatio | None = None,
        probes: int = 1,
    ) -> None:
        if failures_max < 1 or not open_s > 0 or probes < 1:
            raise ConfigError(
                f"failures_max={failures_max}, open_s={open_s}, probes={probes}; "
                "want >= 1, > 0 and >= 1"
            )
        self._failures_max = failures_max if ratio is None else None
        self._window = None if ratio is None else FailureWindow(ratio)
        self._open_s = open_s
        self._counts = counts
        self._probes = probes
        self._now_s = time.monotonic if clock is None else clock
        self._state = CLOSED
        self._on_change = on_change
        self._failures = self._refused = self._opened = 0

    @property
    def state(self) -> BreakerState:
        """What it remembers now."""
        return self._state

    @property
    def is_open(self) -> bool:
        """Whether it would refuse a call, or is waiting for its probes."""
        return self._state.opened_s is not None

    def stats(self) -> BreakerStats:
        """Return how often it opened, and what that refused."""
        return BreakerStats(
            failures=self._failures,
            refused=self._refused,
            opened=self._opened,
            is_open=self.is_open,
        )

    async def call(self, function: Callable[[], Awaitable[T]]) -> T:
        """
        Return what ``function()`` returns.

        Raises:
            CircuitOpenError: If the breaker is open; *function* was not called.
        """
        probe = 0 if self._state is CLOSED else self.enter()
        try:
            result = await function()
        except self._counts:
            self.fail(probe)
            raise
        except BaseException:
            self.leave(probe)
            raise
        if self._window is not None or self._state is not CLOSED:
            self.succeed(probe)
        return result

    def fail(self, probe: int = 0) -> None:
        """Take note that a call failed; *probe* is what enter returned for it."""
        self._failures += 1
        if probe and probe != self._opened:
            return
        now_s, before = self._now_s(), self._state
        state = record_failure(before, now_s, self._failures_max, probe=probe > 0)
        if self._window is not None and before.opened_s is None:
            self._window.add(now_s, failed=True)
            if self._window.is_too_bad:
                state = replace(state, opened_s=now_s)
        if state.opened_s is not None and (probe or before.opened_s is None):
            self._opened += 1
            if self._window is not None:
                self._window.clear()
        self._become(state)

    def leave(self, probe: int = 0) -> None:
        """Take note that a call ended in a way that tells nothing: it was cancelled."""
        if probe and probe == self._opened:
            self._become(replace(self._state, probing=self._state.probing - 1))

    def succeed(self, probe: int = 0) -> None:
        """Take note that a call succeeded."""
        state = self._state
        if probe:
            if probe == self._opened and state.opened_s is not None:
                self._become(record_passed_probe(state, self._probes))
        elif state.opened_s is None:
            if self._window is not None:
                self._window.add(self._now_s(), failed=False)
            self._become(CLOSED)

    def _become(self, state: BreakerState) -> None:
        before, self._state = self._state, state
        if self._on_change is not None and _word(state) != _word(before):
            self._on_change(_word(state))

    def enter(self) -> int:
        """
        Take note that a call begins; return the number of the opening that it probes, or 0.

        For those who call by themselves: *fail*, *leave* or *succeed* follows, with that
        number. A probe that ends after the breaker opened anew tells nothing new.

        Raises:
            CircuitOpenError: If the breaker is open.
        """
        state, now_s = self._state, self._now_s()
        if state.opened_s is not None and now_s < state.opened_s:
            # The clock jumped back: waiting until it is where it was could take for ever.
            state = self._state = replace(state, opened_s=now_s)
        admitted = admit(state, now_s, self._open_s, self._probes)
        if admitted is None:
            self._refused += 1
            opened_s = state.opened_s or 0.0
            wait_s = max(0.0, opened_s + self._open_s - now_s)
            row = "too many" if self._window else f"{state.failures} calls in a row"
            raise CircuitOpenError(
                f"not called: {row} failed; next probe in {wait_s:.3g} s", retry_after_s=wait_s
            )
        if admitted is state:
            return 0
        self._become(admitted)
        return self._opened


def _word(state: BreakerState) -> str:
    if state.opened_s is None:
        return "closed"
    return "half-open" if state.probing or state.passed else "open"
