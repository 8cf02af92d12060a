"""Every scenario that ships runs at tier live."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DEMO = "agent_perf/demo/repository/commits/01-answer-questions"
NEEDED = {"examples/research-graph": "langgraph", "examples/support-desk": "pydantic_ai"}

# Each of its scenarios: some requests of two users; loads of their own are one second.
_RUN = """
import json, logging, sys
from dataclasses import replace
from pathlib import Path
from agent_perf.load import Poisson
from agent_perf.records import Tier
from agent_perf.suite import load_catalog, run_scenario

logging.disable(logging.CRITICAL)
catalog = load_catalog("benchmarks", Path.cwd())
part, parts = map(int, sys.argv[1:])
told = {one.name: one.message for one in catalog.broken}
for one in catalog.scenarios[part::parts]:
    short = replace(
        one,
        requests=4,
        # A warm-up would settle for a second, each time.
        warmup=0,
        faults=(),
        checks=(),
        load=one.load and Poisson(rate_hz=10, for_s=1),
    )
    run = run_scenario(short, 2, commit="worktree", tier=Tier.LIVE)
    told[one.name] = dict(run.errors)
print(json.dumps(told))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("folder", "part", "parts"),
    [
        (".", 0, 3),
        (".", 1, 3),
        (".", 2, 3),
        (DEMO, 0, 1),
        ("examples/support-desk", 0, 1),
        ("examples/research-graph", 0, 1),
        ("examples/event-worker", 0, 1),
    ],
)
def test_every_shipped_scenario_runs(folder, part, parts, redis_url, postgres_url) -> None:
    """All of a project's scenarios are answered on real services, without an error."""
    if folder in NEEDED:
        pytest.importorskip(NEEDED[folder])
    environ = os.environ | {
        "AGENT_PERF_REDIS_URL": redis_url.rpartition("/")[0],
        "AGENT_PERF_DATABASE_URL": postgres_url,
        "PYTHONPATH": str(ROOT / folder),
    }

    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _RUN, str(part), str(parts)],
        cwd=ROOT / folder,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )

    assert 0 == done.returncode, done.stderr[-2000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told
    assert {name: {} for name in told} == told
