"""
What an API must know to answer in its own form.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from agent_perf.sim.services.llm.conversation import ChatRequest
from agent_perf.sim.services.llm.refusal import Refusal
from agent_perf.sim.services.llm.speech import Spoken
from agent_perf.sim.services.reply import Reply, SimRequest

SSE_HEADERS: Final = (("content-type", "text/event-stream; charset=utf-8"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """
    What all parts of one answer repeat.

    Attributes:
        reply_id: Unique per answer.
        created_s: Unix time.
        model: As it was asked for.
    """

    reply_id: str
    created_s: int
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """
    What one answer is billed for, in tokens.

    Attributes:
        prompt: All of the prompt.
        cached: Those of it that were read from the prompt cache.
        written: Those of it that were written to it, where that costs extra.
        output: Of the answer.
    """

    prompt: int
    cached: int = 0
    written: int = 0
    output: int = 0


class Call(Protocol):
    """One request to an API, and the form of its answer."""

    @property
    def chat(self) -> ChatRequest:
        """What is asked, in the common form."""

    @property
    def cache_marks(self) -> tuple[int, ...] | None:
        """
        After how many messages the client asks to cache the prompt; None: wherever it helps.
        """

    def whole(self, head: Head, spoken: Spoken, usage: Usage) -> bytes:
        """Return the body of an answer in one piece."""

    def chunks(self, head: Head, spoken: Spoken, usage: Usage) -> list[bytes]:
        """
        Return what a stream sends, one item for each piece of *spoken*.

        What opens the stream travels with the first, and what closes it with the last.
        """

    def finished(self, head: Head, spoken: Spoken) -> None:
        """Take note that the client has the whole answer."""


class Api(Protocol):
    """A dialect of HTTP that models speak."""

    def read(self, request: SimRequest) -> Call:
        """
        Return what *request* asks.

        Raises:
            Refusal: If the API would not take it.
        """

    def error(self, refusal: Refusal) -> Reply:
        """Return the answer that says *refusal*."""

    def limit_headers(self, limits: Mapping[str, Limit]) -> tuple[tuple[str, str], ...]:
        """Return how the API tells the state of its rate limits, by kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """
    The state of one rate limit.

    Attributes:
        per_min: How much it admits.
        remaining: How much is left now.
        reset_at_s: When all of it is there again, Unix time.
        reset_in_s: The same from now.
    """

    per_min: int
    remaining: int
    reset_at_s: float
    reset_in_s: float


def bearer_of(headers: Mapping[str, str]) -> str:
    """Return the key in an authorization header, or an empty string."""
    scheme, _, key = headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""
