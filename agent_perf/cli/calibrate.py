"""
``agent-perf calibrate``: measure what operations cost in CPU time, and write it down.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from agent_perf import codec
from agent_perf.cli.live import in_real_time
from agent_perf.cli.output import print_json, print_table, say
from agent_perf.cli.project import open_project
from agent_perf.errors import UsageError
from agent_perf.sim import costs_for, default_costs
from agent_perf.suite.calibration import Sample, Sampling, calibrate
from agent_perf.suite.live_calibration import LIVE_SAMPLING, calibrate_live


def run_calibration(
    output: Path | None,
    *,
    rounds: int,
    live: bool = False,
    form: str = "text",
    allowed: tuple[str, ...] = (),
) -> int:
    """
    Measure, print and write the costs to *output*, or beside the benchmarks; return 0.

    Args:
        output: The file; None: beside the benchmarks.
        rounds: Per operation.
        live: Whether on real sockets, with real services, hosts and models included.
        form: ``text`` or ``json``.
        allowed: Hosts of services, other than this machine, that may be filled and asked.

    Raises:
        UsageError: If the project has no benchmarks, or a client is not installed.
        StoreError: If the file cannot be written.
    """
    project = open_project(Path.cwd())
    path = output or project.root / project.config.benchmarks / "cpu_costs.json"
    rows: list[tuple[str, ...]] = []

    def tell(name: str, sample: Sample) -> None:
        say(f"{name}: {sample.client_ns:,} ns")
        share = sample.priced_count / max(1, sample.call_count)
        rows.append((name, f"{sample.client_ns:,}", f"{sample.median_ns:,}", f"{share:.0%}"))

    try:
        if live:
            in_real_time("live", None, project.config.services, allowed)
            before = costs_for(path) if output is None else default_costs()
            sampling = Sampling(rounds=rounds, calls=LIVE_SAMPLING.calls)
            costs = calibrate_live(sampling, tell, ns_per_call=before.ns_per_call)
        else:
            costs = calibrate(Sampling(rounds=rounds), tell)
    except ImportError as error:
        raise UsageError(
            f"calibrate needs every client: {error}; pip install 'agent-perf[agents]'"
        ) from error
    codec.write_atomic(path, msgspec.json.format(msgspec.json.encode(costs), indent=2) + b"\n")
    if form == "json":
        print_json(costs)
    else:
        print_table(("ns of CPU time per call", "least", "median", "client's share"), rows)
    say(f"{path}: digest {costs.digest[:8]}, {costs.ns_per_call} ns per call; {costs.source}")
    say("commit it: scenarios that charge for CPU time are measured again with it")
    return 0
