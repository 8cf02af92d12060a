"""
The verbs that judge what was measured elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

from agent_perf.cli.exits import end
from agent_perf.cli.options import format_option, reports_option, undecided_option

_SIDES: Final = ("--base", "--head")


class _SidesOfFiles(click.Command):
    """A command whose options ``--base`` and ``--head`` take all words that follow them."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Give each word its option, for a shell gives many for one pattern."""
        spread: list[str] = []
        side = ""
        for word in args:
            if word in _SIDES:
                side = word
            elif word.startswith("-"):
                side = ""
                spread.append(word)
            else:
                spread += [side, word] if side else [word]
        return super().parse_args(ctx, spread)


def _side(name: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return click.option(
        f"--{name}",
        required=True,
        multiple=True,
        type=click.Path(path_type=Path, exists=True),
        metavar="FILE...",
        help=f"Files of the {name}, or folders with them: one file for each process.",
    )


@click.command(cls=_SidesOfFiles, short_help="Judge files of pytest-benchmark.")
@_side("base")
@_side("head")
@click.option("--base-name", default="", help="Of the base, in the report; its commit if known.")
@click.option("--head-name", default="", help="Likewise.")
@click.option("--any-machine", is_flag=True, help="Compare machines that differ all the same.")
@undecided_option
@reports_option
@format_option
def judge(**options: Any) -> None:
    """
    Judge what another tool has timed: files of pytest-benchmark (--benchmark-json).

    One process tells nothing of how processes differ: time ten a side, in turns. Limits,
    targets, waivers, report and exit codes are those of `compare`. See
    docs/pytest-benchmark.md.
    """
    from agent_perf.cli.judge import JudgeOptions, judge_files

    end(judge_files(JudgeOptions(**options)))
