"""Commands as a user runs them, in processes that start at once."""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
_SERVER = Path(__file__).with_name("command_server.py")


def agent_perf(folder: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """
    Run the command in a process of its own; one that has not ended after 120 s is killed.

    That `python -m agent_perf` comes to the same is for test_exit_codes.
    """
    server = _server()
    with tempfile.TemporaryDirectory() as place:
        out, err = Path(place, "out"), Path(place, "err")
        out.touch()
        err.touch()
        order = {
            "arguments": [str(one) for one in arguments],
            "folder": str(folder),
            "environ": {**_surroundings(), **environ},
            "out": str(out),
            "err": str(err),
        }
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(json.dumps(order).encode() + b"\n")
        server.stdin.flush()
        pid = int(server.stdout.readline())
        limit = threading.Timer(120, os.kill, (pid, signal.SIGKILL))
        limit.start()
        try:
            code = int(server.stdout.readline())
        finally:
            limit.cancel()
        return subprocess.CompletedProcess(
            ["agent-perf", *arguments], code, out.read_text(), err.read_text()
        )


def agent_perf_afresh(
    folder: Path, *arguments: str, **environ: str
) -> subprocess.CompletedProcess[str]:
    """Run the command in an interpreter of its own, where what that does at its start counts."""
    return subprocess.run(
        [sys.executable, "-m", "agent_perf", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=_surroundings() | environ,
    )


def _surroundings() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"}


@cache
def _server() -> subprocess.Popen[bytes]:
    server = subprocess.Popen(
        [sys.executable, str(_SERVER)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=_surroundings(),
    )
    atexit.register(_end, server)
    return server


def _end(server: subprocess.Popen[bytes]) -> None:
    with server:
        assert server.stdin is not None
        server.stdin.close()
