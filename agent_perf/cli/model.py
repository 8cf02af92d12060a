"""
``agent-perf model``: a model endpoint for systems that run for real, without a bill.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from agent_perf import codec
from agent_perf.cli.output import say
from agent_perf.errors import ConfigError, StoreError
from agent_perf.live.model import ModelOptions, ModelScript, ModelServer, load_model_script
from agent_perf.sim import LatencyTable
from agent_perf.units import NS, format_value


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """
    What to serve; the attributes are the options of the verb.
    """

    host: str
    port: int
    seed: int
    tables: Path | None
    script: Path | None
    cassette: Path | None
    requests_per_min: int | None
    tokens_per_min: int | None
    tokens_per_chunk: int


def serve_model(options: ServeOptions) -> int:
    """
    Serve until a signal comes, tell what was asked, and return the exit code, 0.

    Raises:
        ConfigError: If a file is not valid.
        UsageError: If it cannot listen there.
    """
    server = ModelServer(
        ModelOptions(
            host=options.host,
            port=options.port,
            seed=options.seed,
            tables=_tables(options.tables) if options.tables else {},
            script=load_model_script(options.script) if options.script else ModelScript(),
            cassette=options.cassette,
            requests_per_min=options.requests_per_min,
            tokens_per_min=options.tokens_per_min,
            tokens_per_chunk=options.tokens_per_chunk,
        )
    )
    with _stopped_by_signals(server):
        server.run(_tell)
    say(_summary(server.counts))
    return 0


def _tables(path: Path) -> Mapping[str, LatencyTable]:
    try:
        file = codec.load_tables(codec.read_file(path), str(path))
    except StoreError as error:
        raise ConfigError(str(error)) from error
    return {
        one.name: LatencyTable(name=one.name, grid=file.grid, value_ns=one.value_ns)
        for one in file.tables
    }


def _tell(url: str) -> None:
    # Whoever starts it from a script waits for these lines.
    click.echo(f"OPENAI_BASE_URL={url}/v1")
    click.echo(f"ANTHROPIC_BASE_URL={url}")
    sys.stdout.flush()
    say("any API key will do; Ctrl-C ends it")


def _summary(counts: Mapping[str, int]) -> str:
    cost = format_value(counts.get("llm_cost_nanousd", 0) / NS, "usd")
    return (
        f"{counts.get('llm_calls', 0):,} calls, {counts.get('llm_tokens_in', 0):,} tokens in, "
        f"{counts.get('llm_tokens_out', 0):,} out: at list prices {cost}"
    )


@contextmanager
def _stopped_by_signals(server: ModelServer) -> Iterator[None]:
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda *_: server.stop()) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
