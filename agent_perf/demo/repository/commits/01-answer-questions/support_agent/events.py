"""Events for the customer's browser, over the HTTP API of a Pusher-style service."""

import asyncio
import hashlib
import hmac
import json
import logging
import time
from typing import Any
from urllib.parse import urlencode

import httpx

from support_agent.settings import Settings

logger = logging.getLogger(__name__)


class Publisher:
    """Delivers events in the background: an answer never waits for its events."""

    def __init__(self, http: httpx.AsyncClient, settings: Settings) -> None:
        self._http = http
        self._settings = settings
        self._tasks: set[asyncio.Task[None]] = set()

    def turn(self, channel: str) -> "Turn":
        return Turn(self, channel, self._settings.event_batch_max, self._settings.event_delay_s)

    def post(
        self, batch: list[dict[str, str]], after: asyncio.Task[None] | None
    ) -> asyncio.Task[None]:
        """Send *batch* once *after* is done, so that a channel's events stay in order."""
        task = asyncio.create_task(self._post(batch, after))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def drain(self) -> None:
        while self._tasks:
            await asyncio.gather(*self._tasks)

    async def _post(self, batch: list[dict[str, str]], after: asyncio.Task[None] | None) -> None:
        if after is not None:
            await after
        settings = self._settings
        path = f"/apps/{settings.event_app_id}/batch_events"
        body = json.dumps({"batch": batch}).encode()
        query = signed_query(path, body, settings.event_key, settings.event_secret, time.time())
        try:
            response = await self._http.post(
                path, params=query, content=body, headers={"content-type": "application/json"}
            )
            response.raise_for_status()
        except httpx.HTTPError as error:
            logger.warning("%d events were not delivered: %s", len(batch), error)


class Turn:
    """The events of one question and its answer, in batches."""

    def __init__(self, publisher: Publisher, channel: str, batch_max: int, delay_s: float) -> None:
        self._publisher = publisher
        self._channel = channel
        self._batch_max = batch_max
        self._delay_s = delay_s
        self._pending: list[dict[str, str]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._last_post: asyncio.Task[None] | None = None

    def send(self, name: str, data: dict[str, Any]) -> None:
        self._pending.append({"channel": self._channel, "name": name, "data": json.dumps(data)})
        if len(self._pending) >= self._batch_max:
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._delay_s, self.flush)

    def flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._pending:
            self._last_post = self._publisher.post(self._pending, after=self._last_post)
            self._pending = []


def signed_query(path: str, body: bytes, key: str, secret: str, now_s: float) -> dict[str, str]:
    """Return the query that authenticates a POST of *body* to *path*."""
    query = {
        "auth_key": key,
        "auth_timestamp": str(int(now_s)),
        "auth_version": "1.0",
        "body_md5": hashlib.md5(body, usedforsecurity=False).hexdigest(),
    }
    to_sign = f"POST\n{path}\n{urlencode(query)}"
    query["auth_signature"] = hmac.new(secret.encode(), to_sign.encode(), "sha256").hexdigest()
    return query
