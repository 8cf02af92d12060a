"""
The verb that measures what operations and services take here, and its options.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click

from agent_perf.cli.exits import end
from agent_perf.cli.live import live_options
from agent_perf.cli.options import NumberRange, format_option

_FILE: Final = click.Path(path_type=Path, dir_okay=False)


@click.command("calibrate")
@click.option(
    "--output",
    type=_FILE,
    help="File to write; cpu_costs.json or latency_tables.json beside the benchmarks if not given.",
)
@click.option(
    "--rounds",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    help="Rounds per operation; the least CPU time counts.",
)
@click.option(
    "--live",
    is_flag=True,
    help="CPU time on real sockets and services, as of tier live, with its hosts and models.",
)
@live_options
@click.option("--redis", default="", metavar="URL", help="Measure this Redis.")
@click.option("--database", default="", metavar="URL", help="Measure this PostgreSQL.")
@click.option(
    "--statements", type=_FILE, help="SQL that reads, asked in turns; SELECT 1 if not given."
)
@click.option("--http", default="", metavar="URL", help="Measure this HTTP service.")
@click.option(
    "--request",
    "requests",
    multiple=True,
    metavar="NAME",
    help="A request of the configuration; all that are GET if not given. May be repeated.",
)
@click.option("--model", default="", metavar="URL", help="Measure the model of this API.")
@click.option("--model-name", default="", metavar="NAME", help="Which one, as gpt-4o-mini.")
@click.option(
    "--model-tokens",
    type=click.IntRange(min=2, max=4096),
    default=64,
    show_default=True,
    help="Longest answer.",
)
@click.option(
    "--model-price",
    default="",
    metavar="IN/OUT",
    help="Dollars for a million tokens; of the price table if not given.",
)
@click.option(
    "--model-key",
    default="OPENAI_API_KEY",
    metavar="VARIABLE",
    show_default=True,
    help="Environment variable that holds its key.",
)
@click.option(
    "--rate",
    "rate_hz",
    type=NumberRange(min=0, min_open=True, max=10_000),
    default=5.0,
    show_default=True,
    metavar="PER_S",
    help="Questions a second at most, one at a time.",
)
@click.option(
    "--count",
    type=click.IntRange(min=1, max=1_000_000),
    default=200,
    show_default=True,
    help="Latencies of each kind.",
)
@click.option(
    "--max-cost",
    "max_cost_usd",
    type=NumberRange(min=0, max=1_000_000),
    default=0.05,
    show_default=True,
    metavar="USD",
    help="Dollars that a model's answers may cost; it ends before.",
)
@click.option(
    "--allow-host",
    "allow_hosts",
    multiple=True,
    metavar="HOST",
    help="Another machine than this one that may be asked. May be repeated.",
)
@click.option("--dry-run", is_flag=True, help="Tell what would be asked, and ask nothing.")
@click.option("--yes", is_flag=True, help="Agree to asking other machines, and to the cost.")
@format_option
def verb(output: Path | None, rounds: int, live: bool, form: str, **services: Any) -> None:
    """
    Measure what operations cost in CPU time here, or what services take.

    Without a service: CPU time, for scenarios with cpu="operations"; with --live what runs of
    tier live spend of it. With --redis, --database, --http or --model: their latencies, into
    tables that simulations draw from. URLs may hold ${NAME} of the environment. Either is
    written as integers, to be committed: from then on it is the same on every machine.

    Exit codes: 0 measured, 3 a service is broken or gave too little, 6 the limit of dollars left
    a table out.
    """
    from agent_perf.cli.calibrate_services import calibrate_services
    from agent_perf.cli.calibrate_wanted import ServiceOptions
    from agent_perf.cli.heeding import refuse_unheeded

    options = ServiceOptions(**services)
    refuse_unheeded(*_modes(live=live, is_asked=options.is_asked, **services))
    if options.is_asked:
        end(calibrate_services(options, output, form=form))
    from agent_perf.cli.calibrate import run_calibration

    end(run_calibration(output, rounds=rounds, live=live, form=form, allowed=options.allow_hosts))


def _modes(
    *, live: bool, is_asked: bool, http: str, database: str, model: str, **_others: Any
) -> Iterator[str]:
    if not is_asked:
        yield "without a service"
        yield from () if live else ("without --live", "without a service and --live")
        return
    yield from ("with a service", "without --live")
    for mode, url in (
        ("without --http", http),
        ("without --database", database),
        ("without --model", model),
    ):
        if not url:
            yield mode
