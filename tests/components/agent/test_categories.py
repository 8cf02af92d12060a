from __future__ import annotations

import socket

import aiohttp
import httpx
import httpx2
import openai
import pytest
import redis.exceptions
import sqlalchemy.exc

from agent_perf.components import (
    BudgetError,
    BulkheadFullError,
    CircuitOpenError,
    ErrorCategory,
    ModelError,
    ModelRateLimitError,
    ModelReplyError,
    ModelTimeoutError,
    ModelUnavailableError,
    RateLimitedError,
    RequestError,
    StoreUnavailableError,
    categorize,
)

_REQUEST = httpx2.Request("POST", "http://llm.test")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (RequestError(ErrorCategory.VALIDATION, "empty"), ErrorCategory.VALIDATION),
        (TimeoutError(), ErrorCategory.TIMEOUT),
        (aiohttp.ServerTimeoutError("slow"), ErrorCategory.TIMEOUT),
        (aiohttp.ServerDisconnectedError("cut"), ErrorCategory.NETWORK),
        (httpx.ReadTimeout("slow"), ErrorCategory.TIMEOUT),
        (httpx2.PoolTimeout("slow"), ErrorCategory.TIMEOUT),
        (openai.APITimeoutError(_REQUEST), ErrorCategory.TIMEOUT),
        (redis.exceptions.TimeoutError(), ErrorCategory.TIMEOUT),
        (ModelTimeoutError(), ErrorCategory.TIMEOUT),
        (ConnectionResetError(), ErrorCategory.NETWORK),
        (socket.gaierror(), ErrorCategory.NETWORK),
        (httpx.ConnectError("refused"), ErrorCategory.NETWORK),
        (httpx2.RemoteProtocolError("cut"), ErrorCategory.NETWORK),
        (openai.APIConnectionError(request=_REQUEST), ErrorCategory.NETWORK),
        (redis.exceptions.ConnectionError(), ErrorCategory.NETWORK),
        (ModelUnavailableError(), ErrorCategory.NETWORK),
        (
            sqlalchemy.exc.DBAPIError("", None, Exception(), connection_invalidated=True),
            ErrorCategory.NETWORK,
        ),
        (
            sqlalchemy.exc.OperationalError("", None, Exception("connection failed: refused")),
            ErrorCategory.NETWORK,
        ),
        (ModelRateLimitError("slow down"), ErrorCategory.RATE_LIMIT),
        (RateLimitedError("later", retry_after_s=1.0), ErrorCategory.RATE_LIMIT),
        (BulkheadFullError(), ErrorCategory.UNAVAILABLE),
        (ModelReplyError(), ErrorCategory.MODEL),
        (ModelError(), ErrorCategory.MODEL),
        (BudgetError(), ErrorCategory.BUDGET),
        (CircuitOpenError("open", retry_after_s=1.0), ErrorCategory.UNAVAILABLE),
        (StoreUnavailableError(), ErrorCategory.UNAVAILABLE),
        (sqlalchemy.exc.TimeoutError(), ErrorCategory.UNAVAILABLE),
        (sqlalchemy.exc.OperationalError("", None, Exception()), ErrorCategory.INTERNAL),
        (redis.exceptions.AuthenticationError(), ErrorCategory.INTERNAL),
        (KeyError("a bug"), ErrorCategory.INTERNAL),
        (FileNotFoundError(), ErrorCategory.INTERNAL),
        (AssertionError(), ErrorCategory.INTERNAL),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value.value,
)
def test_each_error_has_its_own_category(error: Exception, expected: ErrorCategory) -> None:
    """
    Errors of every library on the way are told apart, and what nobody foresaw is a fault
    of ours: it never passes for an error that was handled.
    """
    assert expected is categorize(error)
