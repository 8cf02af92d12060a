"""
The address of a service over HTTP, as somebody typed it.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import SplitResult, urlsplit

import httpx

from agent_perf.errors import UsageError
from agent_perf.scrubbing import scrubbed

_EXAMPLE: Final = "http://127.0.0.1:8000"


def address_parts(url: str, *, example: str = _EXAMPLE) -> SplitResult:
    """
    Return the parts of *url*, the address of a service, below which its paths are.

    Raises:
        UsageError: If it is none, or comes with a query; the message tells *example*.
    """
    try:
        parts = urlsplit(url)
        # A port that is none is noticed when it is asked for.
        is_address = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
        httpx.URL(url)
    except (ValueError, httpx.InvalidURL):
        is_address = False
    if not is_address:
        told = scrubbed(url.rpartition("@")[2].partition("?")[0])
        raise UsageError(f"{told!r} is no address; want one such as {example}")
    if parts.query or parts.fragment:
        raise UsageError(
            f"{shown_url(parts)} comes with a query; want the address alone, paths and their "
            "queries belong to the requests: [requests.NAME] path"
        )
    return parts


def shown_url(parts: SplitResult) -> str:
    """Return the address of *parts*, without user and password."""
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}".rstrip("/")
