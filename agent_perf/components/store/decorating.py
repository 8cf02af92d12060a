"""
Functions whose calls a store answers.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Collection, Coroutine
from typing import ParamSpec, Protocol, TypeVar

from agent_perf.components.cache.keys import text_key

P = ParamSpec("P")
V = TypeVar("V")


class Answer(Protocol[V]):
    """Gives the value of a key, and computes it if there is none."""

    def __call__(
        self, key: str, compute: Callable[[], Awaitable[V]], *, tags: Collection[str]
    ) -> Awaitable[V]:
        """Return the value of *key*, by *compute* if it must be."""
        ...


def decorator(
    answer: Answer[V],
    key: Callable[..., str] | None,
    tags: Callable[..., Collection[str]] | None,
) -> Callable[[Callable[P, Awaitable[V]]], Callable[P, Coroutine[object, object, V]]]:
    """Return what lets *answer* answer a function's calls; see RedisStore.cached."""

    def decorate(
        function: Callable[P, Awaitable[V]],
    ) -> Callable[P, Coroutine[object, object, V]]:
        name = f"{function.__module__}.{function.__qualname__}"

        @functools.wraps(function)
        async def answered(*args: P.args, **kwargs: P.kwargs) -> V:
            slot = f"{name}:{key(*args, **kwargs)}" if key else text_key(name, args, kwargs)
            return await answer(
                slot,
                lambda: function(*args, **kwargs),
                tags=tags(*args, **kwargs) if tags else (),
            )

        return answered

    return decorate
