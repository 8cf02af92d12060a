"""
What workers ask, ready to be sent: variables filled in, the address taken apart.
"""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import unquote, urlsplit

from agent_perf.live.locust.wire import Plan
from agent_perf.live.request import ReadyRequest, ready


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """
    A service and its requests. It may hold secrets: do not store, show or log it.

    Attributes:
        base: Scheme, host, port and path that come before a request's own; without a user.
        requests: In the plan's order.
    """

    base: str
    requests: tuple[ReadyRequest, ...]


def target_of(plan: Plan, environ: Mapping[str, str] = os.environ) -> Target:
    """
    Return what *plan* is to ask; a user in its URL becomes a header of every request.

    Raises:
        ConfigError: If a request cannot be made ready.
    """
    requests = tuple(ready(name, one, environ) for name, one in plan.requests.items())
    parts = urlsplit(plan.url)
    _, _, host = parts.netloc.rpartition("@")
    base = f"{parts.scheme}://{host}{parts.path.rstrip('/')}"
    if parts.username is not None:
        user, password = unquote(parts.username), unquote(parts.password or "")
        token = b64encode(f"{user}:{password}".encode()).decode()
        requests = tuple(_signed(one, f"Basic {token}", (password, token)) for one in requests)
    return Target(base=base, requests=requests)


def _signed(request: ReadyRequest, header: str, secrets: tuple[str, ...]) -> ReadyRequest:
    known = {*request.secrets, *(one for one in secrets if one)}
    return replace(
        request,
        headers={"authorization": header, **request.headers},
        secrets=tuple(sorted(known, key=len, reverse=True)),
    )
