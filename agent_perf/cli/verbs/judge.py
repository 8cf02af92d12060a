"""
The verb that judges what was measured elsewhere, and its options.
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


def _side(
    name: str, *, required: bool = False
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return click.option(
        f"--{name}",
        required=required,
        multiple=True,
        type=click.Path(path_type=Path, exists=True),
        metavar="FILE...",
        help=f"Files of the {name}, or folders with them: one for each process or run.",
    )


@click.command("judge", cls=_SidesOfFiles)
@_side("base")
@_side("head", required=True)
@click.option("--base-name", default="", help="Of the base, in the report; its commit if known.")
@click.option("--head-name", default="", help="Likewise.")
@click.option("--any-machine", is_flag=True, help="Compare machines that differ all the same.")
@undecided_option
@reports_option
@format_option
def verb(**options: Any) -> None:
    """
    Judge what another tool has measured, by the files it wrote.

    Files of pytest-benchmark, hyperfine, pyperf, asv, k6, Locust, AIPerf and guidellm are
    told apart by what is in them. One process tells nothing of how processes differ: time
    ten a side, in turns. Without --base, the head is held to its targets alone, for which
    one file will do. Limits, targets, waivers, report and exit codes are those of `compare`.
    See docs/importing.md.
    """
    from agent_perf.cli.judge import JudgeOptions, judge_files

    end(judge_files(JudgeOptions(**options)))
