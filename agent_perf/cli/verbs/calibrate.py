"""
The verb that measures what operations cost here, and its options.
"""

from __future__ import annotations

from pathlib import Path

import click

from agent_perf.cli.exits import end
from agent_perf.cli.options import format_option


@click.command("calibrate")
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write; cpu_costs.json beside the benchmarks if not given.",
)
@click.option(
    "--rounds",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    help="Rounds per operation; the least CPU time counts.",
)
@format_option
def verb(output: Path | None, rounds: int, form: str) -> None:
    """
    Measure what operations cost in CPU time here, for scenarios with cpu="operations".

    The numbers are written as integers, to be committed: from then on they are the same
    on every machine.
    """
    from agent_perf.cli.calibrate import run_calibration

    end(run_calibration(output, rounds=rounds, form=form))
