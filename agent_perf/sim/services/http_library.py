"""
httpx and httpx2 look alike and share no class: what the transport needs of either.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from types import ModuleType
from typing import Any, Protocol, TypeVar

from agent_perf.errors import ConfigError
from agent_perf.sim.services.http_response import response_class

C_co = TypeVar("C_co", covariant=True)


class HttpLibrary(Protocol[C_co]):
    """The module httpx, httpx2, or one that has the same names."""

    @property
    def AsyncClient(self) -> Callable[..., C_co]:  # noqa: N802 - The libraries' name.
        """The client class."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dialect:
    """
    One library's classes.

    Attributes:
        module: The library itself.
        transport: Base class of its asynchronous transports.
        stream: Base class of its asynchronous bodies.
        response: Its response class.
        headers: Its header class.
        busy_count_as_idle: As in ConnectionPool.
    """

    module: ModuleType
    transport: type
    stream: type
    response: Callable[..., Any]
    headers: Callable[[Any], Any]
    busy_count_as_idle: bool

    def error(self, name: str, message: str, request: object) -> Exception:
        """Return the library's exception *name*, one of those of the transport."""
        kind: Callable[..., Exception] = getattr(self.module, name)
        return kind(message, request=request)

    def translated(self, error: Exception) -> Exception:
        """Return *error*, or its namesake if it is another library's transport error."""
        kind = getattr(self.module, type(error).__name__, None)
        if kind is None or isinstance(error, kind):
            return error
        twin: Exception = kind(str(error))
        return twin


@lru_cache(maxsize=8)
def dialect_of(module: ModuleType) -> Dialect:
    """
    Return the classes of *module*.

    Raises:
        ConfigError: If it is neither httpx nor like it.
    """
    try:
        return Dialect(
            module=module,
            transport=module.AsyncBaseTransport,
            stream=module.AsyncByteStream,
            response=response_class(module),
            headers=module.Headers,
            busy_count_as_idle=module.__name__ == "httpx",
        )
    except AttributeError as error:
        raise ConfigError(
            f"{module!r} has no {error.name}; want the module httpx or httpx2"
        ) from error
