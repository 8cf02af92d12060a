"""What a command imports before it does anything: users wait for it each time."""

from __future__ import annotations

import subprocess
import sys

from tests.cli.command import ROOT

CLIENTS = ("aiohttp", "asyncpg", "fakeredis", "httpx", "openai", "redis", "sqlalchemy")


def test_comparing_begins_without_the_clients_of_services() -> None:
    """`compare` leaves libraries for services to the processes that measure."""
    code = (
        "import sys, agent_perf.cli.compare; print([m for m in sys.argv[1:] if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *CLIENTS],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert "[]" == done.stdout.strip()
