"""Embeddings, templates, cached prompts, prices, and agents on top of the SDKs."""

from typing import Any

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_ai import Agent
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider

from agent_perf.errors import ConfigError
from agent_perf.sim import SimLoop, llm
from agent_perf.sim.services.llm.prices import base_name
from tests.sim.services.llm.world import ASK, MS, World, run


def test_embeddings() -> None:
    """Equal texts get equal unit vectors, others nearly orthogonal ones, in either encoding."""

    async def main(loop: SimLoop, world: World) -> None:
        create, model = world.client.embeddings.create, "text-embedding-3-small"
        answer = await create(model=model, input=["one", "two", "one"], encoding_format="float")
        one, two, again = (item.embedding for item in answer.data)
        assert 1536 == len(one)
        assert one == again
        assert abs(sum(a * a for a in one) - 1) < 1e-9
        assert abs(sum(a * b for a, b in zip(one, two, strict=True))) < 0.15
        packed = (await create(model=model, input="one")).data[0].embedding
        assert [a > 0 for a in one] == [a > 0 for a in packed]
        short = await create(model=model, input=[1, 2, 3], dimensions=8)
        assert (8, 3) == (len(short.data[0].embedding), short.usage.prompt_tokens)
        assert 3 * 30 * MS == loop.now_ns
        assert (3 + 1 + 3) * 20 == world.ledger.counts["llm_cost_nanousd"]
        assert (3, 0) == (world.ledger.counts["llm_embeddings"], world.ledger.counts["llm_calls"])

    run(main)


@pytest.mark.parametrize(
    "change",
    [{"input": []}, {"input": ""}, {"input": ["a"] * 2049}, {"dimensions": 9999}, {"model": ""}],
)
def test_malformed_embeddings(change: dict[str, Any]) -> None:
    """What the API would not take it refuses."""

    async def main(loop: SimLoop, world: World) -> None:
        with pytest.raises(openai.BadRequestError):
            await world.client.embeddings.create(**{"model": "m", "input": "a", **change})

    run(main)


def test_long_prompts_are_cached() -> None:
    """OpenAI caches from 1,024 tokens in steps of 128, and bills them by their own price."""

    async def main(loop: SimLoop, world: World) -> list[int]:
        world.llm.script(llm.text("a", tokens=1))
        system = {"role": "system", "content": "x" * 4400}
        seen = []
        for question in ("1234", "5678", "1234"):
            answer = await world.ask([system, {"role": "user", "content": question}])
            seen.append(answer.usage.prompt_tokens_details.cached_tokens)
        counts = world.ledger.counts
        assert sum(seen) == counts["llm_tokens_cached"]
        assert 3 * 1101 == counts["llm_tokens_in"]
        cost = (3 * 1101 - sum(seen)) * 2500 + sum(seen) * 1250 + 3 * 10_000
        assert cost == counts["llm_cost_nanousd"]
        return seen

    assert [0, 1024, 1024] == run(main)


def test_a_changed_beginning_is_not_cached() -> None:
    """What stands before the change is cached, what stands behind it is not."""

    async def main(loop: SimLoop, world: World) -> list[int]:
        def ask(first: str) -> Any:
            user = {"role": "user", "content": "x" * 8000}
            return world.ask([{"role": "system", "content": first}, user])

        answers = [await ask(first) for first in ("a", "a", "b")]
        return [answer.usage.prompt_tokens_details.cached_tokens for answer in answers]

    assert [0, 1920, 0] == run(main)


def test_templates() -> None:
    """A template writes from the conversation: a format string, or a function of it."""

    async def main(loop: SimLoop, world: World) -> list[str]:
        echo = llm.templated("{model} heard {user!r} {{{turn}}}")
        world.llm.script(echo)
        world.llm.route(
            lambda chat: len(chat.messages) > 1,
            llm.templated(lambda chat: f"{len(chat.messages)} messages"),
        )
        answers = [await world.ask(), await world.ask([*ASK, *ASK])]
        return [answer.choices[0].message.content for answer in answers]

    assert ["gpt-4o heard 'What is the time?' {0}", "2 messages"] == run(main)


def test_bad_templates() -> None:
    """An unknown field is refused at once, and a function that gives no text when it runs."""
    for template in ("{nobody}", "{", "{0}", "{user.nothing}"):
        with pytest.raises(ConfigError, match="want only"):
            llm.templated(template)

    async def main(loop: SimLoop, world: World) -> None:
        world.llm.script(llm.templated(lambda chat: 7))  # type: ignore[arg-type,return-value]  # On purpose.
        await world.ask()

    with pytest.raises(ConfigError, match="returned 7; want a str"):
        run(main)


def test_prices_of_dated_models() -> None:
    """A model's date does not change its price; a price of one's own wins."""
    assert ["gpt-4o", "claude-sonnet-4", "claude-3-5-haiku", "gpt-4.1-mini"] == [
        base_name(name)
        for name in (
            "gpt-4o-2024-08-06",
            "claude-sonnet-4-20250514",
            "claude-3-5-haiku-latest",
            "gpt-4.1-mini",
        )
    ]

    async def main(loop: SimLoop, world: World) -> list[int]:
        world.llm.script(llm.text("a", tokens=1))
        costs = []
        for model in ("gpt-4o-2024-08-06", "mine"):
            world.llm.price("mine", llm.Price(token_in_nanousd=1, token_out_nanousd=2))
            await world.ask(model=model)
            costs.append(world.ledger.details[f"llm_cost_nanousd:{model}"])
        return costs

    assert [5 * 2500 + 10_000, 5 + 2] == run(main)


@given(prompt=st.integers(0, 10**6), cached=st.integers(0, 10**6), output=st.integers(0, 10**6))
def test_cached_tokens_never_cost_more(prompt: int, cached: int, output: int) -> None:
    """In the whole table, reading from the cache saves money or costs the same."""
    cached = min(cached, prompt)
    for price in llm.PRICES.values():
        saved = price.cost_nanousd(prompt, output, cached=cached)
        assert saved <= price.cost_nanousd(prompt, output)
        assert price.cost_nanousd(prompt, output) == price.cost_nanousd(
            prompt, 0
        ) + price.cost_nanousd(0, output)


def _models(world: World) -> list[Any]:
    openai_provider = OpenAIProvider(openai_client=world.client)
    return [
        OpenAIChatModel("gpt-5", provider=openai_provider),
        OpenAIResponsesModel("gpt-5", provider=openai_provider),
        AnthropicModel(
            "claude-sonnet-4-6", provider=AnthropicProvider(anthropic_client=world.claude)
        ),
    ]


@pytest.mark.parametrize("index", range(3))
@pytest.mark.parametrize("streamed", [False, True])
def test_pydantic_ai(index: int, streamed: bool) -> None:
    """One script leads pydantic-ai's agent through a tool to its answer, on each API."""

    async def main(loop: SimLoop, world: World) -> tuple[str, list[str], int]:
        world.llm.script(llm.call_tool("weather", city="Zürich"), llm.text("It is sunny."))
        agent = Agent(_models(world)[index])
        cities = []

        @agent.tool_plain
        async def weather(city: str) -> str:
            cities.append(city)
            return "sunny"

        if streamed:
            async with agent.run_stream("How is the weather?") as result:
                said = await result.get_output()
        else:
            said = (await agent.run("How is the weather?")).output
        return said, cities, world.ledger.counts["llm_calls"]

    assert ("It is sunny.", ["Zürich"], 2) == run(main)
