"""
What a simulated HTTP host sees and says, whichever client library asked.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import msgspec

from agent_perf.errors import ConfigError
from agent_perf.sim.faults import InjectedError

HeaderPairs = Mapping[str, str] | Sequence[tuple[str, str]]
_JSON_HEADERS: Final = (("content-type", "application/json"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class SimRequest:
    """
    A request as it reached the host.

    Attributes:
        method: In capitals.
        host: Lower case, without the port.
        path: Percent-decoded, from the first slash to the query.
        query: As it stands in the URL, without the question mark.
        headers: Their names in any case.
        content: The whole body.
    """

    method: str
    host: str
    path: str
    query: str
    headers: Mapping[str, str]
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """
    What the host answers.

    Attributes:
        status: 200 to 599.
        headers: Pairs where a name repeats. ``content-length`` is added to bytes.
        content: The body at once, or its chunks, each sent when it is yielded.
    """

    status: int = 200
    headers: HeaderPairs = ()
    content: bytes | AsyncIterable[bytes] = b""

    def __post_init__(self) -> None:
        if not 200 <= self.status <= 599:
            raise ConfigError(f"a reply of status {self.status}; want 200 to 599")
        if isinstance(self.content, str):
            raise ConfigError(f"a reply of text, {self.content[:40]!r}; want bytes: encode it")


class Paced(Protocol):
    """
    A body that knows when its next chunk is due, beside being an iterator over them.

    Whoever asks can then wait without a watch on the wait, which costs as much as the chunk.
    """

    def wait_ns(self) -> int | None:
        """Return how long from now the next chunk takes, in ns >= 0; None at the end."""

    def take(self) -> bytes:
        """Return that chunk, once the time has passed."""


class BrokenOff(ConnectionError):
    """The host ends the connection in the middle of a body: the client's RemoteProtocolError."""


Handler = Callable[[SimRequest], Awaitable[Reply]]
"""
A simulated host. It awaits its own latency. ConnectionRefusedError raised by it is the
client's ConnectError, BrokenOff its RemoteProtocolError, any other ConnectionError a
ReadError; the rest passes as it is.
"""


Refuse = Callable[[InjectedError, str], Reply]
"""Gives the reply in which a host says an error, in its own words at that path."""


def plain_refusal(error: InjectedError, _path: str) -> Reply:
    """Return a reply with the status and the message of *error*."""
    headers = [("content-type", "text/plain; charset=utf-8")]
    if error.retry_after_s is not None:
        headers.append(("retry-after", f"{error.retry_after_s:g}"))
    return Reply(status=error.status, headers=tuple(headers), content=error.message.encode())


def json_reply(value: object, *, status: int = 200) -> Reply:
    """Return a reply whose body is *value*, anything that msgspec writes as JSON."""
    return Reply(status=status, headers=_JSON_HEADERS, content=msgspec.json.encode(value))
