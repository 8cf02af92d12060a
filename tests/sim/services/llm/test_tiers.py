"""The endpoint over a simulated network: what real clients meet on the wire is the same."""

import asyncio
from typing import Any

import anthropic
import httpx2
import openai
import pytest

from agent_perf.records import Tier
from agent_perf.sim import SimLoop, llm, simulate
from agent_perf.suite import World
from tests.sim.services.ledger import Ledger, round_draws

ASK: list[Any] = [{"role": "user", "content": "What is the time?"}]
TEN = llm.text("abcdefghij", tokens=10)
TURNS: list[Any] = [
    TEN,
    llm.fail(503),
    llm.rate_limited(1),
    llm.text("No.", finish="refusal"),
    llm.truncated(TEN, after_tokens=5),
    llm.truncated(TEN, after_tokens=5, mid_event=True),
    llm.truncated(TEN, after_tokens=5, cleanly=True),
    llm.truncated(TEN, after_tokens=0),
    llm.stall(TEN, after_tokens=5),
    llm.stall(TEN, after_tokens=5, for_s=0.5),
    llm.slow_first_token(2),
]


async def read(stream: Any, parts: list[str]) -> None:
    """Put into *parts* what a stream of any of the APIs says."""
    async for event in await stream:
        if getattr(event, "choices", None):
            delta = event.choices[0].delta
            parts.append(delta.content or delta.refusal or "")
        elif "delta" in getattr(event, "type", ""):
            delta = getattr(event, "delta", "")
            parts.append(delta if isinstance(delta, str) else getattr(delta, "text", ""))


def outcomes(tier: Tier, turn: Any) -> list[tuple[str, str]]:
    """Return what each API's client read, and the name of the error at the end."""

    async def main(loop: SimLoop) -> list[tuple[str, str]]:
        draws = round_draws(llm_first_token=0.03, llm_token=0.001)
        world = World(loop, draws, Ledger(), tier=tier)
        found = []
        settings: Any = {"timeout": 1.0, "max_retries": 0}
        async with world.llm.openai(**settings) as gpt, world.llm.anthropic(**settings) as claude:
            calls: list[Any] = [
                lambda: gpt.chat.completions.create(model="m", messages=ASK, stream=True),
                lambda: gpt.responses.create(model="m", input="What?", stream=True),
                lambda: claude.messages.create(model="m", max_tokens=50, messages=ASK, stream=True),
            ]
            for call in calls:
                world.llm.script(turn, llm.text("next"))
                parts: list[str] = []
                name = ""
                try:
                    await read(call(), parts)
                except (openai.APIError, anthropic.APIError, httpx2.HTTPError) as error:
                    name = type(error).__name__
                found.append(("".join(parts), name))
        world.close()
        return found

    return simulate(main, executor="inline")


@pytest.mark.parametrize("turn", TURNS)
def test_same_on_the_wire(turn: Any) -> None:
    """Each API's client reads the same and fails alike, in process and over a real protocol."""
    assert outcomes(Tier.CLIENT, turn) == outcomes(Tier.WIRE, turn)


def test_one_script_for_all_apis() -> None:
    """A broken turn breaks each API's stream at the same token."""
    broken = outcomes(Tier.CLIENT, llm.truncated(TEN, after_tokens=5))

    # Anthropic's client lets the transport's own error through.
    names = ("APIConnectionError", "APIConnectionError", "RemoteProtocolError")
    assert [("abcde", name) for name in names] == broken


def test_synchronous_clients_are_refused() -> None:
    """A synchronous SDK client would open a real socket, which fails loudly."""

    async def main(loop: SimLoop) -> None:
        world = World(loop, round_draws(), Ledger())
        client = openai.OpenAI(api_key="k", base_url=world.llm.base_url, max_retries=0)
        await asyncio.sleep(0)
        client.chat.completions.create(model="m", messages=ASK)

    with pytest.raises(Exception, match="in a simulation"):
        simulate(main, executor="inline")
