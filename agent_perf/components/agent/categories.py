"""
What went wrong with a request, in the few words that an operator acts on.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from typing import Final

from agent_perf.components.errors import (
    BudgetError,
    BulkheadFullError,
    CircuitOpenError,
    EventError,
    ModelError,
    ModelRateLimitError,
    ModelTimeoutError,
    ModelUnavailableError,
    RateLimitedError,
    StoreUnavailableError,
)
from agent_perf.errors import AgentPerfError


class ErrorCategory(enum.Enum):
    """Why a request failed."""

    VALIDATION = "validation"
    """The request itself is wrong; sending it again will not help."""
    TIMEOUT = "timeout"
    """Something, or the whole request, took too long."""
    RATE_LIMIT = "rate_limit"
    """Somebody asks us to slow down."""
    NETWORK = "network"
    """Somebody cannot be reached, or hung up."""
    UNAVAILABLE = "unavailable"
    """Not tried: what it needs has just been failing, or is used up."""
    MODEL = "model"
    """The model answered, with something that cannot be used."""
    BUDGET = "budget"
    """The request has spent what it may."""
    INTERNAL = "internal"
    """A fault of ours."""


class RequestError(AgentPerfError):
    """
    A request failed; the cause, if there was one, is its ``__cause__``.

    Attributes:
        category: Why.
    """

    def __init__(self, category: ErrorCategory, message: str) -> None:
        super().__init__(message)
        self.category = category


def categorize(error: BaseException) -> ErrorCategory:
    """
    Return the category of *error*, by its class or the nearest known one above it.

    Libraries that are not imported are known by name. What nobody foresaw is INTERNAL:
    it must never look like a fault that was handled.
    """
    if isinstance(error, RequestError):
        return error.category
    # SQLAlchemy's classes tell what the driver said, not whether the connection is lost.
    if getattr(error, "connection_invalidated", False):
        return ErrorCategory.NETWORK
    # Nor does it invalidate a connection that could not be made.
    if _NOT_CONNECTED.match(str(getattr(error, "orig", None) or "")):
        return ErrorCategory.NETWORK
    for kind in type(error).__mro__:
        category = _BY_CLASS.get(kind)
        if category is None:
            # Packages keep their errors in submodules, and move them.
            category = _BY_NAME.get(f"{kind.__module__.partition('.')[0]}.{kind.__name__}")
        if category is not None:
            return category
    return ErrorCategory.INTERNAL


# As libpq says it, for psycopg of all ages.
_NOT_CONNECTED: Final = re.compile(r"connection failed|connection to server|could not connect")

_BY_CLASS: Final[Mapping[type[BaseException], ErrorCategory]] = {
    TimeoutError: ErrorCategory.TIMEOUT,
    ConnectionError: ErrorCategory.NETWORK,
    RateLimitedError: ErrorCategory.RATE_LIMIT,
    ModelRateLimitError: ErrorCategory.RATE_LIMIT,
    ModelTimeoutError: ErrorCategory.TIMEOUT,
    ModelUnavailableError: ErrorCategory.NETWORK,
    ModelError: ErrorCategory.MODEL,
    BudgetError: ErrorCategory.BUDGET,
    BulkheadFullError: ErrorCategory.UNAVAILABLE,
    CircuitOpenError: ErrorCategory.UNAVAILABLE,
    StoreUnavailableError: ErrorCategory.UNAVAILABLE,
    EventError: ErrorCategory.UNAVAILABLE,
}

_BY_NAME: Final[Mapping[str, ErrorCategory]] = {
    "aiohttp.ClientConnectionError": ErrorCategory.NETWORK,
    "aiohttp.ServerTimeoutError": ErrorCategory.TIMEOUT,
    "asyncpg.InterfaceError": ErrorCategory.NETWORK,
    "asyncpg.PostgresConnectionError": ErrorCategory.NETWORK,
    "httpx.TimeoutException": ErrorCategory.TIMEOUT,
    "httpx.TransportError": ErrorCategory.NETWORK,
    "httpx2.TimeoutException": ErrorCategory.TIMEOUT,
    "httpx2.TransportError": ErrorCategory.NETWORK,
    "openai.APIConnectionError": ErrorCategory.NETWORK,
    "openai.APITimeoutError": ErrorCategory.TIMEOUT,
    "openai.InternalServerError": ErrorCategory.NETWORK,
    "openai.RateLimitError": ErrorCategory.RATE_LIMIT,
    "redis.AuthenticationError": ErrorCategory.INTERNAL,
    "redis.ConnectionError": ErrorCategory.NETWORK,
    "redis.TimeoutError": ErrorCategory.TIMEOUT,
    "socket.gaierror": ErrorCategory.NETWORK,
    "sqlalchemy.TimeoutError": ErrorCategory.UNAVAILABLE,
}
