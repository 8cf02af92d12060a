"""Watching what a program asks of the machine, around a simulation."""

from __future__ import annotations

import subprocess
import sys
import textwrap


def test_a_file_may_be_opened_in_a_watched_simulation() -> None:
    """
    The watch leaves alone what time-machine writes into: it destroyed our memory there, and the
    next file that a simulation opened ended the process.
    """
    program = """
        from agent_perf.sim import simulate
        from agent_perf.suite.selftest.asking import told_of_asking

        asked = []

        class Log:
            def ask(self, what, place):
                asked.append(what)

        async def main(loop):
            for path in (__import__("os").__file__, "/proc/self/stat"):
                open(path).close()

        with told_of_asking(Log()):
            simulate(main)
        print(*asked)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (0, "open('/proc/self/stat')\n") == (done.returncode, done.stdout), done.stderr
