"""
A group whose verbs are imported when they are asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click

from agent_perf.cli.exits import PIPE_CLOSED
from agent_perf.cli.profile import add_profile
from agent_perf.cli.session_record import ARGUMENTS


class Verbs(click.Group):
    """
    A group that lists its verbs by what they are for, in the order in which they are met.

    They end with 141 when nobody reads their output any more.

    Args:
        sections: Heading to the names of verbs and what each is for, in one line of help.
            The verb itself is ``verb`` in ``agent_perf/cli/verbs/<name>.py``.
    """

    def __init__(self, *, sections: Mapping[str, Mapping[str, str]], **attributes: Any) -> None:
        super().__init__(**attributes)
        self._sections = sections
        self._texts = {name: text for verbs in sections.values() for name, text in verbs.items()}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all verbs in order."""
        return list(self._texts)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the verb *cmd_name*, imported now; None if there is none."""
        if cmd_name not in self._texts:
            return None
        module = import_module(f"agent_perf.cli.verbs.{cmd_name}")
        command: click.Command = module.verb
        command.short_help = self._texts[cmd_name]
        return add_profile(command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a section for each heading, the texts of all of them in one column."""
        width = max(map(len, self._texts))
        for heading, verbs in self._sections.items():
            with formatter.section(heading):
                formatter.write_dl([(name.ljust(width), text) for name, text in verbs.items()])

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keep the whole command line, for the record of a session."""
        ctx.meta[ARGUMENTS] = tuple(args)
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the verb that *args* begin with, or say which was probably meant."""
        if args and args[0] not in self._texts and not ctx.resilient_parsing:
            from agent_perf.config import did_you_mean

            if not args[0].startswith("-"):
                hint = did_you_mean(args[0], self._texts, kind="there are")
                ctx.fail(f"No such verb {args[0]!r}; {hint}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb that was asked for."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # click, and Python itself, would end with 1: a regression's code.
            raise SystemExit(PIPE_CLOSED) from None
