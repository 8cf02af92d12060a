"""
The verb about what was run here, and its options.
"""

from __future__ import annotations

from pathlib import Path

import click

from agent_perf.cli.completing import session_names
from agent_perf.cli.exits import end
from agent_perf.cli.options import format_option, reports_option


@click.group("sessions", invoke_without_command=True)
@click.option("--last", "count_max", type=click.IntRange(min=1), metavar="N", help="Only so many.")
@format_option
@click.pass_context
def verb(ctx: click.Context, count_max: int | None, form: str) -> None:
    """
    List what was run here, newest first: command, commits, verdict, exit code.

    Each run, compare, ci, load, chaos and validate leaves a record. SESSION below is an id, its
    beginning or end, 'last', or 'last~1' for the one before.
    """
    if ctx.invoked_subcommand is None:
        from agent_perf.cli.sessions import list_sessions

        end(list_sessions(count_max, form))


@verb.command("show", short_help="Show all that is known of one.")
@click.argument("session", default="last", shell_complete=session_names)
@format_option
def show(session: str, form: str) -> None:
    """Show all that is known of SESSION."""
    from agent_perf.cli.sessions import show_session

    end(show_session(session, form))


@verb.command("compare", short_help="Judge what one measured against another, as stored.")
@click.argument("base", metavar="SESSION", shell_complete=session_names)
@click.argument("head", metavar="SESSION", default="last", shell_complete=session_names)
@reports_option
@format_option
def compare(base: str, head: str, reports: Path | None, form: str) -> None:
    """
    Judge the stored runs of the second SESSION against those of the first.

    Nothing is measured. Limits, targets, report and exit codes are those of `compare`; what
    is sampled needs both sides side by side, and is left out.
    """
    from agent_perf.cli.session_report import compare_sessions

    end(compare_sessions(base, head, reports=reports, form=form))


@verb.command("report", short_help="Write the report of one again.")
@click.argument("session", default="last", shell_complete=session_names)
@reports_option
@format_option
def report(session: str, reports: Path | None, form: str) -> None:
    """Write the report of SESSION again: its verdicts, from the stored runs and rounds."""
    from agent_perf.cli.session_report import report_session

    end(report_session(session, reports=reports, form=form))


@verb.command("resume", short_help="Go on with one that was interrupted.")
@click.argument("session", default="last", shell_complete=session_names)
def resume(session: str) -> None:
    """Give the command line of SESSION again: what it finished is not measured again."""
    from agent_perf.cli.sessions import resume_session

    end(resume_session(session))
