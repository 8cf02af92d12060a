"""
The verb that holds a candidate against the stable service, and its options.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from agent_perf.cli.exits import end
from agent_perf.cli.options import NumberRange, Seconds, format_option

_LIMITS = {
    "p50": "latency.p50",
    "p95": "latency.p95",
    "p99": "latency.p99",
    "errors": "error_ratio",
}
"""Option to the metric that it limits."""


@click.command("canary")
@click.argument("requests", nargs=-1, metavar="[REQUEST[=WEIGHT]]...")
@click.option("--stable", metavar="URL", help="The service that is in use.")
@click.option("--candidate", metavar="URL", help="The one that may take its place.")
@click.option("--prometheus", metavar="URL", help="Read what others' requests came to from it.")
@click.option(
    "--prometheus-token-env",
    default="",
    metavar="VARIABLE",
    help="Environment variable that holds the bearer token for it.",
)
@click.option(
    "--prometheus-header",
    "prometheus_headers",
    multiple=True,
    metavar="NAME=VARIABLE",
    help="A header for it, and the environment variable that holds its value; may be repeated.",
)
@click.option("--stable-selector", default="", metavar="LABELS", help="As 'version=\"1\"'.")
@click.option("--candidate-selector", default="", metavar="LABELS", help="As 'version=\"2\"'.")
@click.option("--latency-metric", default="", metavar="NAME", help="A histogram in seconds.")
@click.option("--errors-metric", default="", metavar="NAME", help="A counter of requests.")
@click.option(
    "--errors-selector", default="", metavar="LABELS", help="Which failed, as 'status=~\"5..\"'."
)
@click.option(
    "--rate",
    "rate_hz",
    type=NumberRange(0.1, 10_000),
    default=20.0,
    show_default=True,
    metavar="PER_S",
    help="Requests per second.",
)
@click.option(
    "--steps",
    default="5,25,50,100",
    show_default=True,
    metavar="SHARES",
    help="Per cent of the rate that the candidate gets, step by step.",
)
@click.option("--step", type=click.IntRange(min=1), metavar="N", help="Make this step alone.")
@click.option(
    "--for",
    "for_s",
    type=Seconds(),
    default=300.0,
    show_default=True,
    metavar="SECONDS",
    help="How long a step lasts at most; a sure answer ends it.",
)
@click.option(
    "--warm-up",
    "warm_up_s",
    type=Seconds(),
    default=5.0,
    show_default=True,
    metavar="SECONDS",
    help="So long both are asked before anything counts.",
)
@click.option("--p95", metavar="LIMIT", help="Slow-down that is too much, as +20%  [limits].")
@click.option("--p50", metavar="LIMIT", default="off", help="Likewise of the median  [off].")
@click.option("--p99", metavar="LIMIT", default="off", help="Likewise of P99  [off].")
@click.option("--errors", metavar="LIMIT", help="Further errors that are too many, as +1%.")
@click.option(
    "--allow-host",
    "allow_hosts",
    multiple=True,
    metavar="HOST",
    help="A host other than this machine that may be asked; may be repeated.",
)
@click.option("--seed", type=int, default=0, help="Of the order in which both are asked.")
@click.option(
    "--markdown",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also write the result as Markdown to this file.",
)
@click.option(
    "--undecided",
    type=click.Choice(["fail", "pass"]),
    help="What a hold ends with: fail is 4, pass is 0, whatever the configuration says  [fail].",
)
@format_option
def verb(requests: tuple[str, ...], **options: Any) -> None:
    """
    Hold a candidate against the stable service, and tell: promote, hold or roll back.

    Both are asked in turn, in random order, while the candidate's share rises. A step ends when
    the candidate is surely worse (more than half of a limit) or surely fine (less than all).
    Exit codes: 0 promote, 1 roll back, 4 hold, 3 the stable service answers nothing, 130
    interrupted: what was measured is told.
    """
    from agent_perf.cli.heeding import refuse_unheeded

    refuse_unheeded(*_modes(**options))
    from agent_perf.cli.canary import CanaryOptions, judge_candidate

    limits = {metric: options.pop(option) for option, metric in _LIMITS.items()}
    end(judge_candidate(requests, CanaryOptions(limits=limits, **options)))


def _modes(
    *, prometheus: str | None, step: int | None, errors_metric: str, **_others: Any
) -> Iterator[str]:
    if not prometheus:
        yield "without --prometheus"
        return
    yield "with --prometheus"
    if step is None:
        yield "with --prometheus and without --step"
    if not errors_metric:
        yield "with --prometheus and without --errors-metric"
