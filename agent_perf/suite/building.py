"""
Opens what a scenario builds, and says what is wrong with it in a user's words.
"""

from __future__ import annotations

import asyncio
import inspect
import traceback
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from agent_perf.errors import AgentPerfError, BrokenError
from agent_perf.load import Ask, Request
from agent_perf.sim import RealTimeLoop, SimLoop
from agent_perf.suite.declaration import Scenario
from agent_perf.suite.world import World


@asynccontextmanager
async def built(scenario: Scenario, world: World) -> AsyncIterator[Request]:
    """
    Set *scenario* up in *world*, give its request function, and tear it down.

    Raises:
        BrokenError: If its set-up or tear-down raises, if it does not yield once, if it does
            not yield an async function of one argument, or if that returns something else
            than None or a word.
    """
    manager = scenario.build(world)
    with _blamed(scenario, "set-up"):
        request = await manager.__aenter__()
    try:
        yield checked(scenario.name, request)
    except BaseException as error:
        # A scenario that swallows it would make a run of what was cut short.
        await manager.__aexit__(type(error), error, error.__traceback__)
        raise
    else:
        with _blamed(scenario, "tear-down"):
            await manager.__aexit__(None, None, None)


def checked(name: str, request: Request) -> Request:
    """Return *request* of scenario *name*, which from now on fails if it is none."""
    if not callable(request):
        raise BrokenError(
            f"scenario {name}: it yielded {request!r}; want the request function, an "
            "`async def` of one argument"
        )
    _check_parameters(name, request)

    async def checked_request(ask: Ask) -> str | None:
        answer = request(ask)
        if not inspect.isawaitable(answer):
            raise BrokenError(
                f"scenario {name}: its request function returned {answer!r} without being "
                "awaited; make it `async def`"
            )
        try:
            path = await answer
        except Exception:
            _end_if_refused()
            raise
        _end_if_refused()
        if path is not None and not isinstance(path, str):
            raise BrokenError(
                f"scenario {name}: a request returned {path!r}; want None, or a word for how it "
                "was answered, such as 'hit'"
            )
        return path

    return checked_request


def _end_if_refused() -> None:
    # An application that answers 500 to whatever is raised would be asked hundreds of times more
    # before it is told; each time it may do what is dear, as build what it failed to build.
    loop = asyncio.get_running_loop()
    if isinstance(loop, SimLoop | RealTimeLoop):
        loop.refusals.require_none()


def _check_parameters(name: str, request: Request) -> None:
    try:
        signature = inspect.signature(request)
    except (TypeError, ValueError):
        # Written in C, it may not tell; its first call will.
        return
    try:
        signature.bind(None)
    except TypeError as error:
        raise BrokenError(
            f"scenario {name}: its request function takes {signature}; want one argument, what "
            "is asked"
        ) from error


@contextmanager
def _blamed(scenario: Scenario, part: str) -> Iterator[None]:
    try:
        yield
    except AgentPerfError:
        raise
    except Exception as error:
        if type(error) is RuntimeError and str(error).startswith("generator didn't"):
            raise BrokenError(
                f"scenario {scenario.name}: {error}; want one `yield` of the request function"
            ) from error
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if frame.filename == str(scenario.source)]
        place = f", at {own[-1].filename}:{own[-1].lineno}" if own else ""
        raise BrokenError(
            f"scenario {scenario.name}: its {part} raised {type(error).__name__}: "
            f"{' '.join(str(error).split())}{place}"
        ) from error


@contextmanager
def kept_running(names: str) -> Iterator[None]:
    """
    Run the body, in which scenarios *names* may not end the process.

    Raises:
        BrokenError: If they try: an exit code of theirs would read as a verdict.
    """
    try:
        yield
    except SystemExit as error:
        raise BrokenError(
            f"scenario {names}: it called sys.exit({error.code!r}); raise an error instead"
        ) from error
