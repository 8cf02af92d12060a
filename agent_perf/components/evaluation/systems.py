"""
Systems under evaluation: a model with instructions, or a function of yours.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from agent_perf.components.agent.llm import Message
from agent_perf.components.errors import ModelReplyError
from agent_perf.components.evaluation.examples import Example, Output, digest_of
from agent_perf.components.evaluation.model import JudgeModel
from agent_perf.errors import ConfigError

if TYPE_CHECKING:
    from agent_perf.components.evaluation.meter import Meter


class ModelSystem:
    """
    A model with instructions, asked once for each example.

    Args:
        name: As tables call it.
        model: Who answers.
        instructions: What it is told first; may be empty.

    Example::

        system = ModelSystem("mini", model, instructions="Answer in one word.")
    """

    def __init__(self, name: str, model: JudgeModel, *, instructions: str = "") -> None:
        self.name = name
        self.version = digest_of(model.identity, instructions)
        self._model = model
        self._preamble = [Message(role="system", content=instructions)] if instructions else []

    async def answer(self, example: Example, meter: Meter) -> str:
        """
        Return the model's answer.

        Raises:
            ModelReplyError: If it says nothing.
        """
        question = Message(role="user", content=example.input)
        text = await meter.ask(self._model, [*self._preamble, question])
        if not text.strip():
            raise ModelReplyError("the model's answer is empty")
        return text


class FunctionSystem:
    """
    A function of yours: an agent, an HTTP client, a chain.

    Args:
        name: As tables call it.
        function: Async, question to Output.
        version: Of the system: change it when its answers change.
        cost_usd_max: The most that one call may cost, >= 0. See that it holds: set the
            agent's own budget.

    Example::

        async def ask(question: str) -> Output:
            answer = await agent.ask(Question(text=question))
            return Output(text=answer.text, cost_usd=answer.cost_usd, usage=answer.usage)

        system = FunctionSystem("agent", ask, version="4f1c2a", cost_usd_max=0.02)
    """

    def __init__(
        self,
        name: str,
        function: Callable[[str], Awaitable[Output]],
        *,
        version: str,
        cost_usd_max: float = 0.0,
    ) -> None:
        if not name or not cost_usd_max >= 0:
            raise ConfigError(f"name={name!r}, cost_usd_max={cost_usd_max}; want a name and >= 0")
        self.name = name
        self.version = version
        self._function = function
        self._cost_usd_max = cost_usd_max

    async def answer(self, example: Example, meter: Meter) -> str:
        """Return the function's answer."""
        output = await meter.pay(self._cost_usd_max, lambda: self._function(example.input))
        return output.text
