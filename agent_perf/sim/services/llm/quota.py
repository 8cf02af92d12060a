"""
How many requests and tokens an endpoint admits per minute.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from agent_perf.errors import ConfigError
from agent_perf.sim.services.bucket import Bucket
from agent_perf.sim.services.llm.api import Limit
from agent_perf.sim.services.llm.refusal import Refusal
from agent_perf.units import NS

_MINUTE_NS: Final = 60 * NS


class Quota:
    """
    One token bucket for each limit: full at first, filled evenly over a minute.

    A request takes one of ``requests`` and its size of ``tokens``, of both or of none.

    Args:
        requests_per_min: >= 1; None: any number.
        tokens_per_min: >= 1; None: any number.

    Raises:
        ConfigError: If there is no limit, or one is less than 1.

    Source: Anthropic API reference, "Rate limits" (token bucket); OpenAI, guide "Rate limits"
    (what a request counts for is the larger of its prompt and its longest answer).
    """

    def __init__(
        self, *, requests_per_min: int | None = None, tokens_per_min: int | None = None
    ) -> None:
        given = {"requests": requests_per_min, "tokens": tokens_per_min}
        rates = {kind: rate for kind, rate in given.items() if rate is not None}
        if not rates or min(rates.values()) < 1:
            raise ConfigError(
                f"requests_per_min={requests_per_min}, tokens_per_min={tokens_per_min}; "
                "want at least one of them, >= 1"
            )
        self._buckets = {kind: Bucket(rate, _MINUTE_NS) for kind, rate in rates.items()}

    def admit(self, tokens: int, now_ns: int, now_s: float) -> Mapping[str, Limit]:
        """
        Take a request of *tokens* tokens in, and return the state of each limit after it.

        Args:
            tokens: >= 0.
            now_ns: Virtual time.
            now_s: The Unix time then.

        Raises:
            LimitReached: If it cannot be: status 429, and when to try again.
        """
        sizes = {"requests": 1, "tokens": tokens}
        waits_ns: dict[str, int | None] = {
            kind: bucket.wait_ns(sizes[kind], now_ns) for kind, bucket in self._buckets.items()
        }
        for kind, wait_ns in waits_ns.items():
            if wait_ns is None or (wait_ns and wait_ns == max(w or 0 for w in waits_ns.values())):
                limits = self._limits(now_ns, now_s)
                raise LimitReached(kind, sizes[kind], wait_ns, limits)
        for kind, bucket in self._buckets.items():
            bucket.take(sizes[kind])
        return self._limits(now_ns, now_s)

    def _limits(self, now_ns: int, now_s: float) -> Mapping[str, Limit]:
        return {kind: _limit(bucket, now_ns, now_s) for kind, bucket in self._buckets.items()}


def _limit(bucket: Bucket, now_ns: int, now_s: float) -> Limit:
    full_in_s = (bucket.wait_ns(bucket.size, now_ns) or 0) / NS
    return Limit(
        per_min=bucket.size,
        remaining=bucket.left(),
        reset_at_s=now_s + full_in_s,
        reset_in_s=full_in_s,
    )


class LimitReached(Refusal):
    """
    The refusal of a request of *amount* *kind*, which would get in after *wait_ns*.

    Attributes:
        limits: The state of each limit.
    """

    def __init__(
        self, kind: str, amount: int, wait_ns: int | None, limits: Mapping[str, Limit]
    ) -> None:
        wait_s = None if wait_ns is None else wait_ns / NS
        way_out = (
            "Request too large: it will never fit."
            if wait_s is None
            else f"Please try again in {wait_s:.3f}s."
        )
        super().__init__(
            429,
            f"Rate limit reached on {kind} per min: Limit {limits[kind].per_min}, "
            f"Requested {amount}. {way_out}",
            kind=kind,
            code="rate_limit_exceeded",
            retry_after_s=wait_s,
        )
        self.limits = limits
