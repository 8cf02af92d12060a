"""Limits per minute, and the answers of an endpoint that has reached them."""

from typing import Any

import anthropic
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.errors import ConfigError
from agent_perf.sim import SimLoop, llm
from agent_perf.sim.services.llm.quota import Quota
from agent_perf.sim.services.llm.refusal import Refusal
from agent_perf.units import NS
from tests.sim.services.llm.world import ASK, MS, World, run


@given(
    per_min=st.integers(1, 10_000),
    gaps_ns=st.lists(st.integers(0, 90 * NS), min_size=1, max_size=60),
)
def test_wait_is_exact(per_min: int, gaps_ns: list[int]) -> None:
    """After the time it asks for a request gets in, and 1 ns earlier it does not."""
    quota, now_ns = Quota(requests_per_min=per_min), 0
    for gap_ns in gaps_ns:
        now_ns += gap_ns
        try:
            quota.admit(1, now_ns, 0.0)
        except Refusal as refusal:
            wait_ns = round((refusal.retry_after_s or 0) * NS)
            with pytest.raises(Refusal):
                quota.admit(1, now_ns + wait_ns - 1, 0.0)
            now_ns += wait_ns
            quota.admit(1, now_ns, 0.0)


@given(
    per_min=st.integers(1, 300),
    sizes=st.lists(
        st.tuples(st.integers(0, 20 * NS), st.integers(1, 300)), min_size=1, max_size=60
    ),
)
def test_never_more_than_the_bucket(per_min: int, sizes: list[tuple[int, int]]) -> None:
    """In no stretch of time is more admitted than the limit, and what flows in meanwhile."""
    quota, now_ns, admitted = Quota(tokens_per_min=per_min), 0, []
    for gap_ns, size in sizes:
        now_ns += gap_ns
        try:
            quota.admit(size, now_ns, 0.0)
        except Refusal:
            continue
        admitted.append((now_ns, size))
    for first in range(len(admitted)):
        total = 0
        for at_ns, size in admitted[first:]:
            total += size
            span_ns = at_ns - admitted[first][0]
            assert total * 60 * NS <= per_min * 60 * NS + span_ns * per_min


def test_openai_waits_as_asked() -> None:
    """Of three requests at two a minute, the third waits 30 s to the millisecond."""

    async def main(loop: SimLoop, world: World) -> tuple[int, int]:
        world.llm.script(llm.text("a", tokens=1))
        world.llm.limit(requests_per_min=2)
        for _ in range(3):
            await world.ask()
        return loop.now_ns // MS, world.ledger.counts["llm_rate_limited"]

    # Two answers of 30 ms, a refusal of 20; the wait counts from when it was drawn up.
    assert (60 + 20 + 29_940 + 30, 1) == run(main)


def test_headers() -> None:
    """Each API tells its limits in its own headers, on answers and on refusals."""

    async def main(loop: SimLoop, world: World) -> tuple[Any, Any, Any]:
        world.llm.script(llm.text("a", tokens=1))
        world.llm.limit(requests_per_min=2, tokens_per_min=600)
        raw = await world.client.chat.completions.with_raw_response.create(
            model="gpt-4o", messages=ASK, max_tokens=100
        )
        other = await world.claude.messages.with_raw_response.create(
            model="m", max_tokens=200, messages=ASK
        )
        with pytest.raises(openai.RateLimitError) as caught:
            await world.client.with_options(max_retries=0).chat.completions.create(
                model="gpt-4o", messages=ASK
            )
        return raw.headers, other.headers, caught.value.response.headers

    first, second, third = run(main)
    assert ("2", "1", "30s") == tuple(
        first[f"x-ratelimit-{name}-requests"] for name in ("limit", "remaining", "reset")
    )
    assert ("600", "500", "10s") == tuple(
        first[f"x-ratelimit-{name}-tokens"] for name in ("limit", "remaining", "reset")
    )
    assert ("2", "0", "2026-01-01T00:01:00Z") == tuple(
        second[f"anthropic-ratelimit-requests-{name}"] for name in ("limit", "remaining", "reset")
    )
    assert ("0", "29940", "29.94") == (
        third["x-ratelimit-remaining-requests"],
        third["retry-after-ms"],
        third["retry-after"],
    )


def test_too_large_for_ever() -> None:
    """A request larger than a minute's tokens is refused without a time to wait."""

    async def main(loop: SimLoop, world: World) -> Any:
        world.llm.limit(tokens_per_min=50)
        with pytest.raises(anthropic.RateLimitError) as caught:
            await world.claude.with_options(max_retries=0).messages.create(
                model="m", max_tokens=51, messages=ASK
            )
        return caught.value.response.headers

    assert "retry-after" not in run(main)


def test_bad_limits() -> None:
    """No limit at all, or one below 1, is refused."""
    for limits in ({}, {"requests_per_min": 0}, {"tokens_per_min": -1}):
        with pytest.raises(ConfigError, match="want at least one of them, >= 1"):
            Quota(**limits)
