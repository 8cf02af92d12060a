"""
The verb that finds out whether a service is there, and its options.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from agent_perf.cli.exits import end
from agent_perf.cli.options import Seconds, format_option


class _NamedSeconds(click.ParamType[tuple[str, float]]):
    """A length of time, of one check if that is named: ``2s``, ``chat=20s``."""

    name = "seconds"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, float]:
        """Return the name, empty if there is none, and the seconds."""
        name, _, text = str(value).rpartition("=")
        seconds = Seconds().convert(text, param, ctx)
        if seconds <= 0:
            self.fail(f"{value!r} leaves no time; want one such as 2s", param, ctx)
        return name, seconds


@click.command("smoke")
@click.argument("url")
@click.option("--health", default="", metavar="PATH", help="Where it tells its health  [found].")
@click.option(
    "--chat",
    "chats",
    multiple=True,
    metavar="NAME",
    help="A request of the configuration, [requests.NAME] there; chat if there is one.",
)
@click.option("--metrics", default="", metavar="PATH", help="Where its metrics are  [/metrics].")
@click.option(
    "--metric",
    "metric_names",
    multiple=True,
    metavar="NAME",
    help="A metric that has to be there, as shop_requests_total.",
)
@click.option(
    "--within",
    multiple=True,
    type=_NamedSeconds(),
    metavar="[CHECK=]SECONDS",
    help="What each answer, or that to one check, may take; of a stream, its first event  [2s].",
)
@click.option(
    "--retry-for",
    "retry_for_s",
    type=Seconds(),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="How long a service that is not ready is waited for.",
)
@click.option(
    "--junit",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also write the checks as JUnit XML to this file.",
)
@format_option
def verb(url: str, within: tuple[tuple[str, float], ...], **options: Any) -> None:
    """
    Ask a running service three things: is it well, does it answer a chat, are its metrics right?

    Health and metrics are asked where they are configured ([requests.health],
    [requests.metrics]), or usually are; a chat is never guessed. Status, content, JSON, streams,
    the time, and what Prometheus would read are checked. Exit codes: 0 all good, 1 a check
    failed, 3 the service gives no answer.
    """
    from agent_perf.cli.smoke import SmokeOptions, smoke_service

    end(smoke_service(url, SmokeOptions(within_s=dict(within), **options)))
