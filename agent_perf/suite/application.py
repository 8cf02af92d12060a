"""
An ASGI application in a world: found, started, asked, stopped.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import Any, Final

from agent_perf.errors import BrokenError, ConfigError

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

_WANTED: Final = (
    'want an ASGI application (FastAPI, Starlette...), a function that makes one, or "module:name" '
    "of either"
)


def find_app(app: object, whose: str) -> Callable[[], AsgiApp]:
    """
    Return what gives, for each world, the application that *app* says.

    Args:
        app: An ASGI application; a function without arguments that makes one, which is called
            for each world; or ``"module:name"`` of either, which is imported now.
        whose: Whose it is, for messages.

    Raises:
        ConfigError: If it is something else, or cannot be imported.
    """
    if isinstance(app, str):
        return find_app(_imported(app, whose), f"{whose}: {app}")
    if not callable(app):
        raise ConfigError(f"{whose}: app={app!r}; {_WANTED}")
    if _takes(app, 0) and (not _takes(app, 3) or _needs_nothing(app)):
        return lambda: _made(app, whose)
    if _takes(app, 3):
        found: Any = app
        return lambda: found
    raise ConfigError(f"{whose}: app={app!r} takes {inspect.signature(app)}; {_WANTED}")


def _imported(name: str, whose: str) -> object:
    module_name, colon, attributes = name.partition(":")
    if not (module_name and colon and attributes):
        raise ConfigError(f'{whose}: app={name!r}; want "module:name", as "myapp.main:app"')
    try:
        found: object = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"{whose}: app={name!r}: {error}; name the module as your server does, seen from the "
            "repository's folder or one that `source` in the configuration names"
        ) from error
    for attribute in attributes.split("."):
        try:
            found = getattr(found, attribute)
        except AttributeError:
            raise ConfigError(
                f"{whose}: app={name!r}: {module_name} has no {attribute!r}"
            ) from None
    return found


def _takes(function: Callable[..., object], count: int) -> bool:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        # Written in C, it does not tell; a compiled application takes three.
        return count == 3
    try:
        signature.bind(*[None] * count)
    except TypeError:
        return False
    return True


def _needs_nothing(function: Callable[..., object]) -> bool:
    """Return whether *function* is a plain one with defaults: ``make(settings=None, ...)``."""
    if not inspect.isfunction(function) or inspect.iscoroutinefunction(function):
        return False
    kinds = {parameter.kind for parameter in inspect.signature(function).parameters.values()}
    # What takes anything may hand it on to an application.
    return inspect.Parameter.VAR_POSITIONAL not in kinds


def _made(factory: Callable[..., Any], whose: str) -> AsgiApp:
    app: Any = factory()
    if inspect.iscoroutine(app):
        app.close()
        raise ConfigError(f"{whose}: the factory {factory!r} is `async def`; want a plain one")
    if not callable(app) or not _takes(app, 3):
        raise ConfigError(
            f"{whose}: the factory {factory!r} made {app!r}; want an ASGI application"
        )
    made: AsgiApp = app
    return made


@asynccontextmanager
async def started(app: AsgiApp, whose: str) -> AsyncIterator[AsgiApp]:
    """
    Run the start-up of *app*, give what answers requests, and run its shutdown.

    As with uvicorn, an application that knows no lifespan is served without one.

    Raises:
        BrokenError: If its start-up or its shutdown failed.
    """
    lifespan = _Lifespan(app, whose)
    # A task of its own: what is entered at the start must be left by the same task.
    task = asyncio.get_running_loop().create_task(lifespan.run(), name="lifespan")
    try:
        await lifespan.reach(lifespan.is_up, task)
        yield _with_state(app, lifespan.state)
        lifespan.may_stop.set()
        await lifespan.reach(lifespan.is_down, task)
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait([task])


class _Lifespan:
    """The conversation of ASGI's lifespan, as the server's side of it."""

    def __init__(self, app: AsgiApp, whose: str) -> None:
        self.state: dict[str, Any] = {}
        self.is_up = asyncio.Event()
        self.may_stop = asyncio.Event()
        self.is_down = asyncio.Event()
        self._app = app
        self._whose = whose
        self._asked_up = False
        self._spoke = False
        self._failed = ""

    async def run(self) -> None:
        """Hold the conversation to its end."""
        scope = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "state": self.state,
        }
        await self._app(scope, self._receive, self._send)

    async def reach(self, event: asyncio.Event, task: asyncio.Task[None]) -> None:
        """Return once *event* is set, or *task* has ended without a word."""
        waiting = asyncio.ensure_future(event.wait())
        try:
            await asyncio.wait([waiting, task], return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        if self._failed:
            # It raises what it has told of.
            await asyncio.wait([task], timeout=1)
        error = None
        if task.done() and not task.cancelled():
            error = task.exception()
        part = "shutdown" if self.may_stop.is_set() else "start-up"
        if self._failed or (error is not None and self._spoke):
            told = _one_line(error) if error is not None else self._failed
            raise BrokenError(f"{self._whose}: the {part} of the app failed: {told}") from error

    async def _receive(self) -> dict[str, Any]:
        if not self._asked_up:
            self._asked_up = True
            return {"type": "lifespan.startup"}
        await self.may_stop.wait()
        return {"type": "lifespan.shutdown"}

    async def _send(self, message: MutableMapping[str, Any]) -> None:
        self._spoke = True
        match message["type"]:
            case "lifespan.startup.complete":
                self.is_up.set()
            case "lifespan.shutdown.complete":
                self.is_down.set()
            case "lifespan.startup.failed" | "lifespan.shutdown.failed":
                text = str(message.get("message", "")).strip()
                # Frameworks send the whole traceback; its last line says what it was.
                self._failed = text.splitlines()[-1] if text else "it did not say why"
                self.is_up.set()
                self.is_down.set()


def _one_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def _with_state(app: AsgiApp, state: dict[str, Any]) -> AsgiApp:
    async def stated(scope: Scope, receive: Receive, send: Send) -> None:
        # Each request has a copy, as of uvicorn's.
        scope["state"] = dict(state)
        await app(scope, receive, send)

    return stated
