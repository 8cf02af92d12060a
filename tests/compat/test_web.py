"""ASGI applications as their users write them: FastAPI and Starlette."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from fastapi import BackgroundTasks, FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route

from agent_perf.errors import RealWorldAccess
from agent_perf.sim import SimLoop, simulate

Diary = list[tuple[str, float]]


def _client(app: Starlette) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app.sim")


def test_lifespan_and_background_tasks_take_exact_time() -> None:
    """Start, answer, work after the answer, and stop: each at its instant."""

    async def main(loop: SimLoop) -> tuple[dict[str, int], Diary]:
        diary: Diary = []

        @asynccontextmanager
        async def lifespan(app: FastAPI) -> AsyncIterator[None]:
            await asyncio.sleep(0.5)
            diary.append(("up", loop.time()))
            yield
            await asyncio.sleep(0.25)
            diary.append(("down", loop.time()))

        app = FastAPI(lifespan=lifespan)

        async def later() -> None:
            await asyncio.sleep(1)
            diary.append(("background", loop.time()))

        @app.get("/orders/{number}")
        async def order(number: int, tasks: BackgroundTasks) -> dict[str, int]:
            await asyncio.sleep(0.1)
            diary.append(("answered", loop.time()))
            tasks.add_task(later)
            return {"order": number}

        async with app.router.lifespan_context(app), _client(app) as client:
            reply = await client.get("/orders/17")
        return reply.json(), diary

    reply, diary = simulate(main)

    assert {"order": 17} == reply
    assert [("up", 0.5), ("answered", 0.6), ("background", 1.6), ("down", 1.85)] == diary


def test_streams_and_middleware_work() -> None:
    """A streamed body through a middleware arrives whole, at the time of its last piece."""

    async def main(loop: SimLoop) -> tuple[str, str, float]:
        async def pieces() -> AsyncIterator[str]:
            for number in range(3):
                await asyncio.sleep(0.1)
                yield f"{number};"

        async def stream(request: Request) -> StreamingResponse:
            return StreamingResponse(pieces())

        app = FastAPI(routes=[Route("/stream", stream)])

        @app.middleware("http")
        async def timed(request: Request, call_next):  # type: ignore[no-untyped-def]
            response = await call_next(request)
            response.headers["x-took"] = str(time.perf_counter())
            return response

        async with _client(app) as client:
            reply = await client.get("/stream")
        return reply.text, reply.headers["x-took"], loop.time()

    assert ("0;1;2;", "0.0", 0.3) == simulate(main)


def test_many_requests_run_side_by_side() -> None:
    """Fifty requests that wait a second each take one second."""

    async def main(loop: SimLoop) -> tuple[int, float]:
        async def wait(request: Request) -> JSONResponse:
            await asyncio.sleep(1)
            return JSONResponse({})

        async with _client(Starlette(routes=[Route("/", wait)])) as client:
            replies = await asyncio.gather(*[client.get("/") for _ in range(50)])
        return sum(reply.status_code == 200 for reply in replies), loop.time()

    assert (50, 1.0) == simulate(main)


def test_sync_endpoints_run_on_modelled_workers() -> None:
    """A sync endpoint's sleep takes virtual time with workers; without, it is named."""
    app = FastAPI()

    @app.get("/")
    def endpoint() -> dict[str, bool]:
        time.sleep(0.2)
        return {"ok": True}

    async def main(loop: SimLoop) -> tuple[int, float]:
        async with _client(app) as client:
            # anyio lets forty threads run at once.
            replies = await asyncio.gather(*[client.get("/") for _ in range(41)])
        return len(replies), loop.time()

    assert (41, 0.4) == simulate(main, executor="inline")
    with pytest.raises(RealWorldAccess, match=r"\.endpoint .*test_web\.py:\d+ handed to a thread"):
        simulate(main)
