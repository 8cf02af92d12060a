"""What keeps a server from outliving us."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import psutil

from agent_perf.live.services.guarded import Guarded, ServerOrder

_TALKS = """
import os, sys, time
while os.path.exists(sys.argv[1]):
    time.sleep(0.01)
try:
    os.write(1, b"x" * (2 << 20))
except BrokenPipeError:
    pass
time.sleep(60)
"""


def test_a_server_does_not_outlive_a_guard_that_cannot_write_its_log(tmp_path: Path) -> None:
    """Whoever removes the folder of temporary files ends the server, and leaves no orphan."""
    logs = tmp_path / "logs"
    logs.mkdir()
    server = Guarded(
        ServerOrder(
            name="a talker",
            command=[sys.executable, "-S", "-c", _TALKS, str(logs)],
            folder=tmp_path,
            log=logs / "log",
        )
    )
    server.start()
    process = psutil.Process(server.pid)
    try:
        shutil.rmtree(logs)

        assert server.wait_end(20.0)
        process.wait(20.0)
    finally:
        server.stop()
        if process.is_running():
            process.kill()


def test_a_server_hears_the_signals_that_its_guard_ignores(tmp_path: Path) -> None:
    """What sets no handler of its own ends at SIGTERM, and not seconds later by SIGKILL."""
    log = tmp_path / "log"
    code = "import signal; print(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL, flush=True)"
    command = [sys.executable, "-S", "-c", code]
    server = Guarded(ServerOrder(name="a teller", command=command, folder=tmp_path, log=log))
    server.start()
    try:
        assert server.wait_end(20.0)
    finally:
        server.stop()

    assert "True\n" == server.log_text()
