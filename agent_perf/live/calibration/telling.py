"""
What goes wrong while a service is measured, told without its password.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import unquote, urlsplit

from agent_perf.errors import BrokenError
from agent_perf.scrubbing import scrubbed


@contextmanager
def failures_told(what: str, url: str, *kinds: type[Exception]) -> Iterator[None]:
    """
    Let errors of *kinds* end the measuring of *what*, which is at *url*.

    Raises:
        BrokenError: Instead of them, without what is secret in *url*.
    """
    try:
        yield
    except kinds as error:
        # Without its cause: that one's text may hold the password.
        raise BrokenError(
            f"the {what} at {shown(url)} cannot be measured: {type(error).__name__}: "
            f"{scrubbed(str(error), secrets_of(url))}"
        ) from None


def shown(url: str) -> str:
    """Return *url* as people may see it: without user, password and query."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "?", parts.port
    except ValueError:
        return "?"
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}{f':{port}' if port else ''}{parts.path}"


def secrets_of(url: str) -> tuple[str, ...]:
    """Return what of *url* nobody else is to see: its password, as written and as meant."""
    try:
        password = urlsplit(url).password or ""
    except ValueError:
        return ()
    return tuple({one for one in (password, unquote(password)) if one})
