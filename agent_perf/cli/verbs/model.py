"""
The verb that serves a model endpoint, and its options.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from agent_perf.cli.exits import end


@click.command("model")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8100,
    show_default=True,
    help="Port to listen at; 0: any.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Of all drawn latencies.")
@click.option(
    "--tables",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Latencies that `agent-perf calibrate --model` measured; ours if not given.",
)
@click.option(
    "--script",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="What it says, turn by turn: TOML, see docs/howto/serve-a-model.md.",
)
@click.option(
    "--cassette",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Play what was recorded, as late as it was, and nothing else.",
)
@click.option(
    "--requests-per-min", type=click.IntRange(min=1), metavar="N", help="More are answered 429."
)
@click.option(
    "--tokens-per-min", type=click.IntRange(min=1), metavar="N", help="More are answered 429."
)
@click.option(
    "--tokens-per-chunk",
    type=click.IntRange(min=1),
    default=4,
    show_default=True,
    help="Tokens in each event of a stream.",
)
def verb(**options: Any) -> None:
    """
    Serve a model endpoint that costs nothing: OpenAI's API and Anthropic's.

    Chat completions, responses, embeddings and messages, also streamed, with latencies drawn
    from the seed. For a system under a load, a canary or chaos, in place of the real one.
    Ctrl-C or SIGTERM ends it, and it tells what was asked. Exit codes: 0 ended, 2 it cannot
    listen there, or a file is not valid.
    """
    from agent_perf.cli.heeding import refuse_unheeded

    if options["cassette"] is not None:
        refuse_unheeded("with --cassette")
    from agent_perf.cli.model import ServeOptions, serve_model

    end(serve_model(ServeOptions(**options)))
