"""
Whose request a call over a real socket is part of: its number travels, its context stays here.
"""

from __future__ import annotations

import itertools
from contextvars import Context
from typing import Any, Final

CALL_HEADER: Final = "x-agent-perf-request"
"""Tells our own server on loopback whose request it is; it is sent to nobody else."""

_NAME: Final = CALL_HEADER.encode()


class Calls:
    """The calls that are under way to one server."""

    def __init__(self) -> None:
        self._contexts: dict[str, Context] = {}
        self._numbers = itertools.count()

    def begin(self, context: Context) -> str:
        """Return the number of a call that is made in *context*."""
        number = str(next(self._numbers))
        self._contexts[number] = context
        return number

    def end(self, number: str) -> None:
        """Forget call *number*, whose answer has begun, or never will."""
        self._contexts.pop(number, None)

    def take(self, scope: dict[str, Any]) -> Context | None:
        """Return the context of the call that ASGI's *scope* is of, which loses its number."""
        headers = scope["headers"]
        number = next((value for name, value in headers if name == _NAME), None)
        if number is None:
            # Asked by something else than our clients: nobody's request.
            return None
        scope["headers"] = [pair for pair in headers if pair[0] != _NAME]
        return self._contexts.get(number.decode("latin-1"))
