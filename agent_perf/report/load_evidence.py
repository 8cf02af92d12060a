"""
What a load's figures stand on, and which words explain them.
"""

from __future__ import annotations

from typing import Final

from agent_perf.records import LoadRun, Tier
from agent_perf.report.live_load import measured_point
from agent_perf.report.text import plural, quantity
from agent_perf.report.view import Point

SIMULATED_READING: Final = "load_reading.html.j2"
_LIVE_READING: Final = "load_reading_live.html.j2"
_SERVICE_READING: Final = "load_reading_service.html.j2"
_EXPERIMENT_READING: Final = "load_reading_experiment.html.j2"


def kind_of_evidence(run: LoadRun) -> Point:
    """Return whether the figures of *run* are exact, and if not, why."""
    requests = plural(run.latency.count, "request")
    if run.live is not None:
        return measured_point(run.live, f"{requests}.")
    if is_experiment(run):
        return Point(
            lead="Measured:",
            text="in real time, by one process over HTTP, while what the service stands on was "
            f"broken: another run gives other figures. {requests}.",
        )
    if run.tier is Tier.LIVE:
        return Point(
            lead="Sampled:",
            text=f"real time on this machine, draws of seed {run.seed}, tier live: another run "
            f"gives other figures, by whatever else the machine does. {requests}.",
        )
    error = run.latency.error_ratio
    how = f"within {quantity(error, 'ratio')}" if error else "exact"
    return Point(
        lead="Exact:",
        text=f"virtual time, seed {run.seed}, tier {run.tier.value}: the same on every "
        f"machine. {requests}, quantiles {how}.",
    )


def reading_of(run: LoadRun) -> str:
    """Return the name of the template that says what the numbers of *run* mean."""
    if run.live is not None:
        return _SERVICE_READING
    if is_experiment(run):
        return _EXPERIMENT_READING
    return _LIVE_READING if run.tier is Tier.LIVE else SIMULATED_READING


def is_experiment(run: LoadRun) -> bool:
    """Return whether *run* is of a running service that was broken on purpose."""
    asked = all(name.startswith("chaos.") for name in run.scenarios)
    return asked and run.tier is Tier.LIVE and run.live is None and not run.exemplars
