"""
What mends each kind of cause.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

REMEDIES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "lost-cache-hit": "look at what became part of the cache's key, and at the lifetime of its "
        "values",
        "n-plus-one": "load all rows with one statement: a join, or WHERE … IN",
        "batching-off": "send the events together again: one delivery for those of a few "
        "milliseconds",
        "connection-held": "give the database connection back before the model is asked, and take "
        "one for what follows",
        "more-errors": "see why the calls fail: each costs its wait and a retry",
        "pipeline-off": "send the Redis commands in one pipeline again",
        "extra-round-trip": "send it in one pipeline with another, or side by side with "
        "asyncio.gather",
        "extra-model-call": "leave the call out, or make it beside another with asyncio.gather",
        "more-tokens": "shorten the prompt or the answer, or put first what never changes, for the "
        "provider's cache",
        "extra-tool-call": "leave the call out, or make it beside another with asyncio.gather",
        "extra-statement": "leave the statement out, or join it with one that is there",
        "extra-request": "leave the request out, or make it beside another with asyncio.gather",
        "serialised": "let them run side by side again, with asyncio.gather or a task group",
        "slower-operation": "look at what that operation does now",
        "unobserved-wait": "look for a lock, a semaphore, a limit or a sleep that is new",
    }
)
"""Kind of cause to what to do, a clause in the imperative."""
