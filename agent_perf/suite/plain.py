"""
Scenarios written as one function: each call of it is one request.
"""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from agent_perf.errors import ConfigError
from agent_perf.load import Ask, Request
from agent_perf.suite.application import AsgiApp, started
from agent_perf.suite.user_client import user_transport
from agent_perf.suite.world import World
from agent_perf.variables import variables_set

if TYPE_CHECKING:
    import httpx

Function = Callable[..., Any]
Build = Callable[[World], AsyncIterator[Request]]

_BASE_URL: Final = "http://app.sim"
_BY_NAME: Final = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surround:
    """
    What is around a scenario's function.

    Attributes:
        app: Gives the application under test, for each world; None: there is none.
        env: Environment variables while the world is there.
        setup: Called once for each world before its first request; if it takes a ``client``,
            the application has been started by then.
    """

    app: Callable[[], AsgiApp] | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    setup: Function | None = None


def build_of(function: Function, around: Surround, whose: str) -> Build:
    """
    Return what builds the scenario of *function* in a world.

    Args:
        function: ``async def`` of some of *client*, *world* and *ask*, of which each call is a
            request; or an async generator function of *client* and *world*, which yields the
            request function.
        around: What is around it.
        whose: Whose it is, for messages.

    Raises:
        ConfigError: If *function* or the set-up is of another kind, or takes something else.
    """
    known = ("world",) if around.app is None else ("client", "world")
    if inspect.isasyncgenfunction(function):
        wanted = _parameters(function, known, whose, around)
    elif inspect.iscoroutinefunction(function):
        wanted = _parameters(function, (*known, "ask"), whose, around)
    else:
        raise ConfigError(
            f"{whose}: {getattr(function, '__qualname__', function)!r} is neither an `async def` "
            "function, of which each call is a request, nor an async generator function, which "
            "yields the request function"
        )
    if around.setup is not None:
        _check_setup(around.setup, known, whose, around)

    @functools.wraps(function)
    async def build(world: World) -> AsyncIterator[Request]:
        async with AsyncExitStack() as stack:
            clients = await _enter(stack, world, around, whose)
            if inspect.isasyncgenfunction(function):
                given = {"world": world, "client": clients.of(0) if clients else None}
                building = function(**{name: given[name] for name in wanted})
                stack.push_async_callback(building.aclose)
                async for request in building:
                    yield request
            else:
                yield _request(function, wanted, world, clients)
            world.check_tools()

    return build


class Clients:
    """
    The users' HTTP clients of one application: each has cookies of its own.

    Args:
        world: Where it has been started.
        app: What answers them.
        stack: Closes them.
    """

    def __init__(self, world: World, app: AsgiApp, stack: AsyncExitStack) -> None:
        self._world = world
        self._app = app
        self._stack = stack
        self._clients: dict[int, httpx.AsyncClient] = {}

    def of(self, user: int) -> httpx.AsyncClient:
        """Return the client of *user*."""
        client = self._clients.get(user)
        if client is None:
            import httpx

            transport = user_transport(self._world, self._app)
            client = httpx.AsyncClient(transport=transport, base_url=_BASE_URL, trust_env=False)
            self._clients[user] = client
            self._stack.push_async_callback(client.aclose)
        return client


async def _enter(
    stack: AsyncExitStack, world: World, around: Surround, whose: str
) -> Clients | None:
    """Surround the scenario with its variables, its caught clients and its application."""
    stack.enter_context(variables_set(around.env))
    world.catch_egress()
    setup = around.setup
    early = setup is not None and "client" not in inspect.signature(setup).parameters
    if setup is not None and early:
        await _call(setup, {"world": world})
    if around.app is None:
        return None
    app = await stack.enter_async_context(started(around.app(), whose))
    clients = Clients(world, app, stack)
    if setup is not None and not early:
        await _call(setup, {"world": world, "client": clients.of(0)})
    return clients


async def _call(function: Function, given: Mapping[str, object]) -> None:
    names = inspect.signature(function).parameters
    answer = function(**{name: value for name, value in given.items() if name in names})
    if inspect.isawaitable(answer):
        await answer


def _request(
    function: Callable[..., Awaitable[str | None]],
    wanted: tuple[str, ...],
    world: World,
    clients: Clients | None,
) -> Request:
    async def request(ask: Ask) -> str | None:
        given: dict[str, object] = {}
        for name in wanted:
            if name == "world":
                given[name] = world
            elif name == "ask":
                given[name] = ask
            else:
                assert clients is not None
                given[name] = clients.of(ask.user)
        return await function(**given)

    return request


def _check_setup(setup: object, known: tuple[str, ...], whose: str, around: Surround) -> None:
    whose = f"{whose}: setup"
    if not callable(setup):
        raise ConfigError(
            f"{whose}={setup!r}; want a function, plain or async, of {_listed(known)}"
        )
    if inspect.isasyncgenfunction(setup) or inspect.isgeneratorfunction(setup):
        raise ConfigError(f"{whose} {setup!r} yields; want a function, plain or async")
    _parameters(setup, known, whose, around)


def _parameters(
    function: Function, known: tuple[str, ...], whose: str, around: Surround
) -> tuple[str, ...]:
    """Return the names of what *function* takes, each one of *known*."""
    found = []
    for parameter in inspect.signature(function).parameters.values():
        name = parameter.name
        if name in known and parameter.kind in _BY_NAME:
            found.append(name)
        elif name == "client" and around.app is None:
            raise ConfigError(
                f"{whose}: {function.__qualname__} takes a client, and there is no app to be its; "
                "give one, @scenario(app=app), or take `world` alone"
            )
        elif parameter.default is parameter.empty or name in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"it may take {_listed(known)}"
            raise ConfigError(
                f"{whose}: {function.__qualname__} takes {str(parameter)!r}, and parameters go by "
                f"their names; {hint}"
            )
    return tuple(found)


def _listed(names: tuple[str, ...]) -> str:
    return " and ".join((", ".join(names[:-1]), names[-1])) if len(names) > 1 else names[0]
