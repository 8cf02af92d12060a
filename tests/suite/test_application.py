"""Applications found, started and stopped in virtual time."""

import asyncio
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fastapi import FastAPI

from agent_perf.errors import BrokenError, ConfigError
from agent_perf.sim import SimLoop, simulate
from agent_perf.suite.application import find_app, started


async def plain(scope: Any, receive: Any, send: Any) -> None:
    """Answer HTTP, and know no lifespan."""
    assert scope["type"] == "http"


def make() -> Any:
    return plain


def test_an_app_a_factory_and_a_name_are_found() -> None:
    """An object is taken as it is, a factory called for each world, a name imported."""
    fastapi = FastAPI()

    assert fastapi is find_app(fastapi, "s")()
    assert plain is find_app(make, "s")()
    assert plain is find_app(f"{__name__}:plain", "s")()
    assert plain is find_app(f"{__name__}:make", "s")()
    assert find_app(FastAPI, "s")() is not find_app(FastAPI, "s")()


def test_a_factory_of_defaults_is_no_application() -> None:
    """Three parameters that need not be given are settings, not scope, receive and send."""

    def make_with(settings: object = None, debug: bool = False, engine: object = None) -> Any:
        return plain

    async def anything(*args: Any) -> None: ...

    assert plain is find_app(make_with, "s")()
    assert anything is find_app(anything, "s")()


async def _coroutine_factory() -> Any:
    return plain


@pytest.mark.parametrize(
    ("app", "said"),
    [
        (7, "app=7; want an ASGI application"),
        ("myapp", 'want "module:name"'),
        ("no_such_module_here:app", "No module named 'no_such_module_here'"),
        (f"{__name__}:nothing", "has no 'nothing'"),
        (lambda scope: None, "takes (scope); want an ASGI application"),
    ],
)
def test_what_is_no_app_is_named(app, said) -> None:
    """At once, with what would do."""
    with pytest.raises(ConfigError) as caught:
        find_app(app, "scenario a.b")

    assert said in str(caught.value)


@pytest.mark.parametrize("factory", [lambda: 7, _coroutine_factory])
def test_a_factory_that_makes_no_app_is_named(factory) -> None:
    """When it is called, with what it made."""
    with pytest.raises(ConfigError, match="the factory"):
        find_app(factory, "scenario a.b")()


def test_start_and_stop_take_virtual_time_and_share_state() -> None:
    """The lifespan runs around the requests, and what it yields is in each request's state."""

    async def main(loop: SimLoop) -> tuple[list[float], dict[str, Any]]:
        at_s = []
        seen: dict[str, Any] = {}

        @asynccontextmanager
        async def lifespan(app: FastAPI) -> Any:
            await asyncio.sleep(0.5)
            at_s.append(loop.time())
            yield {"pool": "warm"}
            await asyncio.sleep(0.25)
            at_s.append(loop.time())

        app = FastAPI(lifespan=lifespan)
        async with started(app, "s") as running:
            scope: dict[str, Any] = {"type": "http"}
            # Only the scope is of interest: the app finds nobody to speak with.
            with pytest.raises(TypeError):
                await running(scope, None, None)  # type: ignore[arg-type]
            seen.update(scope["state"])
        return at_s, seen

    assert ([0.5, 0.75], {"pool": "warm"}) == simulate(main)


def test_an_app_without_lifespan_is_served() -> None:
    """As by uvicorn: who asserts HTTP has no start-up."""

    async def main(loop: SimLoop) -> bool:
        async with started(plain, "s"):
            return True

    assert simulate(main)


@pytest.mark.parametrize("part", ["start-up", "shutdown"])
def test_a_failing_lifespan_is_told_with_its_cause(part) -> None:
    """Whose, which part, and what was raised."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> Any:
        if part == "start-up":
            raise LookupError("no tenant 7")
        yield
        raise LookupError("no tenant 7")

    async def main(loop: SimLoop) -> None:
        async with started(FastAPI(lifespan=lifespan), "scenario a.b"):
            pass

    with pytest.raises(BrokenError, match=f"scenario a.b: the {part} .* LookupError: no tenant 7"):
        simulate(main)
