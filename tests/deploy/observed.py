"""A backend of our components that is watched, as docs/howto/watch-in-production.md tells."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from agent_perf.components import (
    PRICES,
    Agent,
    AgentMetrics,
    Budget,
    CircuitBreaker,
    Database,
    Event,
    EventBatcher,
    FlushPolicy,
    MemoryCache,
    Message,
    Metrics,
    Question,
    Reply,
    RequestError,
    Talker,
    TalkPolicy,
    Tool,
    ToolCall,
    Tracing,
    Usage,
    metrics_app,
)

NAME = "support"


@dataclass(frozen=True)
class Observed:
    """An agent with all that it stands on, and the metrics of each part."""

    agent: Agent
    agents: AgentMetrics
    breaker: CircuitBreaker
    events: EventBatcher
    database: Database
    metrics: Metrics

    async def ask(self, text: str) -> str:
        """Return the answer to *text*, and take note of what became of it."""
        try:
            answer = await self.agent.ask(Question(text=text, channel="chat-1"))
        except RequestError as error:
            self.agents.add(NAME, latency_s=0.01, error=error.category)
            return ""
        self.agents.add_answer(NAME, answer)
        return answer.text

    async def aclose(self) -> None:
        """Stop its parts."""
        await self.events.aclose()
        await self.database.aclose()


def observed(folder: Path, tracing: Tracing | None = None) -> Observed:
    """Return a backend whose database is in *folder*; spans go where *tracing* says."""
    tracing = tracing or Tracing()
    database = Database.connect(f"sqlite+aiosqlite:///{folder}/notes.db")
    breaker = CircuitBreaker(failures_max=3, open_s=600)

    async def send(events: Sequence[Event]) -> None:
        with tracing.event(events[0].channel):
            pass

    async def look_up(what: str) -> str:
        with tracing.tool("look_up"), tracing.database("SELECT 1", system="sqlite"):
            rows = await database.read("SELECT :what", {"what": what})
            return str(rows[0][0])

    async def model(messages: Sequence[Message], tools: Sequence[Tool]) -> Reply:
        with tracing.model("gpt-5-mini", provider="openai") as span:
            usage = Usage(tokens_in=40, tokens_out=10)
            span.set_usage(usage.tokens_in, usage.tokens_out)
            asked = messages[-1]
            if asked.role == "tool" or not tools:
                return Reply(text=f"It is {asked.content}.", usage=usage)
            arguments = json.dumps({"what": asked.content})
            wanted = ToolCall(id="c-1", name="look_up", arguments=arguments)
            return Reply(tool_calls=(wanted,), usage=usage)

    tool = Tool(
        name="look_up", description="Looks up.", parameters={"type": "object"}, call=look_up
    )
    budget = Budget(20.0)
    cache = MemoryCache[str](ttl_s=300)
    events = EventBatcher(send, policy=FlushPolicy(delay_s_max=0.01))
    talker = Talker(
        model,
        tools=[tool],
        price=PRICES.of("gpt-5-mini"),
        budget=budget,
        policy=TalkPolicy(reply_tokens_max=100),
    )
    agent = Agent(talker, cache=cache, publish=events.publish)
    agents = AgentMetrics()
    metrics = Metrics()
    metrics.watch("agent", agents.stats, keys=AgentMetrics.KEYS)
    metrics.watch("budget", budget.stats)
    metrics.watch("breaker", breaker.stats, labels={"breaker": "llm"})
    metrics.watch("cache", cache.stats, labels={"cache": "answers"})
    metrics.watch("db_pool", database.pool_stats)
    metrics.watch("events", events.stats)
    return Observed(
        agent=agent,
        agents=agents,
        breaker=breaker,
        events=events,
        database=database,
        metrics=metrics,
    )


@contextmanager
def served(backend: Observed) -> Iterator[str]:
    """Serve /chat?text=... and /metrics/ of *backend* on a port of their own, which is yielded."""

    async def chat(request: Request) -> PlainTextResponse:
        return PlainTextResponse(await backend.ask(request.query_params["text"]))

    routes = [Route("/chat", chat), Mount("/metrics", metrics_app(backend.metrics))]

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        await backend.aclose()

    app = Starlette(routes=routes, lifespan=lifespan)
    config = uvicorn.Config(app, log_level="error", lifespan="on")
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield f"127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
