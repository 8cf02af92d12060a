"""
What a token of a streamed answer takes, from when its pieces arrived.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """
    What arrived at one instant: pieces that were sent apart may arrive together.

    Attributes:
        at_ns: When.
        events: How many pieces of the answer, >= 1.
        size_bytes: Of their text, > 0.
    """

    at_ns: int
    events: int
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """
    One streamed answer.

    Attributes:
        first_ns: From the question to the first arrival.
        arrivals: At least one, in order.
        prompt_tokens: On the bill; None: there was none.
        output_tokens: On the bill, with those that were not said; likewise.
        silent_tokens: Those: a model that thinks bills its thoughts.
    """

    first_ns: int
    arrivals: tuple[Arrival, ...]
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    silent_tokens: int = 0


def token_waits(stream: Stream) -> list[int]:
    """
    Return what each token after the first arrival took, in ns.

    The tokens of one arrival share its wait evenly, so that the sum is the answer's length. An
    arrival without a whole token of its own adds its wait to the next one's.
    """
    waits: list[int] = []
    begin_ns = stream.arrivals[0].at_ns
    for arrival, tokens in list(zip(stream.arrivals, _tokens(stream), strict=True))[1:]:
        if tokens:
            waits += [(arrival.at_ns - begin_ns) // tokens] * tokens
            begin_ns = arrival.at_ns
    return waits


def _tokens(stream: Stream) -> Iterator[int]:
    """Yield how many tokens each arrival brought."""
    events = sum(arrival.events for arrival in stream.arrivals)
    said = None if stream.output_tokens is None else stream.output_tokens - stream.silent_tokens
    if said is None or said in {events, events + 1}:
        # A piece is a token: with the one that ends the answer, it is on the bill, too.
        yield from (arrival.events for arrival in stream.arrivals)
        return
    # Otherwise a token is so many bytes, as the bill has it on average.
    total_bytes = sum(arrival.size_bytes for arrival in stream.arrivals)
    # A bill may lie, and each token of it takes a place in memory: none is shorter than a byte.
    said = min(said, total_bytes)
    heard = before = 0
    for arrival in stream.arrivals:
        heard += arrival.size_bytes
        until = said * heard // total_bytes
        yield until - before
        before = until
