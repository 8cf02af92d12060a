"""
openai's errors, for what a stubbed HTTP client met.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
import openai

_KINDS: Final[dict[int, type[openai.APIStatusError]]] = {
    400: openai.BadRequestError,
    401: openai.AuthenticationError,
    403: openai.PermissionDeniedError,
    404: openai.NotFoundError,
    409: openai.ConflictError,
    422: openai.UnprocessableEntityError,
    429: openai.RateLimitError,
}


def connection_error(error: Exception, request: Any) -> Exception:
    """Return what openai's client raises when sending *request* raised *error*."""
    if not is_of_transport(error):
        return error
    if any(kind.__name__ == "TimeoutException" for kind in type(error).__mro__):
        return openai.APITimeoutError(request=request)
    return openai.APIConnectionError(request=request)


def status_error(response: Any) -> Exception:
    """Return what openai's client raises for *response*, whose body has been read."""
    status, body = response.status_code, _parsed(response.content)
    others = openai.InternalServerError if status >= 500 else openai.APIStatusError
    kind = _KINDS.get(status, others)
    inner = body.get("error", body) if isinstance(body, dict) else body
    message = inner.get("message") if isinstance(inner, dict) else None
    words = f"Error code: {status} - {message}" if message else f"Error code: {status}"
    return kind(words, response=response, body=inner)


def event_error(payload: bytes, response: Any) -> Exception:
    """Return what a stream raises for an event that tells an error."""
    inner = msgspec.json.decode(payload)["error"]
    message = inner.get("message") if isinstance(inner, dict) else None
    return openai.APIError(
        message or "An error occurred during streaming", request=response.request, body=inner
    )


def _parsed(content: bytes) -> Any:
    try:
        return msgspec.json.decode(content)
    except msgspec.DecodeError:
        return content.decode("utf-8", "replace")


def is_of_transport(error: Exception) -> bool:
    """Return whether *error* is one of httpx's, or httpx2's, about the way to the host."""
    return any(kind.__name__ == "TransportError" for kind in type(error).__mro__)
