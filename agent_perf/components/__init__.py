"""
Parts of an agent backend, each for use by itself: caches, database, events, request path.

Each name is imported with its file when it is first used, so that the cache comes
without SQLAlchemy and the database without cachebox.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from agent_perf.components.accounts import AgentStats
    from agent_perf.components.agent import Agent, AnswerCache, Load, Publish, Save
    from agent_perf.components.breaker import CLOSED, BreakerState, CircuitBreaker
    from agent_perf.components.cache import MISSING, CacheStats, MemoryCache
    from agent_perf.components.categories import ErrorCategory, RequestError, categorize
    from agent_perf.components.conversation import Talker, TalkPolicy, Tally
    from agent_perf.components.entries import StoreStats
    from agent_perf.components.errors import (
        BatcherClosedError,
        BudgetError,
        CircuitOpenError,
        EventDeliveryError,
        EventError,
        EventRefusedError,
        InvalidEventError,
        ModelError,
        ModelRateLimitError,
        ModelReplyError,
        ModelTimeoutError,
        ModelUnavailableError,
        QueueFullError,
        SerializerError,
        StoreUnavailableError,
    )
    from agent_perf.components.events import BatcherStats, EventBatcher
    from agent_perf.components.flight import Flights
    from agent_perf.components.flushing import FlushPolicy, flush_count
    from agent_perf.components.keys import call_key, text_key
    from agent_perf.components.llm import (
        Chunk,
        Llm,
        Message,
        Price,
        Reply,
        Spoken,
        Tool,
        ToolCall,
        Usage,
    )
    from agent_perf.components.openai_adapter import OpenAiModel
    from agent_perf.components.pool import Database, Health, PoolStats
    from agent_perf.components.pusher import Event, PusherClient, make_event
    from agent_perf.components.queries import QueryStats, fingerprint
    from agent_perf.components.questions import AgentPolicy, Answer, Question
    from agent_perf.components.rate import RateLimiter
    from agent_perf.components.retry import RetryPolicy, call_with_retries
    from agent_perf.components.serializer import Serializer
    from agent_perf.components.signing import Signer
    from agent_perf.components.store import RedisStore

_NAMES: Final = {
    "accounts": ("AgentStats",),
    "agent": ("Agent", "AnswerCache", "Load", "Publish", "Save"),
    "breaker": ("CLOSED", "BreakerState", "CircuitBreaker"),
    "cache": ("MISSING", "CacheStats", "MemoryCache"),
    "categories": ("ErrorCategory", "RequestError", "categorize"),
    "conversation": ("TalkPolicy", "Talker", "Tally"),
    "entries": ("StoreStats",),
    "errors": (
        "BatcherClosedError",
        "BudgetError",
        "CircuitOpenError",
        "EventDeliveryError",
        "EventError",
        "EventRefusedError",
        "InvalidEventError",
        "ModelError",
        "ModelRateLimitError",
        "ModelReplyError",
        "ModelTimeoutError",
        "ModelUnavailableError",
        "QueueFullError",
        "SerializerError",
        "StoreUnavailableError",
    ),
    "events": ("BatcherStats", "EventBatcher"),
    "flight": ("Flights",),
    "flushing": ("FlushPolicy", "flush_count"),
    "keys": ("call_key", "text_key"),
    "llm": (
        "Chunk",
        "Llm",
        "Message",
        "Price",
        "Reply",
        "Spoken",
        "Tool",
        "ToolCall",
        "Usage",
    ),
    "openai_adapter": ("OpenAiModel",),
    "pool": ("Database", "Health", "PoolStats"),
    "pusher": ("Event", "PusherClient", "make_event"),
    "queries": ("QueryStats", "fingerprint"),
    "questions": ("AgentPolicy", "Answer", "Question"),
    "rate": ("RateLimiter",),
    "retry": ("RetryPolicy", "call_with_retries"),
    "serializer": ("Serializer",),
    "signing": ("Signer",),
    "store": ("RedisStore",),
}
_HOME: Final = {name: home for home, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> object:
    if name in _HOME:
        value: object = getattr(import_module(f"agent_perf.components.{_HOME[name]}"), name)
        # The next look-up does not come here again.
        globals()[name] = value
        return value
    raise AttributeError(f"module 'agent_perf.components' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


__all__ = [
    "CLOSED",
    "MISSING",
    "Agent",
    "AgentPolicy",
    "AgentStats",
    "Answer",
    "AnswerCache",
    "BatcherClosedError",
    "BatcherStats",
    "BreakerState",
    "BudgetError",
    "CacheStats",
    "Chunk",
    "CircuitBreaker",
    "CircuitOpenError",
    "Database",
    "ErrorCategory",
    "Event",
    "EventBatcher",
    "EventDeliveryError",
    "EventError",
    "EventRefusedError",
    "Flights",
    "FlushPolicy",
    "Health",
    "InvalidEventError",
    "Llm",
    "Load",
    "MemoryCache",
    "Message",
    "ModelError",
    "ModelRateLimitError",
    "ModelReplyError",
    "ModelTimeoutError",
    "ModelUnavailableError",
    "OpenAiModel",
    "PoolStats",
    "Price",
    "Publish",
    "PusherClient",
    "QueryStats",
    "Question",
    "QueueFullError",
    "RateLimiter",
    "RedisStore",
    "Reply",
    "RequestError",
    "RetryPolicy",
    "Save",
    "Serializer",
    "SerializerError",
    "Signer",
    "Spoken",
    "StoreStats",
    "StoreUnavailableError",
    "TalkPolicy",
    "Talker",
    "Tally",
    "Tool",
    "ToolCall",
    "Usage",
    "call_key",
    "call_with_retries",
    "categorize",
    "fingerprint",
    "flush_count",
    "make_event",
    "text_key",
]
