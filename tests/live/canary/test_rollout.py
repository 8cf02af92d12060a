"""What is refused before anybody is asked."""

from __future__ import annotations

import asyncio

import pytest

from agent_perf.errors import UsageError
from agent_perf.live.canary import CanaryPlan, Limit, Pair, Step, roll_out


@pytest.mark.parametrize(
    ("length_s", "warm_up_s", "told"),
    [(60.0, 1e5, "a warm-up of 100000 s at 100/s"), (1e5, 0.0, "a step of 100000 s at 100/s")],
)
def test_more_requests_than_can_be_kept_are_refused(
    length_s: float, warm_up_s: float, told: str
) -> None:
    """The message names what is too much, and the way out."""
    plan = CanaryPlan(
        steps=(Step(share=0.5, length_s=length_s, rate_hz=100.0),),
        limits=(Limit(metric="latency.p95", most=0.2),),
        warm_up_s=warm_up_s,
    )
    pair = Pair(stable_url="http://127.0.0.1:1", candidate_url="http://127.0.0.1:2", requests=())

    with pytest.raises(UsageError, match=rf"{told}; want at most 5,000,000 .* lower --rate"):
        asyncio.run(roll_out(plan, pair, lambda *_: None))
