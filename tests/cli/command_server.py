"""
Runs commands in forks of a process that has imported them: ``python command_server.py``.

Each line of standard input is one command. Its process is one of its own, which begins where
``python -m agent_perf`` is after its imports; those take ten times as long as most commands.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import sys

import agent_perf.cli
from agent_perf.cli import main


def import_all() -> None:
    """Import every module of the command line, and so whatever verbs need."""
    for module in pkgutil.walk_packages(agent_perf.cli.__path__, "agent_perf.cli."):
        importlib.import_module(module.name)


def become(order: dict) -> list[str]:
    """Make this process the one that *order* asks for, and return the arguments."""
    for number, (path, flags) in enumerate(
        ((os.devnull, os.O_RDONLY), (order["out"], os.O_WRONLY), (order["err"], os.O_WRONLY))
    ):
        opened = os.open(path, flags)
        os.dup2(opened, number)
        os.close(opened)
    os.environ.clear()
    os.environ.update(order["environ"])
    os.chdir(order["folder"])
    sys.argv = ["agent-perf", *order["arguments"]]
    return order["arguments"]


def serve() -> list[str] | None:
    """Return in a fork the arguments of a command that it is to run; None at the end."""
    for line in sys.stdin.buffer:
        answers = os.dup(1)
        pid = os.fork()
        if pid == 0:
            os.close(answers)
            return become(json.loads(line))
        os.write(answers, f"{pid}\n".encode())
        _, status = os.waitpid(pid, 0)
        os.write(answers, f"{os.waitstatus_to_exitcode(status)}\n".encode())
        os.close(answers)
    return None


if __name__ == "__main__":
    import_all()
    arguments = serve()
    if arguments is not None:
        main(arguments)
