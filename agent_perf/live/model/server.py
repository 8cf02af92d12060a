"""
Serves the simulated model over real sockets, in real time, with the same draws.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import count
from pathlib import Path
from typing import Any, Final

from agent_perf.errors import ConfigError, RealWorldAccess, UsageError
from agent_perf.live.model.connection import BODY_BYTES_MAX, protocols
from agent_perf.live.model.script_file import ModelScript

# Not from its room's door, which wants the driver of a database.
from agent_perf.live.world.loop import RealLoop
from agent_perf.sim import (
    Draws,
    LatencyTable,
    Reply,
    RequestState,
    SimHttp,
    SimRequest,
    llm,
    resume,
)
from agent_perf.sim.services.reply import Handler, json_reply

_HOST: Final = "llm.sim"
_FAILED_KEPT: Final = 10_000
_ERROR_STATUS: Final = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOptions:
    """
    What model is served, and where.

    Attributes:
        host: Address to listen at.
        port: 0: any.
        seed: Of all draws.
        tables: Operation to latency table, over the defaults.
        script: What it says.
        cassette: What `llm.record` kept, played instead; None: no.
        requests_per_min: More are answered 429; None: any number.
        tokens_per_min: Likewise.
        tokens_per_chunk: Size of a stream's chunks.
    """

    host: str = "127.0.0.1"
    port: int = 0
    seed: int = 1
    tables: Mapping[str, LatencyTable] = field(default_factory=dict)
    script: ModelScript = field(default_factory=ModelScript)
    cassette: Path | None = None
    requests_per_min: int | None = None
    tokens_per_min: int | None = None
    tokens_per_chunk: int = 4

    def __post_init__(self) -> None:
        if self.cassette is not None and self.script != ModelScript():
            raise ConfigError("a cassette and a script; want one of them")


class ModelServer:
    """
    One model endpoint, which serves until it is told to stop.

    The n-th request draws the n-th numbers of the seed: its latencies do not depend on what is
    asked. A question whose last answer was an error, or broke off, is taken for its retry, and
    gets the script's next turn.

    Args:
        options: What and where.

    Attributes:
        counts: What was done since the beginning, by name.
        address: Host and port, once it serves.

    Raises:
        ConfigError: If the script or the cassette cannot be used.
        UsageError: If a package for serving is missing.
    """

    def __init__(self, options: ModelOptions) -> None:
        self.counts: Counter[str] = Counter()
        self.address: tuple[str, int] | None = None
        self._options = options
        draws, tally = Draws(options.seed, options.tables), _Tally(self.counts)
        self._hosts = _Hosts(draws, tally)
        model = llm.SimLlm(
            self._hosts,
            draws,
            tally,
            host=_HOST,
            tokens_per_chunk=options.tokens_per_chunk,
        )
        if options.cassette is not None:
            model.cassette(options.cassette)
        options.script.apply(model)
        if options.requests_per_min is not None or options.tokens_per_min is not None:
            model.limit(
                requests_per_min=options.requests_per_min, tokens_per_min=options.tokens_per_min
            )
        self._numbers = count()
        # A cassette's answers go in turn, whoever asks.
        self._only = RequestState(0) if options.cassette is not None else None
        self._failed: OrderedDict[bytes, RequestState] = OrderedDict()
        self._make = protocols(self._answer)
        self._stop: asyncio.Event | None = None
        self._loop: RealLoop | None = None

    def run(self, told: Callable[[str], None] = lambda _: None) -> None:
        """
        Serve until `stop`; *told* is called with the URL once it can be asked.

        Raises:
            UsageError: If it cannot listen there.
        """
        self._loop = loop = RealLoop()
        try:
            loop.run_until_complete(self._serve(told))
            loop.run_until_complete(loop.shutdown_asyncgens())
        finally:
            self._loop = None
            loop.close()

    def stop(self) -> None:
        """Stop, from whatever thread or signal."""
        loop = self._loop
        if loop is not None and self._stop is not None:
            loop.call_soon_threadsafe(self._stop.set)

    async def _serve(self, told: Callable[[str], None]) -> None:
        self._stop = asyncio.Event()
        host, port = self._options.host, self._options.port
        loop = asyncio.get_running_loop()
        try:
            server = await loop.create_server(self._make, host, port)
        except OSError as error:
            raise UsageError(
                f"cannot listen at {host}:{port}: {error.strerror or error}; "
                "choose another with --port, 0 for any"
            ) from error
        async with server:
            self.address = server.sockets[0].getsockname()[:2]
            shown = f"[{host}]" if ":" in host else host
            told(f"http://{shown}:{self.address[1]}")
            await self._stop.wait()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _answer(self, scope: dict[str, Any], content: bytes) -> Reply:
        if len(content) > BODY_BYTES_MAX:
            self.counts["llm_too_large"] += 1
            return _error(413, f"the body has more than {BODY_BYTES_MAX:,} bytes; want less")
        about = self._about(scope["method"], scope["path"])
        if about is not None:
            return about
        key = blake2b(scope["path"].encode() + b"\0" + content, digest_size=16).digest()
        state = self._only or self._failed.pop(key, None) or RequestState(next(self._numbers))
        # For the rest of this task, the body of the answer included.
        resume(state)
        request = SimRequest(
            method=scope["method"],
            host=_HOST,
            path=scope["path"],
            query=scope["query_string"].decode("latin-1"),
            headers=_headers(scope["headers"]),
            content=content,
        )
        try:
            reply = await self._hosts.handler()(request)
        except RealWorldAccess as error:
            self.counts["llm_unknown"] += 1
            return _error(404, str(error))
        except ConfigError as error:
            # The script is at fault, and whoever asks is the first to know.
            self.counts["llm_script_errors"] += 1
            return _error(500, str(error))
        except (asyncio.CancelledError, ConnectionError):
            self._note_failure(key, state)
            raise
        if reply.status >= _ERROR_STATUS:
            self._note_failure(key, state)
        elif not isinstance(reply.content, bytes):
            return Reply(
                status=reply.status,
                headers=reply.headers,
                content=_Watched(reply.content, lambda: self._note_failure(key, state)),
            )
        return reply

    def _note_failure(self, key: bytes, state: RequestState) -> None:
        self._failed[key] = state
        if len(self._failed) > _FAILED_KEPT:
            self._failed.popitem(last=False)

    def _about(self, method: str, path: str) -> Reply | None:
        """Return what is said of the endpoint itself; None: *path* is not about that."""
        if method not in {"GET", "HEAD"}:
            return None
        if path in {"/", "/health", "/healthz"}:
            return json_reply({"status": "ok"})
        if path == "/stats":
            return json_reply(dict(sorted(self.counts.items())))
        if path == "/v1/models":
            models = [{"id": name, "object": "model", "owned_by": "sim"} for name in llm.PRICES]
            return json_reply({"object": "list", "data": models})
        return None


class _Hosts(SimHttp):
    """Holds the model's handler; nobody is asked but through it."""

    def handler(self) -> Handler:
        return self._handlers[_HOST]


@dataclass(frozen=True, slots=True)
class _Tally:
    """A witness that adds up."""

    counts: Counter[str]

    def count(self, name: str, amount: int = 1, detail: str = "") -> None:
        self.counts[name] += amount

    def span(self, name: str, start_ns: int, end_ns: int, detail: str = "") -> None:
        pass

    def level(self, name: str, change: int) -> None:
        pass

    def bound(self, name: str, most: int | None) -> None:
        pass


class _Watched:
    """A streamed body; tells if it was not sent to its end."""

    def __init__(self, inner: Any, failed: Callable[[], None]) -> None:
        self._inner = inner
        self._failed: Callable[[], None] | None = failed

    def __aiter__(self) -> _Watched:
        return self

    async def __anext__(self) -> bytes:
        try:
            piece: bytes = await anext(self._inner)
        except StopAsyncIteration:
            self._failed = None
            raise
        return piece

    async def aclose(self) -> None:
        failed, self._failed = self._failed, None
        await self._inner.aclose()
        if failed is not None:
            failed()


def _error(status: int, message: str) -> Reply:
    return json_reply({"error": {"message": message, "type": "agent_perf"}}, status=status)


def _headers(pairs: Sequence[tuple[bytes, bytes]]) -> Mapping[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in pairs}
