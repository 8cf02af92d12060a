"""
What models' libraries and servers say, as the errors that tell what to do about it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from email.utils import mktime_tz, parsedate_tz
from typing import Final

from agent_perf.components.agent.categories import ErrorCategory, categorize
from agent_perf.components.errors import (
    CircuitOpenError,
    ModelError,
    ModelRateLimitError,
    ModelReplyError,
    ModelTimeoutError,
    ModelUnavailableError,
)


def as_model_error(error: Exception) -> Exception:
    """Return *error* as one of ours if a model's library raised it for a reason we know."""
    if isinstance(error, ModelError | CircuitOpenError):
        return error
    message = f"{type(error).__name__}: {error}"
    match categorize(error):
        case ErrorCategory.RATE_LIMIT:
            return ModelRateLimitError(message)
        case ErrorCategory.TIMEOUT:
            return ModelTimeoutError(message)
        case ErrorCategory.NETWORK:
            return ModelUnavailableError(message)
        case _:
            return error


def reading_error(error: Exception) -> Exception:
    """Return what was raised while a reply was read: one that is no reply is the model's fault."""
    if isinstance(error, ValueError):
        return ModelReplyError(f"the reply cannot be read: {type(error).__name__}: {error}")
    return as_model_error(error)


def status_error(status: int, message: str, retry_after_s: float | None = None) -> ModelError:
    """
    Return the error for an HTTP answer that is none.

    It has cost nothing, unless a gateway gave up what the server behind it may have finished.

    Args:
        status: Its status, 400 to 599.
        message: What it says.
        retry_after_s: When to come again, if it says so.
    """
    error: ModelError
    if status == 429:
        return ModelRateLimitError(message, retry_after_s=retry_after_s)
    if status == 408:
        error = ModelTimeoutError(message)
    elif status >= 500:
        error = ModelUnavailableError(message)
    else:
        error = ModelError(message)
    error.is_free = status not in _GIVEN_UP
    return error


# Time-outs, and gateways that lost the server; 520 to 524 are Cloudflare's.
_GIVEN_UP: Final = frozenset({408, 502, 504, 520, 522, 524})


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """
    Return the seconds after which a server asks us to come again, >= 0; None if it does not.

    Source: RFC 9110, section 10.2.3, seconds or a date; and ``retry-after-ms``, which OpenAI
    and Azure send as well.
    """
    try:
        if "retry-after-ms" in headers:
            return _reasonable(float(headers["retry-after-ms"]) / 1000)
        text = headers.get("retry-after", "")
        if (when := parsedate_tz(text)) is not None:
            return _reasonable(max(0.0, mktime_tz(when) - time.time()))
        return _reasonable(float(text))
    except (ValueError, OverflowError):
        return None


def _reasonable(seconds: float) -> float | None:
    return seconds if 0 <= seconds < math.inf else None
