"""
A world with nothing but a model in it, whose times are round numbers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from agent_perf.sim import SimHttp, SimLlm, SimLoop, simulate
from tests.sim.services.ledger import Ledger, round_draws

MS = 1_000_000
ASK: list[Any] = [{"role": "user", "content": "What is the time?"}]
LOOK: list[Any] = [
    {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
]


class World:
    """A model whose first token takes 30 ms and each other token 1 ms, and its client."""

    def __init__(self, seed: int = 1, **kwargs: Any) -> None:
        self.ledger = Ledger()
        draws = round_draws(
            seed, http_connect=0, http_request=0.02, llm_first_token=0.03, llm_token=0.001
        )
        self.http = SimHttp(draws, self.ledger)
        self.llm = SimLlm(self.http, draws, self.ledger, **kwargs)
        self.client = self.llm.openai(timeout=60)
        self.claude = self.llm.anthropic(timeout=60)

    async def ask(self, messages: list[Any] | None = None, **kwargs: Any) -> Any:
        """Ask by chat completions."""
        return await self.client.chat.completions.create(
            **{"model": "gpt-4o", "messages": messages or ASK, **kwargs}
        )

    async def tell(self, messages: list[Any] | None = None, **kwargs: Any) -> Any:
        """Ask by Anthropic's API."""
        given = {
            "model": "claude-sonnet-4-6",
            "max_tokens": 100,
            "messages": ASK if messages is None else messages,
        }
        return await self.claude.messages.create(**{**given, **kwargs})


def run(main: Callable[[SimLoop, World], Awaitable[Any]], **kwargs: Any) -> Any:
    """Run *main* in a new world; openai asks a thread for the platform, once per client."""

    async def inside(loop: SimLoop) -> Any:
        return await main(loop, World(**kwargs))

    return simulate(inside, executor="inline")
