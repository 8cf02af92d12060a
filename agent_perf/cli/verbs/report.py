"""
The verb that writes the report of stored runs, and its options.
"""

from __future__ import annotations

from pathlib import Path

import click

from agent_perf.cli.exits import end
from agent_perf.cli.options import format_option, reports_option
from agent_perf.errors import UsageError


@click.command("report")
@click.argument("what", metavar="[A..B | FILE...]", nargs=-1)
@reports_option
@format_option
def verb(what: tuple[str, ...], reports: Path | None, form: str) -> None:
    """
    Write the report of stored runs, without measuring: along A..B, commit by commit.

    Without a range: HEAD against what `compare` would choose. Of FILE..., which another tool
    wrote, the report of that by itself (docs/importing.md); `judge` also gives an exit code.
    FILE may also be what `load` wrote: its report again, with the exit code that the load had.
    """
    # '..' is a folder, too, but nobody who types it means that.
    files = [Path(word) for word in what if word != ".." and Path(word).exists()]
    if files:
        _refuse_missing(what)
        from agent_perf.cli.load_again import is_load_file, report_load_file

        if len(files) == 1 and is_load_file(files[0]):
            end(report_load_file(files[0], reports=reports, form=form))
        from agent_perf.cli.judge import show_files

        end(show_files(files, reports=reports, form=form))
    if len(what) > 1:
        raise UsageError(f"{', '.join(what)}: want one range, as A..B, or files that are there")
    from agent_perf.cli.report import report_range

    end(report_range(what[0] if what else None, reports=reports, form=form))


def _refuse_missing(words: tuple[str, ...]) -> None:
    for word in words:
        if not Path(word).exists():
            raise UsageError(f"there is no file {word}; name files that are there, or one range")
