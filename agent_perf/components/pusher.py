"""
A client of the Pusher HTTP API, over an httpx client of yours.

Source: Pusher Channels, *HTTP API reference*, "POST event" and "POST batch events".
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

import msgspec

from agent_perf.components.errors import (
    EventDeliveryError,
    EventRefusedError,
    InvalidEventError,
)
from agent_perf.components.signing import Signer, checked_channel
from agent_perf.units import KIB

BATCH_EVENTS_MAX: Final = 10
"""Events in one batch: the protocol's limit."""

DATA_BYTES_MAX: Final = 10 * KIB
"""Bytes of one event's data: the protocol's limit."""

_NAME_CHARS_MAX: Final = 200
_HEADERS: Final = {"Content-Type": "application/json"}
_encode = msgspec.json.Encoder().encode


# A struct instead of a dataclass: made in a fifth of the time, and written to JSON as it is.
class Event(msgspec.Struct, frozen=True, omit_defaults=True):
    """
    One event on its way to the subscribers of a channel.

    Attributes:
        channel: 1 to 164 letters, digits and any of ``-_=@,.;``.
        name: At most 200 characters.
        data: What subscribers get, as text; JSON by custom; at most 10 KiB.
        socket_id: The connection that does not get it, if any.
    """

    channel: str
    name: str
    data: str
    socket_id: str | None = None

    @property
    def size_bytes(self) -> int:
        """About how much of a batch it takes; the names around it included."""
        return len(self.data) + len(self.channel) + len(self.name) + 64


def make_event(channel: str, name: str, data: object, *, socket_id: str | None = None) -> Event:
    """
    Return an event that carries *data* as JSON, or as it is if it is text.

    Example::

        event = make_event("chat-17", "answer.done", {"tokens": 42})

    Raises:
        InvalidEventError: If the protocol does not allow the channel, the name or the size,
            or *data* is not JSON's.
    """
    if not 0 < len(name) <= _NAME_CHARS_MAX:
        raise InvalidEventError(f"event name of {len(name)} characters; want 1 to 200")
    try:
        content = data.encode() if isinstance(data, str) else _encode(data)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidEventError(f"data of event {name!r} cannot be sent: {error}") from error
    if len(content) > DATA_BYTES_MAX:
        raise InvalidEventError(
            f"data of event {name!r} has {len(content)} bytes, at most {DATA_BYTES_MAX} are "
            "allowed: send a reference instead, or split it"
        )
    return Event(checked_channel(channel), name, content.decode(), socket_id)


class HttpResponse(Protocol):
    """What the client must know of a response; httpx's will do."""

    @property
    def status_code(self) -> int:
        """The HTTP status."""

    @property
    def text(self) -> str:
        """The body."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Names in any case."""


class HttpClient(Protocol):
    """What the client must know of an HTTP client; httpx's AsyncClient will do."""

    async def post(self, url: str, *, content: bytes, headers: Mapping[str, str]) -> HttpResponse:
        """Send a request, and return the whole response."""


class PusherClient:
    """
    Sends events, one or ten at a time; to gather and retry them see EventBatcher.

    Args:
        http: Stays yours to close; its time-outs and limits hold.
        app_id: The application's.
        key: The application's.
        secret: The application's.
        base_url: Of the cluster, without a path.
        clock: Unix time in seconds; ``time.time`` if not given.

    Example::

        client = PusherClient(httpx.AsyncClient(), app_id="1", key="k", secret="s")
        await client.send(make_event("chat-17", "answer.done", {"tokens": 42}))
    """

    def __init__(
        self,
        http: HttpClient,
        *,
        app_id: str,
        key: str,
        secret: str,
        base_url: str = "https://api-mt1.pusher.com",
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._http = http
        self._path = f"/apps/{app_id}"
        self._base_url = base_url.rstrip("/")
        self._clock = time.time if clock is None else clock
        self.signer = Signer(key, secret)

    async def send(self, event: Event) -> None:
        """
        Send one event.

        Raises:
            EventDeliveryError: If it may work later: no answer, too many requests, 5xx.
            EventRefusedError: If it will not.
        """
        await self._post("/events", _single_body(event))

    async def send_batch(self, events: Sequence[Event]) -> None:
        """Send 1 to 10 events in one request, delivered in this order; raises as send does."""
        if not 0 < len(events) <= BATCH_EVENTS_MAX:
            raise InvalidEventError(f"batch of {len(events)} events; want 1 to {BATCH_EVENTS_MAX}")
        await self._post("/batch_events", _encode({"batch": events}))

    async def _post(self, endpoint: str, body: bytes) -> None:
        path = self._path + endpoint
        timestamp_s = int(self._clock())
        query = self.signer.query("POST", path, body, timestamp_s)
        try:
            response = await self._http.post(
                f"{self._base_url}{path}?{query}", content=body, headers=_HEADERS
            )
        except Exception as error:
            # Each HTTP library has its own errors; all mean that we do not know of a delivery.
            raise EventDeliveryError(f"POST {path}: {type(error).__name__}: {error}") from error
        raise_for_status(response, f"POST {path}")


def raise_for_status(response: HttpResponse, what: str) -> None:
    """
    Return if the events were accepted.

    Raises:
        EventDeliveryError: If the same request may be accepted later.
        EventRefusedError: If it will not.
    """
    status = response.status_code
    if 200 <= status < 300:
        return
    message = f"{what}: status {status}: {response.text[:200]}"
    if status in {408, 429} or status >= 500:
        raise EventDeliveryError(message, retry_after_s=_seconds(response.headers))
    raise EventRefusedError(message, status=status)


def _single_body(event: Event) -> bytes:
    body = {"name": event.name, "channels": [event.channel], "data": event.data}
    if event.socket_id:
        body["socket_id"] = event.socket_id
    return _encode(body)


def _seconds(headers: Mapping[str, str]) -> float | None:
    """Return what Retry-After asks for, if it does so in seconds."""
    text = headers.get("retry-after", "")
    return float(text) if text.isdecimal() else None
