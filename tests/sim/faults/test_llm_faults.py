from __future__ import annotations

from typing import Any

import anthropic
import openai
import pytest

from agent_perf.sim import SimHttp, SimLlm, SimLoop, llm, simulate
from agent_perf.sim.faults import (
    Fault,
    drop_first,
    errors,
    hang,
    outage,
    partition,
    reset,
    slow,
)
from tests.sim.faults.plans import Outcome, Plan, at_ms, outcome
from tests.sim.services.ledger import round_draws

WINDOW: Any = {"at_s": 0.1, "for_s": 0.1}
LATENCIES: Any = {
    "http_connect": 0.004,
    "http_request": 0.001,
    "llm_first_token": 0.02,
    "llm_token": 0.005,
}
LOST = "APIConnectionError: Connection error."
LATE = "APITimeoutError: Request timed out."
LIMITED = "RateLimitError: Error code: 429 - Rate limit reached for requests."


def answers(
    fault: Fault, at: list[float], *, stream: bool, limit_s: float = 1.0, retries: int = 0
) -> tuple[list[Outcome], dict[str, int]]:
    """
    Ask for 16 tokens, of which a stream sends 1 and then 4 at a time: 20 ms and 75 more.
    """

    async def main(loop: SimLoop) -> tuple[list[Outcome], dict[str, int]]:
        plan = Plan(loop, fault, draws=round_draws(**LATENCIES))
        net = SimHttp(plan.draws, plan.ledger)
        net.faults = plan
        model = SimLlm(net, plan.draws, plan.ledger)
        plan.call_host("llm.sim", "llm")
        model.script(llm.text(tokens=16))

        async def ask() -> int:
            question: Any = [{"role": "user", "content": "hi"}]
            reply = await client.chat.completions.create(
                model="gpt-4o-mini", messages=question, stream=stream
            )
            if not stream:
                return int(reply.usage.completion_tokens)  # type: ignore[union-attr]
            return len([chunk async for chunk in reply])  # type: ignore[union-attr]

        async with model.openai(max_retries=retries, timeout=limit_s) as client:
            await ask()
            await at_ms(loop, 200)
            plan.start()
            seen = []
            for ms in at:
                await at_ms(loop, 200 + ms)
                what, when_ms = await outcome(loop, ask())
                seen.append((what, round(when_ms - 200, 3)))  # type: ignore[operator]
        return seen, plan.struck()

    return simulate(main)


@pytest.mark.parametrize(
    ("fault", "seen"),
    [
        (outage("llm", **WINDOW), [(LOST, 100.0), (LOST, 120.0), (16, 319.0)]),
        (reset("llm", **WINDOW), [(LOST, 100.0), (LOST, 120.0), (16, 319.0)]),
        (hang("llm", **WINDOW), [(16, 165.0), (LATE, 285.0), (16, 384.0)]),
        (partition("app", "llm", **WINDOW), [(16, 200.0), (16, 295.0), (16, 390.0)]),
        (errors("llm", **WINDOW, status=429), [(16, 165.0), (LIMITED, 166.0), (16, 315.0)]),
        (slow("llm", **WINDOW, factor=1.2), [(16, 165.0), (16, 279.0), (16, 374.0)]),
    ],
)
def test_openai_sees_what_a_real_failure_gives(fault: Fault, seen: list[Outcome]) -> None:
    """
    A question under way when a window from 100 to 200 ms begins, one in it, and one after.
    """
    limit_s = 0.12 if fault.kind.value == "hang" else 1.0
    found, _ = answers(fault, [70, 120, 220], stream=False, limit_s=limit_s)

    assert seen == found


@pytest.mark.parametrize(
    ("fault", "seen"),
    [
        (outage("llm", **WINDOW), (LOST, 100.0)),
        (reset("llm", **WINDOW), (LOST, 100.0)),
        # The chunk that is asked for at 110 ms, and all after it, wait for the window's end.
        (hang("llm", **WINDOW, operation="llm.token"), (7, 255.0)),
        (slow("llm", **WINDOW, operation="llm.token", factor=3), (7, 245.0)),
    ],
)
def test_a_stream_breaks_or_stalls_midway(fault: Fault, seen: Outcome) -> None:
    """
    A stream whose tokens flow when a window begins breaks, or stalls, or slows down.
    """
    found, _ = answers(fault, [70], stream=True)

    assert [seen] == found


def test_a_stalled_stream_meets_the_read_timeout() -> None:
    """
    A client that waits 50 ms for a chunk gives a stalled stream up, and says so.
    """
    fault = hang("llm", **WINDOW, operation="llm.token")
    found, _ = answers(fault, [70], stream=True, limit_s=0.05)

    assert [(LATE, 160.0)] == found


def test_the_clients_own_retry_hides_a_drop() -> None:
    """
    With one retry a dropped request costs the user a wait, and no error.
    """
    found, struck = answers(drop_first("llm", 1), [0], stream=False, retries=1)

    assert found[0][0] == 16
    assert struck == {"drop_first llm": 1}


def test_errors_in_the_words_of_each_api() -> None:
    """A fault's error has OpenAI's form or Anthropic's, by where it strikes."""

    async def main(loop: SimLoop) -> tuple[Any, Any]:
        plan = Plan(loop, errors("llm", ratio=1.0, status=529), draws=round_draws(**LATENCIES))
        net = SimHttp(plan.draws, plan.ledger)
        net.faults = plan
        model = SimLlm(net, plan.draws, plan.ledger)
        plan.call_host("llm.sim", "llm")
        plan.start()
        ask: Any = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
        with pytest.raises(openai.APIStatusError) as one:
            await model.openai(max_retries=0).chat.completions.create(**ask)
        with pytest.raises(anthropic.APIStatusError) as other:
            await model.anthropic(max_retries=0).messages.create(max_tokens=9, **ask)
        return one.value.body, other.value.body

    chat, messages = simulate(main, executor="inline")
    assert "server_error" == chat["type"]
    assert {"type": "overloaded_error", "message": "Overloaded"} == messages["error"]
