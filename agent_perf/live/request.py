"""
Requests to a running service, ready to be sent: variables filled in, bodies encoded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import msgspec

from agent_perf.config import NamedRequest
from agent_perf.errors import ConfigError

_VARIABLE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_EVENT_STREAM: Final = "text/event-stream"
_NO_NAME: Final = re.compile(r"[^a-z0-9]+")
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ReadyRequest:
    """
    A request as it goes out. It may hold secrets: do not store, show or log it.

    Attributes:
        name: What the configuration calls it.
        method: Of HTTP.
        path: With its query.
        headers: All of its own, names in lower case.
        content: The body.
        status: Statuses of a good answer; empty: 200 to 299.
        contains: Bytes that a good answer holds.
        stream: Whether the answer is an event stream.
        weight: Its share in a mix.
        timeout_s: Longest wait for the whole answer.
        secrets: What environment variables were filled in, longest first.
    """

    name: str
    method: str
    path: str
    headers: Mapping[str, str]
    content: bytes
    status: tuple[int, ...]
    contains: bytes
    stream: bool
    weight: int
    timeout_s: float
    secrets: tuple[str, ...]

    def __repr__(self) -> str:
        return f"ReadyRequest({self.name}: {self.method} {len(self.content)} bytes)"

    def accepts(self, status: int) -> bool:
        """Return whether *status* is one of a good answer."""
        return status in self.status if self.status else _is_success(status)

    def lacks_event(self, status: int, events: int) -> bool:
        """Return whether an answer with *events* is to be a stream, and is none."""
        return self.stream and not events and _is_success(status)


def _is_success(status: int) -> bool:
    return 200 <= status < 300


def ready(name: str, request: NamedRequest, environ: Mapping[str, str]) -> ReadyRequest:
    """
    Return *request*, called *name*, with its variables filled in from *environ*.

    Raises:
        ConfigError: If a variable is not set, it has two bodies, or a header is none.
    """
    whose = f"requests.{name}"
    secrets: set[str] = set()

    def filled(text: str) -> str:
        def value_of(match: re.Match[str]) -> str:
            try:
                value = environ[match[1]]
            except KeyError:
                raise ConfigError(
                    f"{whose}: {match[0]} stands for an environment variable that is not set; "
                    f"set {match[1]}"
                ) from None
            if value:
                secrets.add(value)
            return value

        return _VARIABLE.sub(value_of, text)

    if request.json is not None and request.body is not None:
        raise ConfigError(f"{whose} has a json and a body; want one of them")
    has_body = request.json is not None or request.body is not None
    headers = {key.lower(): filled(value) for key, value in request.headers.items()}
    for key, value in headers.items():
        if not _HEADER_NAME.fullmatch(key) or any(sign in value for sign in "\r\n\0"):
            # Its value is not told: it may be the secret.
            raise ConfigError(f"{whose}: header {key!r} cannot be sent; want a name and one line")
    content = (request.body and filled(request.body).encode()) or b""
    if request.json is not None:
        content = msgspec.json.encode(_each_text(request.json, filled))
        headers.setdefault("content-type", "application/json")
    if request.stream:
        headers.setdefault("accept", _EVENT_STREAM)
    return ReadyRequest(
        name=name,
        method=request.method or ("POST" if has_body else "GET"),
        path=filled(request.path),
        headers=headers,
        content=content,
        status=request.status,
        contains=request.contains.encode(),
        stream=request.stream,
        weight=request.weight,
        timeout_s=request.timeout_s,
        secrets=tuple(sorted(secrets, key=len, reverse=True)),
    )


def request_of(url: str) -> tuple[str, str, NamedRequest]:
    """
    Return what asks for *url* itself, by GET: the service's address, a name, and the request.

    Args:
        url: Of http or https. The name is made of its path, without its query.
    """
    parts = urlsplit(url)
    base = urlunsplit((parts.scheme, parts.netloc, "", "", ""))
    path = urlunsplit(("", "", parts.path or "/", parts.query, ""))
    name = _NO_NAME.sub("-", parts.path.lower()).strip("-") or "url"
    return base, name, NamedRequest(path=path)


def _each_text(value: Any, change: Callable[[str], str]) -> Any:
    """Return the JSON *value* with *change* made to each text in it; keys stay."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {key: _each_text(inner, change) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_each_text(inner, change) for inner in value]
    return value
