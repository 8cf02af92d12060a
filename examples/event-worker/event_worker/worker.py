"""
The worker: a reader, a queue that is full at some point, and senders.

An event is acknowledged after the webhook took it, so that none is lost: what was under way in a
crash is sent again. While the webhook is slow, the queue fills up, and the reader stops reading:
events wait in Redis, not in memory.
"""

import asyncio
import logging
from dataclasses import dataclass

import httpx
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from event_worker import events
from event_worker.events import Event

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    webhook_url: str
    consumer: str = "worker-1"
    batch_max: int = 50
    linger_s: float = 0.05
    queue_max: int = 500
    senders: int = 4
    attempts: int = 5
    retry_delay_s: float = 0.2
    redis_pause_s: float = 0.25
    read_wait_ms: int = 1000


class Worker:
    def __init__(self, redis: Redis, http: httpx.AsyncClient, settings: Settings) -> None:
        self._redis = redis
        self._http = http
        self._settings = settings
        self._queue: asyncio.Queue[Event] = asyncio.Queue(settings.queue_max)
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Read no more; `run` returns when what was read is delivered."""
        self._stopping.set()

    async def run(self) -> None:
        """Deliver events until `stop`."""
        async with asyncio.TaskGroup() as tasks:
            senders = [tasks.create_task(self._send()) for _ in range(self._settings.senders)]
            await self._read()
            await self._queue.join()
            for sender in senders:
                sender.cancel()

    async def _read(self) -> None:
        """Read until told to stop, and begin again after Redis was away."""
        is_restarted = True
        while not self._stopping.is_set():
            try:
                if is_restarted:
                    await self._read_unfinished()
                    is_restarted = False
                found = await events.take(
                    self._redis,
                    self._settings.consumer,
                    count=self._settings.batch_max,
                    wait_ms=self._settings.read_wait_ms,
                )
            except (RedisConnectionError, RedisTimeoutError) as error:
                log.warning(
                    "Redis is away, next try in %s s: %s", self._settings.redis_pause_s, error
                )
                await asyncio.sleep(self._settings.redis_pause_s)
                continue
            for event in found:
                await self._queue.put(event)

    async def _read_unfinished(self) -> None:
        await events.open_group(self._redis)
        async for event in events.unfinished(
            self._redis, self._settings.consumer, page=self._settings.queue_max
        ):
            await self._queue.put(event)

    async def _send(self) -> None:
        while True:
            batch = await self._next_batch()
            try:
                if await self._deliver(batch):
                    await self._acknowledge(batch)
            finally:
                for _ in batch:
                    self._queue.task_done()

    async def _next_batch(self) -> list[Event]:
        """Wait for an event, and for those that come within `linger_s` of it."""
        batch = [await self._queue.get()]
        try:
            async with asyncio.timeout(self._settings.linger_s):
                while len(batch) < self._settings.batch_max:
                    batch.append(await self._queue.get())
        except TimeoutError:
            pass
        return batch

    async def _deliver(self, batch: list[Event]) -> bool:
        """Return whether *batch* is done: taken, or refused for good, which is logged."""
        body = [{"id": event.id, "kind": event.kind, "data": event.data} for event in batch]
        for attempt in range(self._settings.attempts):
            try:
                reply = await self._http.post(self._settings.webhook_url, json=body)
            except httpx.TransportError as error:
                log.warning("webhook: %r", error)
            else:
                if reply.is_success:
                    return True
                if reply.is_client_error and reply.status_code != 429:
                    log.error("webhook refused %d events: %d", len(batch), reply.status_code)
                    return True
            await asyncio.sleep(self._settings.retry_delay_s * 2**attempt)
        log.error("webhook is away; %d events stay in Redis until the next start", len(batch))
        return False

    async def _acknowledge(self, batch: list[Event]) -> None:
        while True:
            try:
                return await events.acknowledge(self._redis, batch)
            except (RedisConnectionError, RedisTimeoutError):
                await asyncio.sleep(self._settings.redis_pause_s)
