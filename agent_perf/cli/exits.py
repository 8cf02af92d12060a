"""
What a process ends with, whatever becomes of its verb.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NoReturn

import click

from agent_perf.errors import AgentPerfError

INTERRUPTED: Final = 130
PIPE_CLOSED: Final = 141


def run_process(group: click.Group, arguments: list[str] | None) -> NoReturn:
    """Run the command line *arguments* of *group*, those of the process if None, and exit."""
    try:
        with _terminated_in_order():
            group.main(args=arguments, prog_name="agent-perf", standalone_mode=False)
        code = _flushed(0)
    except AgentPerfError as error:
        _tell(f"agent-perf: {error}")
        code = error.exit_code
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("agent-perf: interrupted; what was finished is kept", err=True)
        code = INTERRUPTED
    except SystemExit as error:
        code = _flushed(int(error.code or 0))
    except BaseException:  # noqa: BLE001 (printed whole; Python's exit code 1 would say "regression")
        _tell(traceback.format_exc())
        click.echo(
            "agent-perf: this is a bug in agent-perf; please report it with the above", err=True
        )
        code = AgentPerfError.exit_code
    sys.exit(code)


@contextmanager
def _terminated_in_order() -> Iterator[None]:
    """Let SIGTERM do what Ctrl-C does: a supervisor is left nothing running either."""
    heard = threading.current_thread() is threading.main_thread()
    if not heard or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _tell(text: str) -> None:
    """Print *text*, parts of which an application may have said."""
    # Patterns are compiled where something is wrong, and not for each command.
    from agent_perf.cli.output import say
    from agent_perf.scrubbing import harmless

    say(harmless(text))


def _flushed(code: int) -> int:
    """Return *code*, or what a closed pipe ends with if output cannot be written."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has enough. Python itself would end with 1, which here
        # means a regression.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    return code


def code_of(error: BaseException) -> int:
    """Return what a process ends with that *error* ends: as run_process would."""
    if isinstance(error, AgentPerfError | click.ClickException):
        return error.exit_code
    if isinstance(error, SystemExit):
        return int(error.code or 0)
    if isinstance(error, click.Abort | KeyboardInterrupt):
        return INTERRUPTED
    return PIPE_CLOSED if isinstance(error, BrokenPipeError) else AgentPerfError.exit_code


def end(code: int) -> NoReturn:
    """Leave a verb; the process ends with *code*."""
    raise SystemExit(code)
