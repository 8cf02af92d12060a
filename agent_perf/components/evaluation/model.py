"""
A model with what is known of its costs before it is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from agent_perf.components.agent.llm import Llm, Message, Price, Reply, Usage, listen
from agent_perf.components.evaluation.examples import digest_of
from agent_perf.components.resilience.breaker import CircuitBreaker
from agent_perf.errors import ConfigError

# What chat formats put around a message, and around them all, in tokens; the formats that
# are published take 3 to 7 and 3.
_TOKENS_PER_MESSAGE: Final = 16
_TOKENS_PER_CALL: Final = 32


class JudgeModel:
    """
    A model whose calls have an upper bound in dollars.

    Text is bounded by its bytes: a byte-level tokeniser makes at most one token of each.
    That is some four times what English takes; it is reserved, and given back.

    Args:
        llm: The model.
        version: Its name, and all else its answers depend on: temperature, seed.
        price: Of its tokens.
        tokens_out_max: Most that it writes in a call, >= 1. Tell the model too, or this is
            a wish: ``OpenAiModel(client, name, max_completion_tokens=300)``.
        breaker: Around each call; none if not given.

    Example::

        model = JudgeModel(
            OpenAiModel(client, "gpt-5-mini", max_completion_tokens=300),
            version="gpt-5-mini",
            price=Price(usd_per_token_in=0.25e-6, usd_per_token_out=2e-6),
            tokens_out_max=300,
        )
    """

    def __init__(
        self,
        llm: Llm,
        *,
        version: str,
        price: Price,
        tokens_out_max: int,
        breaker: CircuitBreaker | None = None,
    ) -> None:
        if tokens_out_max < 1 or not version:
            raise ConfigError(
                f"tokens_out_max={tokens_out_max}, version={version!r}; want >= 1 and a name"
            )
        self._llm = llm
        self.version = version
        self.price = price
        self.tokens_out_max = tokens_out_max
        self._breaker = breaker

    @property
    def identity(self) -> str:
        """A digest of what its answers depend on."""
        return digest_of(self.version, self.tokens_out_max)

    def usage_bound(self, messages: Sequence[Message]) -> Usage:
        """Return the most tokens that a call with *messages* may take."""
        size_bytes = sum(len(message.content.encode()) for message in messages)
        return Usage(
            tokens_in=size_bytes + _TOKENS_PER_MESSAGE * len(messages) + _TOKENS_PER_CALL,
            tokens_out=self.tokens_out_max,
        )

    def cost_usd_bound(self, bound: Usage) -> float:
        """Return the most that *bound* tokens may cost, wherever the provider reads them from."""
        price = self.price
        usd = bound.tokens_in * price.usd_per_token_in_max
        return usd + bound.tokens_out * price.usd_per_token_out

    async def speak(self, messages: Sequence[Message]) -> Reply:
        """Return the model's reply, whole."""
        if self._breaker is None:
            return await listen(self._llm(messages, ()), _unheard)
        return await self._breaker.call(lambda: listen(self._llm(messages, ()), _unheard))


def _unheard(_: str) -> None:
    """Nobody listens while a judge is writing."""
