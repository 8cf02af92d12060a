"""Events, and the Redis stream that they wait in."""

import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ResponseError

STREAM = "events"
GROUP = "webhook"
EVENTS_KEPT_MAX = 100_000


@dataclass(frozen=True, slots=True)
class Event:
    id: str
    kind: str
    data: dict[str, Any]


async def publish(redis: Redis, kind: str, data: dict[str, Any]) -> str:
    """Put an event into the stream, and return its id."""
    row = {"kind": kind, "data": json.dumps(data)}
    return str(await redis.xadd(STREAM, row, maxlen=EVENTS_KEPT_MAX, approximate=True))


async def open_group(redis: Redis) -> None:
    """Make the consumer group, if it is not there."""
    try:
        await redis.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
    except ResponseError as error:
        if "BUSYGROUP" not in str(error):
            raise


async def take(redis: Redis, consumer: str, *, count: int, wait_ms: int) -> list[Event]:
    """Return up to *count* new events; none after *wait_ms* without."""
    found = await redis.xreadgroup(GROUP, consumer, {STREAM: ">"}, count=count, block=wait_ms)
    return _events(row for _, rows in found or () for row in rows)


async def unfinished(redis: Redis, consumer: str, *, page: int) -> AsyncIterator[Event]:
    """Yield all events that *consumer* took before, and never acknowledged: it was stopped."""
    after = "0"
    while True:
        found = await redis.xreadgroup(GROUP, consumer, {STREAM: after}, count=page)
        rows = [row for _, rows in found or () for row in rows]
        # What the stream has dropped meanwhile has no fields any more.
        for event in _events(row for row in rows if row[1]):
            yield event
        if len(rows) < page:
            return
        after = rows[-1][0]


async def acknowledge(redis: Redis, events: Iterable[Event]) -> None:
    await redis.xack(STREAM, GROUP, *(event.id for event in events))


def _events(rows: Iterable[tuple[str, dict[str, str]]]) -> list[Event]:
    return [Event(name, row["kind"], json.loads(row["data"])) for name, row in rows]
