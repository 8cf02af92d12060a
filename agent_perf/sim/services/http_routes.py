"""
A user's own respx routes, answered in virtual time.

The router's patterns, side effects and call records mean what they mean in respx; what
is left out is its way through them, which inspects the signature of the side effect at
every call, clones each response and tries each pattern of each route anew.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from functools import lru_cache
from operator import is_
from typing import Any, Final, NoReturn

import httpx
import respx
from respx.models import Route

from agent_perf.errors import ConfigError
from agent_perf.sim.services.http_loop import sim_loop
from agent_perf.sim.services.reply import Reply

Candidate = tuple[Route, dict[str, Any] | None]
"""A route, and what its pattern took from the URL; None if it must be asked each time."""

_URL_KEYS: Final = frozenset({"method", "scheme", "host", "port", "path", "params", "url"})
_URLS_KEPT: Final = 4096


class Routes:
    """
    Args:
        router: The user's; routes can be added to it at any time.
        calls_kept: Records that remain of the router and of each route, >= 1.
    """

    def __init__(self, router: respx.Router, *, calls_kept: int) -> None:
        self.router = router
        self._calls_kept = calls_kept
        self._seen: list[object] = []
        self._candidates: dict[tuple[str, str], tuple[Candidate, ...]] = {}

    async def answer(self, request: httpx.Request) -> Reply | None:
        """
        Return the reply of the first route that matches *request*, whose body was read.

        Raises:
            RealWorldAccess: If that route passes the request through.
            ConfigError: If it gives what respx would not take, or has nothing left to give.
            Exception: What the route's side effect raises.
        """
        for route, taken in self._candidates_of(request):
            if taken is None:
                match = route.pattern.match(request) if route.pattern else True
                if not match:
                    continue
                context = {} if match is True else match.context
            else:
                context = taken
            if route.is_pass_through:
                _refuse_to_pass(route, request)
            try:
                response = await _resolve(route, request, context)
            except Exception:
                self._record(route, request, None)
                raise
            if response is not None:
                self._record(route, request, response)
                return _reply(response)
        return None

    def _candidates_of(self, request: httpx.Request) -> tuple[Candidate, ...]:
        # By identity: respx compares routes and patterns by computing hashes of them.
        seen: list[object] = [
            part for route in self.router.routes for part in (route, route.pattern)
        ]
        if len(seen) != len(self._seen) or not all(map(is_, seen, self._seen)):
            self._seen = seen
            self._candidates.clear()
        key = (request.method, str(request.url))
        found = self._candidates.get(key)
        if found is None:
            if len(self._candidates) >= _URLS_KEPT:
                self._candidates.clear()
            found = self._candidates[key] = tuple(_candidates(self.router, request))
        return found

    def _record(
        self, route: Route, request: httpx.Request, response: httpx.Response | None
    ) -> None:
        self.router.record(request, response=response, route=route)
        for calls in (self.router.calls, route.calls):
            # Twice the number, so that the list is not moved at every call.
            if len(calls) >= 2 * self._calls_kept:
                del calls[: -self._calls_kept]


def _candidates(router: respx.Router, request: httpx.Request) -> Iterator[Candidate]:
    for route in router.routes:
        pattern = route.pattern
        if not pattern:
            yield route, {}
        elif any(getattr(part, "key", None) not in _URL_KEYS for part in pattern):
            yield route, None
        elif match := pattern.match(request):
            yield route, match.context


async def _resolve(
    route: Route, request: httpx.Request, context: dict[str, Any]
) -> httpx.Response | None:
    effect: Any = route.side_effect
    if effect is None:
        response = route.return_value or httpx.Response(200)
        response.request = request
        return response
    if isinstance(effect, Iterator):
        try:
            effect = next(effect)
        except StopIteration:
            raise ConfigError(
                f"{route!r}: its list of side effects is used up; give it more, or a function"
            ) from None
    if isinstance(effect, Exception):
        raise effect
    if isinstance(effect, type):
        raise _raised(effect, request)
    result = _call(effect, route, request, context) if callable(effect) else effect
    if inspect.isawaitable(result):
        result = await result
    if result is None:
        return None
    if isinstance(result, httpx.Request):
        _refuse_to_pass(route, request)
    if not isinstance(result, httpx.Response):
        raise ConfigError(
            f"{route!r} answered {result!r}; want an httpx.Response, or None for no match"
        )
    result.request = request
    return result


def _call(effect: Any, route: Route, request: httpx.Request, context: dict[str, Any]) -> object:
    if _wants_route(effect):
        return effect(request, **{**context, "route": route})
    return effect(request, **context)


@lru_cache(maxsize=1024)
def _wants_route(effect: Any) -> bool:
    # respx asks at every call: that was half of what it cost.
    return "route" in inspect.getfullargspec(effect).args


def _raised(kind: type, request: httpx.Request) -> Exception:
    if issubclass(kind, httpx.RequestError):
        return kind("Mock Error", request=request)
    error = kind()
    assert isinstance(error, Exception)
    return error


def _refuse_to_pass(route: Route, request: httpx.Request) -> NoReturn:
    sim_loop().refusals.refuse(
        f"{request.method} {request.url}: passing it through to the network, as {route!r} does,",
        "let the route respond, or mount the host",
    )


def _reply(response: httpx.Response) -> Reply:
    stream = response.stream
    if isinstance(stream, httpx.ByteStream):
        content: Any = b"".join(stream)
    else:
        content = stream
    headers = _texts(tuple(response.headers.raw))
    return Reply(status=response.status_code, headers=headers, content=content)


@lru_cache(maxsize=1024)
def _texts(pairs: tuple[tuple[bytes, bytes], ...]) -> tuple[tuple[str, str], ...]:
    return tuple(
        (name.decode("ascii"), value.decode("utf-8", "surrogateescape")) for name, value in pairs
    )
