"""
Judges that are functions of yours: of an attempt, or of texts to embeddings.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

from agent_perf.components.agent.categories import ErrorCategory
from agent_perf.components.evaluation.examples import Attempt, Judgement, Output, Unjudged
from agent_perf.components.evaluation.local_judges import passing
from agent_perf.errors import ConfigError

if TYPE_CHECKING:
    from agent_perf.components.evaluation.meter import Meter

Said: TypeAlias = Judgement | bool | float
"""What a function may say of an attempt."""

_NOTHING_EXPECTED: Final = Unjudged(
    category=ErrorCategory.VALIDATION, message="the example has no expected text to compare with"
)


class FunctionJudge:
    """
    A judge that is a function of yours.

    Args:
        name: As tables call it.
        function: Attempt to Judgement, to whether it passes, or to a score from 0 to 1; sync or
            async. It must not wait outside of ``await``.
        version: Of the function: change it when its judgements change.
        passes_from: The least score that passes, if it returns scores.

    Example::

        judge = FunctionJudge("brief", lambda attempt: len(attempt.output) < 200, version="1")
    """

    def __init__(
        self,
        name: str,
        function: Callable[[Attempt], Said | Awaitable[Said]],
        *,
        version: str,
        passes_from: float = 0.5,
    ) -> None:
        if not name or not 0 <= passes_from <= 1:
            raise ConfigError(f"name={name!r}, passes_from={passes_from}; want a name, and 0 to 1")
        self.name = name
        self.version = f"{version} {passes_from}"
        self.batch_max = 1
        self._function = function
        self._passes_from = passes_from

    async def judge(
        self, attempts: Sequence[Attempt], meter: Meter
    ) -> Sequence[Judgement | Unjudged]:
        """Return what the function says of each of *attempts*."""
        return [await self._judge_one(attempt) for attempt in attempts]

    async def _judge_one(self, attempt: Attempt) -> Judgement:
        said = self._function(attempt)
        verdict = await said if inspect.isawaitable(said) else said
        if isinstance(verdict, Judgement):
            return verdict
        if isinstance(verdict, bool):
            return passing(verdict)
        return Judgement(score=verdict, passed=verdict >= self._passes_from)


class Similarity:
    """
    Scores an output by how near its embedding is to the expected text's.

    The score is the cosine, cut off at 0. Embeddings are asked for in one call per batch.

    Args:
        embed: Texts to vectors of one length, in their order.
        version: Of the embedding model.
        passes_from: The least score that passes.
        batch_max: Attempts in one call, >= 1; it embeds twice as many texts.
        cost_usd_max: The most that one call may cost, >= 0; counted in full, because
            vectors tell no cost.
        name: As tables call it.

    Example::

        judge = Similarity(embed, version="text-embedding-3-small", passes_from=0.8)
    """

    def __init__(
        self,
        embed: Callable[[Sequence[str]], Awaitable[Sequence[Sequence[float]]]],
        *,
        version: str,
        passes_from: float = 0.8,
        batch_max: int = 32,
        cost_usd_max: float = 0.0,
        name: str = "similarity",
    ) -> None:
        if not 0 <= passes_from <= 1 or batch_max < 1:
            raise ConfigError(
                f"passes_from={passes_from}, batch_max={batch_max}; want 0 to 1, >= 1"
            )
        self.name = name
        self.version = f"{version} {passes_from}"
        self.batch_max = batch_max
        self._embed = embed
        self._passes_from = passes_from
        self._cost_usd_max = cost_usd_max

    async def judge(
        self, attempts: Sequence[Attempt], meter: Meter
    ) -> Sequence[Judgement | Unjudged]:
        """Return what it says of each of *attempts*."""
        comparable = [one for one in attempts if one.example.expected is not None]
        scores = iter(await self._scores(comparable, meter) if comparable else ())
        return [
            _NOTHING_EXPECTED if one.example.expected is None else self._judgement(next(scores))
            for one in attempts
        ]

    def _judgement(self, score: float) -> Judgement:
        return Judgement(score=score, passed=score >= self._passes_from)

    async def _scores(self, attempts: Sequence[Attempt], meter: Meter) -> list[float]:
        texts = [text for one in attempts for text in (one.output, one.expected)]
        vectors: Sequence[Sequence[float]] = ()

        async def call() -> Output:
            nonlocal vectors
            vectors = await self._embed(texts)
            return Output(text="", cost_usd=self._cost_usd_max)

        await meter.pay(self._cost_usd_max, call)
        if len(vectors) != len(texts):
            raise ConfigError(f"embed gave {len(vectors)} vectors for {len(texts)} texts")
        return list(map(_cosine, vectors[::2], vectors[1::2]))


def _cosine(one: Sequence[float], other: Sequence[float]) -> float:
    if len(one) != len(other):
        raise ConfigError(f"vectors of {len(one)} and {len(other)} numbers; want one model's")
    norm = math.hypot(*one) * math.hypot(*other)
    if not norm:
        return 0.0
    return min(1.0, max(0.0, sum(map(float.__mul__, map(float, one), map(float, other))) / norm))
