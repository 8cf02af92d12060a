"""
A client of the Pusher HTTP API, over an HTTP client of yours.

Source: Pusher Channels, *HTTP API reference*, "POST event" and "POST batch events".
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Final, Protocol

import msgspec

from agent_perf.components.errors import (
    EventDeliveryError,
    EventOutcomeUnknownError,
    EventRefusedError,
    InvalidEventError,
)
from agent_perf.components.events.event import BATCH_EVENTS_MAX, Event
from agent_perf.components.events.signing import Signer

_HEADERS: Final = {"Content-Type": "application/json"}
_BAD_REQUEST: Final = 400
_UNAUTHORIZED: Final = 401
# The service lets 600 s pass. Below this, a 401 is about something else.
_SKEW_S_MIN: Final = 60.0
_encode = msgspec.json.Encoder().encode

# Errors before a byte of the request was written, by name: none of the libraries is imported here.
_NOT_SENT: Final = frozenset(
    {
        # httpx and httpx2
        "ConnectError",
        "ConnectTimeout",
        "PoolTimeout",
        # aiohttp
        "ClientConnectorError",
        "ConnectionTimeoutError",
    }
)


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

    If the service refuses a request for its time stamp, and its ``Date`` header shows that
    our clock is minutes off, the difference is kept and the request is signed once more.

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
        self._post_to = http.post
        self._single_path = f"/apps/{app_id}/events"
        self._batch_path = f"/apps/{app_id}/batch_events"
        self._base_url = base_url.rstrip("/")
        self._clock = time.time if clock is None else clock
        self._skew_s = 0.0
        self.signer = Signer(key, secret)

    async def send(self, event: Event) -> None:
        """
        Send one event.

        Raises:
            EventOutcomeUnknownError: If it may have been delivered: no answer, or 5xx.
            EventDeliveryError: If it was not, and may be later: no connection, or 429.
            EventRefusedError: If it will not be.
        """
        body = _Single(event.name, (event.channel,), event.data, event.socket_id)
        await self._post(self._single_path, _encode(body))

    async def send_batch(self, events: Sequence[Event]) -> None:
        """Send 1 to 10 events in one request, delivered in this order; raises as send does."""
        if not 0 < len(events) <= BATCH_EVENTS_MAX:
            raise InvalidEventError(f"batch of {len(events)} events; want 1 to {BATCH_EVENTS_MAX}")
        await self._post(self._batch_path, _encode(_Batch(events)))

    async def ping(self) -> None:
        """Send a batch of no events: raises as send does if the service would not take one."""
        try:
            await self._post(self._batch_path, _encode(_Batch(())))
        except EventRefusedError as error:
            # It read our signature, and says only that there is nothing to do.
            if error.status != _BAD_REQUEST:
                raise

    async def _post(self, path: str, body: bytes) -> None:
        response = await self._ask(path, body)
        status = response.status_code
        if 200 <= status < 300:
            return
        if status == _UNAUTHORIZED and self._sets_clock_by(response.headers):
            response = await self._ask(path, body)
        raise_for_status(response, f"POST {path}")

    async def _ask(self, path: str, body: bytes) -> HttpResponse:
        query = self.signer.query("POST", path, body, int(self._clock() + self._skew_s))
        try:
            return await self._post_to(
                f"{self._base_url}{path}?{query}", content=body, headers=_HEADERS
            )
        except Exception as error:
            # Each HTTP library has its own errors; most say nothing of a delivery.
            message = f"POST {path}: {type(error).__name__}: {error}"
            if any(kind.__name__ in _NOT_SENT for kind in type(error).__mro__):
                raise EventDeliveryError(message) from error
            raise EventOutcomeUnknownError(message) from error

    def _sets_clock_by(self, headers: Mapping[str, str]) -> bool:
        """Take over the service's clock if ours is far off it; return whether that was so."""
        try:
            service_s = parsedate_to_datetime(headers.get("date", "")).timestamp()
        except ValueError:
            return False
        skew_s = service_s - self._clock()
        if abs(skew_s - self._skew_s) < _SKEW_S_MIN:
            return False
        self._skew_s = skew_s
        return True


def raise_for_status(response: HttpResponse, what: str) -> None:
    """
    Return if the events were accepted.

    Raises:
        EventOutcomeUnknownError: If a server failed over it, who knows when.
        EventDeliveryError: If the same request may be accepted later.
        EventRefusedError: If it will not.
    """
    status = response.status_code
    if 200 <= status < 300:
        return
    message = f"{what}: status {status}: {response.text[:200]}"
    wait_s = _seconds(response.headers)
    # Who asks us to come back has not begun; a bare 503 is also what proxies make of a cut.
    if status in {408, 429} or (status == 503 and wait_s is not None):
        raise EventDeliveryError(message, retry_after_s=wait_s, status=status)
    if status >= 500:
        raise EventOutcomeUnknownError(message, retry_after_s=wait_s, status=status)
    raise EventRefusedError(message, status=status)


def _seconds(headers: Mapping[str, str]) -> float | None:
    """Return what Retry-After asks for, if it does so in seconds."""
    text = headers.get("retry-after", "")
    return float(text) if text.isdecimal() else None


class _Single(msgspec.Struct, frozen=True, omit_defaults=True):
    name: str
    channels: tuple[str]
    data: str
    socket_id: str | None = None


class _Batch(msgspec.Struct, frozen=True):
    batch: Sequence[Event]
