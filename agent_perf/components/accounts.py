"""
What an agent's requests came to and what they cost, in bounded memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from agent_perf.components.categories import ErrorCategory
from agent_perf.components.conversation import Tally
from agent_perf.components.llm import Price, Usage
from agent_perf.components.questions import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentStats:
    """
    What an agent has done since it was made.

    Attributes:
        paths: Path to the requests that were answered by it.
        errors: Category to the requests that failed so.
        cancelled: Requests whose caller went away.
        duration_s: Seconds of all requests, failed and cancelled ones included.
        usage: Tokens, those of failed requests included; likewise below.
        cost_usd: What they cost.
        llm_calls: Model calls.
        tool_calls: Tools run.
        tool_errors: Those that gave an error.
        events_dropped: Events that could not be published.
    """

    paths: Mapping[Path, int]
    errors: Mapping[ErrorCategory, int]
    cancelled: int
    duration_s: float
    usage: Usage
    cost_usd: float
    llm_calls: int
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


class Ledger:
    """Adds up what one agent does."""

    def __init__(self, price: Price) -> None:
        self._price = price
        self._paths: Counter[Path] = Counter()
        self._errors: Counter[ErrorCategory] = Counter()
        self._cancelled = 0
        self._duration_s = 0.0
        self._work = Tally()
        self._events_dropped = 0

    def add_answer(self, path: Path, duration_s: float) -> None:
        """Take note of a request that was answered."""
        self._paths[path] += 1
        self._duration_s += duration_s

    def add_error(self, category: ErrorCategory, duration_s: float) -> None:
        """Take note of a request that failed."""
        self._errors[category] += 1
        self._duration_s += duration_s

    def add_cancelled(self, duration_s: float) -> None:
        """Take note of a request whose caller went away."""
        self._cancelled += 1
        self._duration_s += duration_s

    def add_work(self, tally: Tally) -> None:
        """Take note of what a conversation cost, whoever still waits for it."""
        work = self._work
        work.usage += tally.usage
        work.llm_calls += tally.llm_calls
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
            usage=work.usage,
            cost_usd=self._price.cost_usd(work.usage),
            llm_calls=work.llm_calls,
            tool_calls=work.tool_calls,
            tool_errors=work.tool_errors,
            events_dropped=self._events_dropped,
        )
