"""
What a test gets of a run: plain numbers with their unit in the name.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from types import MappingProxyType
from typing import Final

from agent_perf.records import CommandRun, Run
from agent_perf.stats import nearest_rank
from agent_perf.units import NS, format_value

WORK_COUNTS: Final = (
    "bytes_received",
    "bytes_sent",
    "db_connects",
    "db_prepares",
    "db_statements",
    "db_waits",
    "event_requests",
    "events",
    "http_connects",
    "http_errors",
    "http_requests",
    "llm_calls",
    "llm_embeddings",
    "llm_rate_limited",
    "llm_tokens_cached",
    "llm_tokens_in",
    "llm_tokens_out",
    "redis_commands",
    "redis_connects",
    "redis_hits",
    "redis_misses",
    "redis_trips",
    "tool_calls",
)
"""Work counts that every run has, 0 where nothing of the kind was done."""

_COST: Final = "llm_cost_nanousd"


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowRequest:
    """The slowest request of a run: its id, how long it took, how it was answered."""

    request_id: int
    latency_s: float
    path: str
    error: str | None


@dataclass(frozen=True, slots=True)
class MeasuredRun:
    """
    One scenario or function, measured at one load in virtual time: exact, the same everywhere.

    Work counts are attributes too, as means per request: ``run.llm_calls``,
    ``run.redis_trips``, ``run.db_statements``, ``run.llm_tokens_out``.

    Attributes:
        run: All that was taken down.
    """

    run: Run

    @property
    def name(self) -> str:
        """Name of the benchmark: what ran and how many users asked, ``agent.chat@50``."""
        return self.run.benchmark

    @property
    def requests(self) -> int:
        """How many requests were made, the warm-up left out."""
        return len(self.run.latency_ns)

    @property
    def p50_s(self) -> float:
        """Median latency in seconds."""
        return self.quantile_s("0.5")

    @property
    def p90_s(self) -> float:
        """P90 of the latencies; errors as in quantile_s."""
        return self.quantile_s("0.9")

    @property
    def p95_s(self) -> float:
        """P95 of the latencies; errors as in quantile_s."""
        return self.quantile_s("0.95")

    @property
    def p99_s(self) -> float:
        """P99 of the latencies; errors as in quantile_s."""
        return self.quantile_s("0.99")

    @property
    def mean_s(self) -> float:
        """Mean latency in seconds."""
        return sum(self.run.latency_ns) / (self.requests * NS)

    @property
    def max_s(self) -> float:
        """Largest latency in seconds."""
        return max(self.run.latency_ns) / NS

    def quantile_s(self, q: str, *, path: str | None = None) -> float:
        """
        Return the *q*-quantile of the latencies in seconds, failed requests included.

        Args:
            q: As text, so that it is exact: ``"0.95"``.
            path: Of the requests that were answered in this way alone, as ``"hit"``.

        Raises:
            TooFewSamplesError: If there are too few requests for it: 20 carry a P95, 100 a P99.
        """
        taken = zip(self.run.latency_ns, self.run.path, strict=True)
        chosen = [latency for latency, word in taken if path is None or word == path]
        return nearest_rank(sorted(chosen), q) / NS

    @property
    def success_ratio(self) -> float:
        """Share of requests that did not fail, 0 to 1."""
        return (self.requests - len(self.run.errors)) / self.requests

    @property
    def throughput_hz(self) -> float:
        """Requests per second of virtual time; 0 for a run without length."""
        return self.requests * NS / self.run.duration_ns if self.run.duration_ns else 0.0

    @property
    def errors(self) -> Mapping[str, int]:
        """Error category to the number of requests that failed with it."""
        return MappingProxyType(dict(Counter(self.run.errors.values())))

    @property
    def paths(self) -> Mapping[str, int]:
        """How requests were answered, to how many were."""
        return MappingProxyType(dict(Counter(word for word in self.run.path if word)))

    @property
    def cost_usd(self) -> float:
        """What models cost, in dollars per request."""
        return self.run.counts.get(_COST, 0) / (self.requests * NS)

    @property
    def counts(self) -> Mapping[str, float]:
        """Work count to its mean per request, of what was counted at all."""
        return MappingProxyType(
            {name: total / self.requests for name, total in self.run.counts.items()}
        )

    @property
    def details(self) -> Mapping[str, float]:
        """What was counted, as ``db_statements:SELECT ...``, to its mean per request."""
        return MappingProxyType(
            {name: total / self.requests for name, total in self.run.details.items()}
        )

    @property
    def slowest(self) -> SlowRequest:
        """The request with the largest latency; of several, the first."""
        latency_ns = max(self.run.latency_ns)
        index = self.run.latency_ns.index(latency_ns)
        return SlowRequest(
            request_id=index,
            latency_s=latency_ns / NS,
            path=self.run.path[index],
            error=self.run.errors.get(index),
        )

    def __getattr__(self, name: str) -> float:
        """Return work count *name* per request; an AttributeError with the nearest if unknown."""
        __tracebackhide__ = True
        # Copies and pickles look at instances that are empty yet.
        if name.startswith("_") or name == "run":
            raise AttributeError(name)
        if name in self.run.counts or name in WORK_COUNTS:
            return self.run.counts.get(name, 0) / self.requests
        known = sorted({*_PUBLIC, *WORK_COUNTS, *self.run.counts})
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(known)}"
        raise AttributeError(f"a run has no {name!r}; {hint}")

    def __repr__(self) -> str:
        """Return what it came to, in one line."""
        median = format_value(self.p50_s, "s")
        failed = len(self.run.errors)
        return (
            f"<run {self.name}: median {median}, slowest {format_value(self.max_s, 's')}, "
            f"{self.requests} requests, {failed} failed>"
        )


@dataclass(frozen=True, slots=True)
class MeasuredCommand:
    """
    A command, executed a few times on this machine: medians, sampled, and so never exact.

    Attributes:
        run: Each of its executions.
    """

    run: CommandRun

    @property
    def wall_s(self) -> float:
        """Median of the seconds from start to end."""
        return median(one.wall_s for one in self.run.executions)

    @property
    def cpu_s(self) -> float:
        """Median of the CPU seconds."""
        return median(one.cpu_s for one in self.run.executions)

    @property
    def memory_bytes(self) -> float:
        """Median of the largest resident sets of one of its processes."""
        return median(one.memory_bytes for one in self.run.executions)

    def __repr__(self) -> str:
        """Return what it came to, in one line."""
        told = (f"{one.name} {format_value(one.value, one.unit)}" for one in self.run.metrics())
        return f"<command {self.run.benchmark}: {', '.join(told)}>"


_PUBLIC: Final = tuple(name for name in vars(MeasuredRun) if not name.startswith("_"))
