"""Spans of a real agent's request, sent by OTLP over HTTP to a receiver that decodes them."""

from __future__ import annotations

import asyncio
import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from agent_perf.components import Tracing
from tests.deploy.observed import NAME, observed


class Receiver:
    """
    Takes spans as a collector does.

    Attributes:
        url: Where to send them.
        services: Names of the services that sent them.
        spans: All that came.
    """

    def __init__(self) -> None:
        self.url = ""
        self.services: set[str] = set()
        self.spans: list[Span] = []

    def take(self, content: bytes) -> None:
        for resource in ExportTraceServiceRequest.FromString(content).resource_spans:
            self.services |= {
                one.value.string_value
                for one in resource.resource.attributes
                if one.key == "service.name"
            }
            self.spans += [span for scope in resource.scope_spans for span in scope.spans]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Return a receiver that listens."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["content-length"]))
            is_packed = self.headers["content-encoding"] == "gzip"
            receiver.take(gzip.decompress(content) if is_packed else content)
            self.send_response(200)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_port}/v1/traces"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.slow
@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip])
def test_a_collector_sees_the_request_as_a_tree(
    receiver: Receiver, compression: Compression, tmp_path: Path
) -> None:
    """
    Model, tool, the tool's statement and the model again are below the request, though they
    run in tasks of the agent's; another request's are below that one. Tokens are on the model's
    spans; what failed says so.
    """
    provider = TracerProvider(resource=Resource({"service.name": "shop"}))
    exporter = OTLPSpanExporter(endpoint=receiver.url, compression=compression, timeout=10)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracing = Tracing(provider)
    backend = observed(tmp_path, tracing)

    async def ask(text: str) -> None:
        with tracing.agent(NAME, request_id=text):
            await backend.ask(text)

    async def main() -> None:
        await asyncio.gather(ask("price"), ask("stock"))
        with pytest.raises(LookupError), tracing.agent(NAME, request_id="lost"):
            raise LookupError("no such order")
        await backend.aclose()

    asyncio.run(main())
    provider.shutdown()

    assert {"shop"} == receiver.services
    for request_id in ("price", "stock"):
        top = _request(receiver, request_id)
        assert ("", Status.STATUS_CODE_UNSET) == (top.parent_span_id.decode(), top.status.code)
        assert [
            "chat gpt-5-mini",
            "execute_tool look_up > SELECT 1",
            "chat gpt-5-mini",
        ] == _below(receiver, top)
    model = next(one for one in receiver.spans if one.name.startswith("chat"))
    tokens = {one.key: one.value.int_value for one in model.attributes if "usage" in one.key}
    assert {"gen_ai.usage.input_tokens": 40, "gen_ai.usage.output_tokens": 10} == tokens
    assert Span.SPAN_KIND_CLIENT == model.kind
    assert Status.STATUS_CODE_ERROR == _request(receiver, "lost").status.code
    assert 3 == len({span.trace_id for span in receiver.spans if span.name != "publish"})


def _request(receiver: Receiver, request_id: str) -> Span:
    """Return the span of a whole request."""
    return next(
        span
        for span in receiver.spans
        for one in span.attributes
        if (one.key, one.value.string_value) == ("agent_perf.request.id", request_id)
    )


def _below(receiver: Receiver, parent: Span) -> list[str]:
    """Return the names of what *parent* did, in order of their begin, with what that did."""
    children = sorted(
        (
            one
            for one in receiver.spans
            if one.parent_span_id == parent.span_id and one.name != "publish"
        ),
        key=lambda span: span.start_time_unix_nano,
    )
    names = []
    for child in children:
        assert parent.trace_id == child.trace_id
        assert parent.start_time_unix_nano <= child.start_time_unix_nano
        assert child.end_time_unix_nano <= parent.end_time_unix_nano
        names.append(" > ".join([child.name, *_below(receiver, child)]))
    return names
