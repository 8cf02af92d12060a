"""
HTTP clients of a program: httpx and httpx2, and the SDKs that are built on them.
"""

from __future__ import annotations

import functools
import sys
from contextlib import ExitStack
from importlib import import_module
from types import ModuleType
from typing import Any, Final
from weakref import WeakKeyDictionary

from agent_perf.sim.egress.http_sync import catch_sync
from agent_perf.sim.egress.services import Services
from agent_perf.sim.services.http_loop import sim_loop
from agent_perf.sim.services.llm.api_paths import is_api_path

MODEL_HOSTS: Final = frozenset(
    {
        "api.anthropic.com",
        "api.cerebras.ai",
        "api.deepseek.com",
        "api.fireworks.ai",
        "api.groq.com",
        "api.mistral.ai",
        "api.openai.com",
        "api.perplexity.ai",
        "api.together.xyz",
        "api.x.ai",
        "openrouter.ai",
    }
)
"""Hosts of models that speak one of the APIs that the simulated model speaks."""


def catch_http(stack: ExitStack, services: Services, *, wire: bool) -> None:
    """Let every transport of httpx and httpx2 reach the hosts of *services*."""
    for name in ("httpx", "httpx2"):
        _catch_library(stack, import_module(name), _Hosts(services), wire=wire)


class _Hosts:
    """Who answers a request: a mounted host, a route, a model, or nobody."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def transport(self, library: ModuleType, pool: Any) -> Any:
        """Return a transport of the world with the limits of *pool*, httpcore's."""
        return self._services.http.transport(
            library,
            max_connections=_limit(pool._max_connections),
            max_keepalive_connections=_limit(pool._max_keepalive_connections),
            keepalive_expiry_s=pool._keepalive_expiry,
        )

    def check(self, request: Any) -> None:
        """
        See that somebody answers *request*.

        Raises:
            RealWorldAccess: If nobody does: who was asked, and what to write.
        """
        http, host, path = self._services.http, request.url.host.lower(), request.url.path
        if host in http.hosts():
            return
        if host in MODEL_HOSTS or (is_api_path(path) and self._services.llm.is_scripted):
            self._services.llm.at(host)
            return
        if http.router.routes:
            # Its patterns may name no host; what none of them matches is refused there.
            return
        sim_loop().refusals.refuse(
            f"{request.method} {request.url}: a call to {host!r}, which nobody plays,",
            f"say what it answers, before the call: world.http.mount({host!r}, handler), or "
            f"world.http.router.{request.method.lower()}({str(request.url)!r}).respond(json={{}}); "
            f"if it is a model, world.llm.at({host!r})",
        )


def _catch_library(stack: ExitStack, library: Any, hosts: _Hosts, *, wire: bool) -> None:
    kind = library.AsyncHTTPTransport
    handle, aclose = kind.handle_async_request, kind.aclose
    twins: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()

    def is_ours(transport: Any) -> bool:
        # Tier wire's own transport is one of the library's, which takes note.
        return getattr(transport, "_http", None) is not None

    async def ask(self: Any, request: Any) -> Any:
        hosts.check(request)
        twin = twins.get(self)
        if twin is None:
            twin = twins[self] = hosts.transport(library, self._pool)
        if not wire or request.url.scheme != "https":
            return await twin.handle_async_request(request)
        # As behind a proxy that ends TLS.
        url, request.url = request.url, request.url.copy_with(scheme="http")
        try:
            return await twin.handle_async_request(request)
        finally:
            request.url = url

    @functools.wraps(handle)
    async def caught(self: Any, request: Any) -> Any:
        return await (handle(self, request) if is_ours(self) else ask(self, request))

    @functools.wraps(aclose)
    async def closed(self: Any) -> None:
        twin = twins.pop(self, None)
        if twin is not None:
            await twin.aclose()
        await aclose(self)

    _exchange(stack, kind, "handle_async_request", caught)
    _exchange(stack, kind, "aclose", closed)
    catch_sync(stack, library, ask)
    _reopen_clients(stack, library)
    _cache_contexts(stack, sys.modules[kind.__module__])


def _reopen_clients(stack: ExitStack, library: Any) -> None:
    """Let clients that a shutdown closed be open in the next world, as in the next process."""
    # A program may make a client per request: none is kept alive for this.
    closed_here: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()

    def note(client: Any) -> None:
        if getattr(client, "_state", None) is not None:
            closed_here.setdefault(client, client._state)

    aclose, close = library.AsyncClient.aclose, library.Client.close

    @functools.wraps(aclose)
    async def aclosing(self: Any) -> None:
        note(self)
        await aclose(self)

    @functools.wraps(close)
    def closing(self: Any) -> None:
        note(self)
        close(self)

    def reopen() -> None:
        for client, state in closed_here.items():
            client._state = type(state)(1)

    stack.callback(reopen)
    _exchange(stack, library.AsyncClient, "aclose", aclosing)
    _exchange(stack, library.Client, "close", closing)


def _cache_contexts(stack: ExitStack, module: Any) -> None:
    """Read certificates once: a program that makes a client per request reads them each time."""
    original = module.create_ssl_context
    found: dict[Any, Any] = {}

    def create(verify: Any = True, cert: Any = None, trust_env: bool = True) -> Any:
        if verify is not True or cert is not None:
            return original(verify=verify, cert=cert, trust_env=trust_env)
        if trust_env not in found:
            found[trust_env] = original(verify=verify, cert=cert, trust_env=trust_env)
        return found[trust_env]

    _exchange(stack, module, "create_ssl_context", create)


def _exchange(stack: ExitStack, owner: Any, name: str, replacement: Any) -> None:
    stack.callback(setattr, owner, name, getattr(owner, name))
    setattr(owner, name, replacement)


def _limit(count: int) -> int | None:
    return None if count >= sys.maxsize else count
