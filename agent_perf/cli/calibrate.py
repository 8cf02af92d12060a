"""
``agent-perf calibrate``: measure what operations cost in CPU time, and write it down.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from agent_perf import codec
from agent_perf.cli.output import print_json, print_table, say
from agent_perf.cli.project import open_project
from agent_perf.errors import UsageError
from agent_perf.suite.calibration import Sample, Sampling, calibrate


def run_calibration(output: Path | None, *, rounds: int, form: str = "text") -> int:
    """
    Measure, print and write the costs to *output*, or beside the benchmarks; return 0.

    Raises:
        UsageError: If the project has no benchmarks, or a client is not installed.
        StoreError: If the file cannot be written.
    """
    project = open_project(Path.cwd())
    path = output or project.root / project.config.benchmarks / "cpu_costs.json"
    rows: list[tuple[str, ...]] = []

    def tell(name: str, sample: Sample) -> None:
        share = sample.priced_count / max(1, sample.call_count)
        rows.append((name, f"{sample.client_ns:,}", f"{sample.median_ns:,}", f"{share:.0%}"))

    try:
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
