"""Models and examples for an evaluation under test."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

from agent_perf.components import Example, JudgeModel, Message, Price, Reply, Tool, Usage

MICRO = 1e-6
PRICE = Price(usd_per_token_in=1 * MICRO, usd_per_token_out=10 * MICRO)
TOKENS_OUT_MAX = 50
USAGE = Usage(tokens_in=100, tokens_out=10)


def examples(count: int, **rest: str) -> list[Example]:
    return [
        Example(**{"id": f"e{n}", "input": f"question {n}", "expected": "x", "output": "x"} | rest)
        for n in range(count)
    ]


def sent(messages: Sequence[Message]) -> list[dict[str, object]]:
    """Return the attempts that a prompt holds."""
    text = next(message.content for message in messages if message.role == "user")
    return json.loads(text.removeprefix("<attempts>\n").removesuffix("\n</attempts>"))


def grades(messages: Sequence[Message], score: int = 5) -> str:
    rows = [{"number": row["number"], "score": score, "reason": "ok"} for row in sent(messages)]
    return json.dumps({"grades": rows})


class Grader:
    """
    A model that takes a second and grades whatever it is shown.

    *turns* come first: an exception is raised, a text is said, a Reply is given.
    """

    def __init__(
        self,
        *turns: Exception | str | Reply,
        seconds: float = 1.0,
        usage: Usage | None = USAGE,
        say: Callable[[Sequence[Message]], str] = grades,
    ) -> None:
        self.turns = list(turns)
        self.seconds = seconds
        self.usage = usage
        self.say = say
        self.calls: list[Sequence[Message]] = []
        self.paid: Counter[str] = Counter()
        self.in_flight = self.in_flight_max = 0
        self.cost_usd = 0.0

    async def __call__(self, messages: Sequence[Message], _: Sequence[Tool], /) -> Reply:
        self.calls.append(messages)
        self.in_flight += 1
        self.in_flight_max = max(self.in_flight, self.in_flight_max)
        try:
            await asyncio.sleep(self.seconds)
        finally:
            self.in_flight -= 1
        turn = self.turns.pop(0) if self.turns else None
        if isinstance(turn, Exception):
            raise turn
        if isinstance(turn, Reply):
            return turn
        text = self.say(messages) if turn is None else turn
        return Reply(text=text, usage=self.usage or Usage())


def model(
    llm: Callable[..., Awaitable[Reply]], price: Price = PRICE, **options: object
) -> JudgeModel:
    arguments: dict[str, object] = {"tokens_out_max": TOKENS_OUT_MAX} | options
    return JudgeModel(llm, version="grader-1", price=price, **arguments)
