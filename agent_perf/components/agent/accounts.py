"""
What an agent's requests came to and what they cost, in bounded memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from agent_perf.components.agent.categories import ErrorCategory
from agent_perf.components.agent.limits import Tally
from agent_perf.components.agent.llm import Price, Usage
from agent_perf.components.agent.questions import Path
from agent_perf.components.metrics.histogram import LATENCY_BOUNDS_S, Histogram, HistogramSnapshot
from agent_perf.components.metrics.history import SuccessHistory, SuccessSlot


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentStats:
    """
    What an agent has done since it was made.

    Attributes:
        paths: Path to the requests that were answered by it.
        errors: Category to the requests that failed so.
        cancelled: Requests whose caller went away.
        duration_s: Seconds of all requests, failed and cancelled ones included.
        latency_s: How these seconds are spread; its quantiles are off by 0.4 % at most.
        history: Answered and failed requests by the minute, of the last hour; oldest first.
        usage: Tokens, those of failed requests included; likewise below.
        cost_usd: What they cost.
        llm_calls: Model calls.
        llm_calls_unpriced: Of those: ended without telling their tokens.
        tool_calls: Tools run.
        tool_errors: Those that gave an error.
        events_dropped: Events that could not be published.
    """

    KEYS: ClassVar[Mapping[str, str]] = {"paths": "path", "errors": "category"}

    paths: Mapping[Path, int]
    errors: Mapping[ErrorCategory, int]
    cancelled: int
    duration_s: float
    latency_s: HistogramSnapshot
    history: tuple[SuccessSlot, ...]
    usage: Usage
    cost_usd: float
    llm_calls: int
    llm_calls_unpriced: int
    tool_calls: int
    tool_errors: int
    events_dropped: int

    @property
    def requests(self) -> int:
        """Requests that ended, whichever way."""
        return sum(self.paths.values()) + sum(self.errors.values()) + self.cancelled

    @property
    def success_ratio(self) -> float:
        """Answered requests per answered or failed one; 1 before the first."""
        answered, failed = sum(self.paths.values()), sum(self.errors.values())
        return answered / (answered + failed) if answered or failed else 1.0

    def latency_quantile_s(self, q: float) -> float | None:
        """
        Return the *q*-quantile of the latency of all requests, failed ones included.

        None while there are too few: a P95 of fewer than 20 requests is their maximum.
        """
        return self.latency_s.quantile(q)


class Ledger:
    """Adds up what one agent does."""

    def __init__(self, price: Price, clock: Callable[[], float] | None = None) -> None:
        self._price = price
        self._paths: Counter[Path] = Counter()
        self._errors: Counter[ErrorCategory] = Counter()
        self._cancelled = 0
        self._duration_s = 0.0
        self._latency = Histogram(bounds=LATENCY_BOUNDS_S)
        self._history = SuccessHistory(clock=clock)
        self._work = Tally()
        self._events_dropped = 0

    def add_answer(self, path: Path, duration_s: float) -> None:
        """Take note of a request that was answered."""
        self._paths[path] += 1
        self._add_duration(duration_s)
        self._history.add(success=True)

    def add_error(self, category: ErrorCategory, duration_s: float) -> None:
        """Take note of a request that failed."""
        self._errors[category] += 1
        self._add_duration(duration_s)
        self._history.add(success=False)

    def add_cancelled(self, duration_s: float) -> None:
        """Take note of a request whose caller went away."""
        self._cancelled += 1
        self._add_duration(duration_s)

    def _add_duration(self, duration_s: float) -> None:
        # A clock that was set back made it negative.
        self._duration_s += max(0.0, duration_s)
        self._latency.observe(duration_s)

    def add_work(self, tally: Tally) -> None:
        """Take note of what a conversation cost, whoever still waits for it."""
        work = self._work
        work.usage += tally.usage
        work.llm_calls += tally.llm_calls
        work.llm_calls_unpriced += tally.llm_calls_unpriced
        work.tool_calls += tally.tool_calls
        work.tool_errors += tally.tool_errors

    def add_dropped_event(self) -> None:
        """Take note of an event that could not be published."""
        self._events_dropped += 1

    def stats(self) -> AgentStats:
        """Return the sums so far."""
        work = self._work
        return AgentStats(
            paths=dict(self._paths),
            errors=dict(self._errors),
            cancelled=self._cancelled,
            duration_s=self._duration_s,
            latency_s=self._latency.snapshot(),
            history=self._history.slots(),
            usage=work.usage,
            cost_usd=self._price.cost_usd(work.usage),
            llm_calls=work.llm_calls,
            llm_calls_unpriced=work.llm_calls_unpriced,
            tool_calls=work.tool_calls,
            tool_errors=work.tool_errors,
            events_dropped=self._events_dropped,
        )
