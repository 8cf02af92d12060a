"""
Answers of real model endpoints, kept to be played back.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent_perf.errors import SampleError


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """
    A part of a body as it arrived.

    Attributes:
        after_ns: Since the part before, or the headers; >= 0.
        text: What it says.
    """

    after_ns: int
    text: str

    def __post_init__(self) -> None:
        if self.after_ns < 0:
            raise SampleError(f"a chunk after {self.after_ns} ns; want >= 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """
    One request and what was answered to it, without secrets.

    Attributes:
        method: In capitals.
        path: From ``/v1/`` on, where it has that; without the query.
        body: As it is compared: JSON with its names in order, or other text.
        status: 200 to 599.
        headers: Those of the answer that clients act upon.
        headers_after_ns: From the request to the headers, >= 0.
        chunks: The answer's body.
    """

    method: str
    path: str
    body: str
    status: int
    headers: tuple[tuple[str, str], ...]
    headers_after_ns: int
    chunks: tuple[Chunk, ...]

    def __post_init__(self) -> None:
        if not 200 <= self.status <= 599:
            raise SampleError(f"a recorded status of {self.status}; want 200 to 599")
        if self.headers_after_ns < 0:
            raise SampleError(f"headers after {self.headers_after_ns} ns; want >= 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cassette:
    """Recordings in the order in which their requests were sent."""

    recordings: tuple[Recording, ...]
