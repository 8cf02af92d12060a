from __future__ import annotations

import asyncio

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from agent_perf.components.metrics import MeterExport, Metrics, Tracing


class Recorded:
    """A tracing whose spans stay in memory."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracing = Tracing(provider)

    def spans(self) -> dict[str, ReadableSpan]:
        return {span.name: span for span in self._exporter.get_finished_spans()}


def test_spans_have_the_names_and_attributes_of_the_conventions() -> None:
    """
    Request, cache, database, model, tool and event: names, kinds and attributes as
    OpenTelemetry's conventions have them, all below the request.
    """
    recorded = Recorded()
    tracing = recorded.tracing
    with tracing.agent("support", request_id="r-17"):
        with tracing.cache("GET", namespace="answers"):
            pass
        with tracing.cache("get", system="memory"):
            pass
        with tracing.database("SELECT notes", text="SELECT body FROM notes WHERE id = $1"):
            pass
        with tracing.model("gpt-4o", provider="openai") as span:
            span.set_usage(10, 5)
            span.set(gen_ai__response__id="x", agent_perf__try=2)
        with tracing.tool("search", call_id="c-1"):
            pass
        with tracing.event("chat-17"):
            pass

    spans = recorded.spans()
    top = spans["invoke_agent support"]
    assert top.parent is None
    assert all(
        span.parent is not None and span.parent.span_id == top.context.span_id
        for name, span in spans.items()
        if span is not top
    )
    assert {
        "invoke_agent support": (
            SpanKind.INTERNAL,
            {
                "gen_ai.operation.name": "invoke_agent",
                "gen_ai.agent.name": "support",
                "agent_perf.request.id": "r-17",
            },
        ),
        "GET": (
            SpanKind.CLIENT,
            {"db.system.name": "redis", "db.operation.name": "GET", "db.namespace": "answers"},
        ),
        "get": (SpanKind.INTERNAL, {"db.system.name": "memory", "db.operation.name": "get"}),
        "SELECT notes": (
            SpanKind.CLIENT,
            {
                "db.system.name": "postgresql",
                "db.query.summary": "SELECT notes",
                "db.query.text": "SELECT body FROM notes WHERE id = $1",
            },
        ),
        "chat gpt-4o": (
            SpanKind.CLIENT,
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "openai",
                "gen_ai.request.model": "gpt-4o",
                "gen_ai.usage.input_tokens": 10,
                "gen_ai.usage.output_tokens": 5,
                "gen_ai.response.id": "x",
                "agent_perf.try": 2,
            },
        ),
        "execute_tool search": (
            SpanKind.INTERNAL,
            {
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": "search",
                "gen_ai.tool.call.id": "c-1",
            },
        ),
        "publish": (
            SpanKind.PRODUCER,
            {
                "messaging.system": "pusher",
                "messaging.operation.name": "publish",
                "messaging.operation.type": "send",
                "messaging.destination.name": "chat-17",
            },
        ),
    } == {name: (span.kind, dict(span.attributes or {})) for name, span in spans.items()}


def test_an_error_is_on_its_span() -> None:
    """
    The span ends with the error's type, its event, and the status ERROR; the error goes on.
    """
    recorded = Recorded()
    with pytest.raises(OSError, match="gone"), recorded.tracing.tool("search"):
        raise OSError("gone")

    span = recorded.spans()["execute_tool search"]
    assert (StatusCode.ERROR, "OSError") == (span.status.status_code, span.attributes["error.type"])
    assert ["exception"] == [event.name for event in span.events]


def test_who_goes_away_is_no_error() -> None:
    """
    A cancelled request has a span that ended, with the status unset.
    """
    recorded = Recorded()

    async def main() -> None:
        async def ask() -> None:
            with recorded.tracing.agent("support"):
                await asyncio.sleep(60)

        task = asyncio.create_task(ask())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())

    span = recorded.spans()["invoke_agent support"]
    assert StatusCode.UNSET is span.status.status_code
    assert "CancelledError" == span.attributes["error.type"]


def test_requests_side_by_side_keep_their_spans_apart() -> None:
    """
    Two tasks that take turns have each their own children.
    """
    recorded = Recorded()

    async def ask(name: str) -> None:
        with recorded.tracing.agent(name):
            await asyncio.sleep(0)
            with recorded.tracing.tool(name):
                await asyncio.sleep(0)

    async def main() -> None:
        await asyncio.gather(ask("a"), ask("b"))

    asyncio.run(main())

    spans = recorded.spans()
    for name in ("a", "b"):
        parent = spans[f"execute_tool {name}"].parent
        assert parent is not None
        assert parent.span_id == spans[f"invoke_agent {name}"].context.span_id


def test_without_a_provider_nothing_is_recorded() -> None:
    """
    One object stands for all spans, takes everything, and hides no error.
    """
    tracing = Tracing()

    assert not tracing.is_on
    one = tracing.agent("support")
    others = (
        tracing.cache("GET"),
        tracing.database("SELECT notes"),
        tracing.tool("search"),
        tracing.event("chat-17"),
        tracing.model("gpt-4o", provider="openai"),
    )
    assert all(other is one for other in others)
    with pytest.raises(ZeroDivisionError), one as span:
        span.set(a=1)
        span.set_usage(1, 2)
        raise ZeroDivisionError


def test_metrics_are_read_by_opentelemetry() -> None:
    """
    Counters, gauges and a histogram's count, sum and buckets come out of the SDK's reader
    with today's values, at each reading anew, watched parts included.
    """
    metrics = Metrics(namespace="shop")
    requests = metrics.counter("requests", "Requests.", labels=("agent",))
    requests.of("a").inc(2)
    metrics.gauge("waiting", "Waiting.").set(3)
    wait = metrics.histogram("wait", "Waits.", bounds=(0.1, 1.0))
    wait.observe(0.5)
    reader = InMemoryMetricReader()
    export = MeterExport(metrics, MeterProvider([reader]).get_meter("test"))

    def read() -> dict[tuple[str, tuple[tuple[str, object], ...]], object]:
        data = reader.get_metrics_data()
        assert data is not None
        return {
            (metric.name, tuple((point.attributes or {}).items())): point.value
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
            for point in metric.data.data_points
        }

    assert {
        ("shop_requests", (("agent", "a"),)): 2,
        ("shop_waiting", ()): 3,
        ("shop_wait_seconds.count", ()): 1,
        ("shop_wait_seconds.sum", ()): 0.5,
        ("shop_wait_seconds.bucket", (("le", "0.1"),)): 0,
        ("shop_wait_seconds.bucket", (("le", "1"),)): 1,
        ("shop_wait_seconds.bucket", (("le", "inf"),)): 1,
    } == read()
    requests.of("b").inc()
    metrics.watch("late", lambda: {"x": 7})
    export.refresh()
    again = read()
    assert (1, 7) == (
        again["shop_requests", (("agent", "b"),)],
        again["shop_late", (("key", "x"),)],
    )
