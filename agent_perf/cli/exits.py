"""
What a process ends with, whatever becomes of its verb.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from typing import Any, Final, NoReturn

import click

from agent_perf.errors import AgentPerfError

INTERRUPTED: Final = 130
PIPE_CLOSED: Final = 141


def run_process(group: click.Group, arguments: list[str] | None) -> NoReturn:
    """Run the command line *arguments* of *group*, those of the process if None, and exit."""
    try:
        group.main(args=arguments, prog_name="agent-perf", standalone_mode=False)
        code = _flushed(0)
    except AgentPerfError as error:
        click.echo(f"agent-perf: {error}", err=True)
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
        click.echo(traceback.format_exc(), err=True)
        click.echo(
            "agent-perf: this is a bug in agent-perf; please report it with the above", err=True
        )
        code = AgentPerfError.exit_code
    sys.exit(code)


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


def end(code: int) -> NoReturn:
    """Leave a verb; the process ends with *code*."""
    raise SystemExit(code)


class Verbs(click.Group):
    """
    A group that lists its verbs by what they are for, in the order in which they are met.

    They end with 141 when nobody reads their output any more.

    Args:
        sections: Heading to the names of verbs; each verb is in one of them.
    """

    def __init__(self, *, sections: Mapping[str, Sequence[str]], **attributes: Any) -> None:
        super().__init__(**attributes)
        self._sections = sections

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all verbs in order."""
        return [name for names in self._sections.values() for name in names]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a section for each heading, the texts of all of them in one column."""
        width = max(map(len, self.list_commands(ctx)))
        for heading, names in self._sections.items():
            rows = [
                (name.ljust(width), self.commands[name].get_short_help_str(80)) for name in names
            ]
            with formatter.section(heading):
                formatter.write_dl(rows)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb that was asked for."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # click, and Python itself, would end with 1: a regression's code.
            raise SystemExit(PIPE_CLOSED) from None
