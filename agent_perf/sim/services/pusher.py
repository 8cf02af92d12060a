"""
A simulated Pusher Channels server: the part of its HTTP API that publishes events.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from agent_perf.errors import ConfigError
from agent_perf.sim.draws import Draws
from agent_perf.sim.request import Witness
from agent_perf.sim.services.bucket import Bucket
from agent_perf.sim.services.http import Reply, SimHttp, SimRequest
from agent_perf.sim.services.http_loop import sim_loop
from agent_perf.sim.services.pusher_wire import Event, Refusal, authenticate, read_events
from agent_perf.units import NS

__all__ = ["Delivered", "Event", "SimPusher"]

Delivered = Callable[[int, str, str, str], None]
"""Called with the virtual time in ns, the channel, the event's name and its data."""

_JSON_HEADERS: Final = (("content-type", "application/json"),)
_TEXT_HEADERS: Final = (("content-type", "text/plain; charset=utf-8"),)


class SimPusher:
    """
    ``POST /apps/APP_ID/events`` and ``/batch_events`` at `base_url`.

    It checks the signature, the body's MD5, the time stamp, the limits and the names as
    the hosted API does, and answers after a draw of ``pusher.request``. *info* is ignored.

    Counts: event_requests, events (one for each channel that an event reaches),
    events_rate_limited (requests refused by `limit`). Span:
    pusher.request.

    Args:
        http: Where it is mounted.
        draws: Where latencies come from.
        witness: Who is told.
        app_id: The application.
        key: Its public key.
        secret: What clients sign with.
        host: Its host name.
        clock_s: The Unix time, as code in the simulation reads it.

    Attributes:
        delivered: Told of each event on each channel when it is accepted; None: nobody.
    """

    def __init__(
        self,
        http: SimHttp,
        draws: Draws,
        witness: Witness,
        *,
        app_id: str,
        key: str,
        secret: str,
        host: str = "pusher.sim",
        clock_s: Callable[[], float] = time.time,
    ) -> None:
        if not (app_id and key and secret):
            raise ConfigError(
                f"app_id={app_id!r}, key={key!r} and the secret of a simulated Pusher "
                "application; want none of them empty"
            )
        self.base_url = f"http://{host}"
        self.delivered: Delivered | None = None
        self._draws = draws
        self._witness = witness
        self._app_id = app_id
        self._key = key
        self._secret = secret
        self._clock_s = clock_s
        self._bucket: Bucket | None = None
        http.mount(host, self._answer)

    def limit(self, *, requests_per_s: int) -> None:
        """
        Admit only so many requests per second of virtual time; the rest is answered 429.

        Raises:
            ConfigError: If *requests_per_s* is less than 1.
        """
        if requests_per_s < 1:
            raise ConfigError(f"requests_per_s={requests_per_s}; want at least 1")
        self._bucket = Bucket(requests_per_s, NS)

    async def _answer(self, request: SimRequest) -> Reply:
        detail = f"{request.method} {request.host}{request.path}"
        loop = sim_loop()
        start_ns = loop.now_ns
        self._witness.count("event_requests", 1, detail)
        try:
            await asyncio.sleep(self._draws.ns("pusher.request") / NS)
        finally:
            self._witness.span("pusher.request", start_ns, loop.now_ns, detail)
        try:
            self._admit(loop.now_ns)
            authenticate(request, key=self._key, secret=self._secret, now_s=self._clock_s())
            events = read_events(request, app_id=self._app_id)
        except Refusal as refusal:
            return Reply(
                status=refusal.status,
                headers=_TEXT_HEADERS + refusal.headers,
                content=f"{refusal.message}\n".encode(),
            )
        self._publish(events, loop.now_ns, detail)
        return Reply(headers=_JSON_HEADERS, content=b"{}")

    def _admit(self, now_ns: int) -> None:
        if self._bucket is None:
            return
        wait_ns = self._bucket.wait_ns(1, now_ns)
        if wait_ns:
            self._witness.count("events_rate_limited", 1)
            wait = ("retry-after", str(-(-wait_ns // NS)))
            raise Refusal(429, "Too many requests", headers=(wait,))
        self._bucket.take(1)

    def _publish(self, events: tuple[Event, ...], now_ns: int, detail: str) -> None:
        targets = sum(len(event.targets) for event in events)
        if targets:
            self._witness.count("events", targets, detail)
        if self.delivered is not None:
            for event in events:
                for channel in event.targets:
                    self.delivered(now_ns, channel, event.name, event.data)
