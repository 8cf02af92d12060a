"""
The verbs and their options.

Only what a verb's own help needs is imported here: the work, and numpy, redis and asv
with it, is imported when the verb runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, NoReturn

import click

from agent_perf.cli.exits import Verbs, end, run_process
from agent_perf.cli.history_verb import history
from agent_perf.cli.judging import judge
from agent_perf.cli.keeping import accept, baseline
from agent_perf.cli.options import (
    cpu_option,
    format_option,
    fresh_option,
    jobs_option,
    only_option,
    reports_option,
    resources_option,
    tier_option,
    time_budget_option,
    undecided_option,
)
from agent_perf.cli.resource_verbs import resources

_FILE: Final = click.Path(path_type=Path, dir_okay=False)


_SECTIONS: Final = {
    "Measure and judge": ("run", "compare", "report", "history", "judge"),
    "Accept and keep": ("accept", "baseline"),
    "Look closer": ("load", "cases", "selftest", "resources"),
    "This machine": ("doctor", "calibrate"),
    "See it work": ("demo",),
}


@click.group(
    cls=Verbs,
    sections=_SECTIONS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="agent-perf")
def cli() -> None:
    """
    Did this change make my agent slower or dearer, why, and how sure are we?

    \b
    Exit codes: 0 pass, 1 regression or target missed, 2 usage or configuration,
    3 a benchmark or its target broke, 4 undecided, 5 nothing measured, 130 interrupted,
    141 nobody reads the output.
    """  # noqa: D301 (click wants the character)


@cli.command()
@click.argument("refs", nargs=-1, metavar="[REF | A..B]...")
@only_option
@fresh_option
@jobs_option
@cpu_option
@tier_option
@resources_option
@format_option
def run(refs: tuple[str, ...], **options: Any) -> None:
    """
    Measure commits and store the results.

    REF is a commit, branch or tag; A..B a range along the first parents, A included;
    'worktree' the files as they are. Without any: HEAD. What is stored already, for the
    same benchmarks, harness and packages, is not measured again.
    """
    from agent_perf.cli.run import run_refs

    end(run_refs(refs or ("HEAD",), **options))


@cli.command(short_help="Judge HEAD against BASE: verdict, report, exit code.")
@click.argument("base", required=False)
@click.argument("head", default="HEAD")
@only_option
@fresh_option
@resources_option
@click.option("--exact-only", is_flag=True, help="Leave out what is sampled (CPU time).")
@click.option(
    "--instructions/--no-instructions",
    default=None,
    help="Count the instructions of micro-benchmarks, too, by valgrind: 50 to 160 times as slow "
    "as to run them; from the configuration if not given.",
)
@time_budget_option
@click.option(
    "--rounds",
    "rounds_max",
    type=click.IntRange(min=1),
    metavar="MAX",
    help="Sampled rounds of a metric at most, and again of its confirmation.",
)
@undecided_option
@reports_option
@format_option
def compare(base: str | None, head: str, **options: Any) -> None:
    """
    Judge HEAD against BASE, write the report, and end with the gate's exit code.

    BASE is a ref or 'baseline:NAME'; if not given, the merge base with the default
    branch, or on that branch the commit before. HEAD may be 'worktree'.
    """
    from agent_perf.cli.compare import CompareOptions, compare_refs

    end(compare_refs(base, head, CompareOptions(**options)))


@cli.command(short_help="Write the report of stored runs, without measuring.")
@click.argument("revisions", metavar="[A..B]", required=False)
@reports_option
@format_option
def report(revisions: str | None, reports: Path | None, form: str) -> None:
    """
    Write the report of stored runs, without measuring: along A..B, commit by commit.

    Without a range: HEAD against what `compare` would choose.
    """
    from agent_perf.cli.report import report_range

    end(report_range(revisions, reports=reports, form=form))


@cli.command(short_help="Put scenarios under a load, in virtual time.")
@click.argument("scenarios", nargs=-1, required=True, metavar="SCENARIO[=WEIGHT]...")
@click.option(
    "--shape",
    type=click.Choice(["poisson", "constant", "gamma", "ramp", "spike", "burst", "stress", "soak"]),
    help="How requests arrive; poisson if only a rate is given.",
)
@click.option("--rate", "rate_hz", type=float, metavar="PER_S", help="Requests per second  [20].")
@click.option("--to", "to_hz", type=float, metavar="PER_S", help="Rate at the end; ramp, stress.")
@click.option("--for", "for_s", type=float, metavar="SECONDS", help="How long  [60; soak: 3600].")
@click.option("--trace", type=_FILE, help="Replay JSON lines: at_s, path, user, weight.")
@click.option("--access-log", type=_FILE, help="Replay an access log of nginx or uvicorn.")
@click.option("--speed", type=float, default=1.0, help="Replay so many times as fast.")
@click.option("--users", type=click.IntRange(min=1), help="Users who share the requests  [50].")
@click.option("--closed", is_flag=True, help="Users wait for the answer before they ask again.")
@tier_option
@cpu_option
@click.option("--seed", type=int, help="Of all draws; the scenario's if not given.")
@click.option("--within", "within_s", type=float, metavar="SECONDS", help="What is a good answer.")
@click.option(
    "--bucket",
    "bucket_s",
    type=float,
    metavar="SECONDS",
    help="Step of the timeline, doubled while there are too many  [a sixtieth].",
)
@click.option("--max-in-flight", "in_flight_max", type=int, help="Drop what would be beyond.")
@click.option("--max-rate", "rate_max_hz", type=float, metavar="PER_S", help="Drop the rest.")
@click.option("--find-knee", is_flag=True, help="Search the highest rate that keeps --target.")
@click.option(
    "--target", metavar="[PATH.]pN=SECONDS", help="As p95=0.15, p99=150ms or miss.p95=0.15."
)
@reports_option
@format_option
def load(scenarios: tuple[str, ...], **options: Any) -> None:
    """
    Put scenarios of the files as they are under a load, in virtual time.

    Without a shape: the scenario's own load, or Poisson arrivals. Several scenarios share
    one world and the requests, by their weights. The result goes to reports/load/, as
    JSON and as a picture of its timeline.
    """
    from agent_perf.cli.load import load_scenarios
    from agent_perf.cli.load_options import LoadOptions

    end(load_scenarios(scenarios, LoadOptions(**options)))


@cli.command(short_help="Ask scenarios named questions: which end otherwise?")
@click.argument("scenarios", nargs=-1, required=True, metavar="SCENARIO...")
@click.option(
    "--only", multiple=True, metavar="PATTERN", help="Only cases that match, as 'unicode.*'."
)
@click.option("--edge/--no-edge", default=True, help="Whether to ask the edge cases, too.")
@click.option("--all", "show_all", is_flag=True, help="Print those that ended as they should, too.")
@tier_option
@format_option
def cases(scenarios: tuple[str, ...], **options: Any) -> None:
    """
    Ask scenarios named questions, and tell which end otherwise than they should.

    Edge cases (Unicode, SQL, empty, endless...) and the scenario's own (cases=...), of which
    error_cases() are some: models, Redis and databases that fail. The request gets the
    question as ask.text. Exit codes: 0 all as expected, 1 one is not.
    """
    from agent_perf.cli.cases import CasesOptions, check_cases

    end(check_cases(scenarios, CasesOptions(**options)))


@cli.command(short_help="Measure what operations cost in CPU time here.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write; cpu_costs.json beside the benchmarks if not given.",
)
@click.option(
    "--rounds",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    help="Rounds per operation; the least CPU time counts.",
)
def calibrate(output: Path | None, rounds: int) -> None:
    """
    Measure what operations cost in CPU time here, for scenarios with cpu="operations".

    The numbers are written as integers, to be committed: from then on they are the same
    on every machine.
    """
    from agent_perf.cli.calibrate import run_calibration

    end(run_calibration(output, rounds=rounds))


@cli.command(short_help="Do scenarios give the same answer in hostile processes?")
@click.argument("patterns", nargs=-1, metavar="[PATTERN]...")
@click.option(
    "--times",
    type=click.IntRange(min=2),
    default=2,
    show_default=True,
    help="Processes: one plain, the others hostile.",
)
@click.option("--all-loads", is_flag=True, help="Every load; the largest only if not given.")
@click.option(
    "--ties",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="Also run with timers of one instant in N other orders, and tell what moves.",
)
@click.option("--busy/--idle", default=True, help="Whether cores may be kept busy meanwhile.")
@tier_option
@cpu_option
@format_option
def selftest(patterns: tuple[str, ...], **options: Any) -> None:
    """
    Run scenarios in hostile processes: do they give the same answer, step by step?

    Other hash seeds, addresses, garbage collections, time zones, locales, folders and
    environments, while cores are busy. What diverges is told with its first differing
    step and the likely cause. Exit codes: 0 all the same, 1 one diverges, 3 one is broken.
    """
    from agent_perf.cli.selftest import SelftestOptions, run_selftest

    end(run_selftest(patterns, SelftestOptions(**options)))


@cli.command(short_help="Is it fit to measure, and how much noise does it add?")
@only_option
@time_budget_option
@click.option("--noise/--no-noise", default=True, help="Whether to measure benchmarks at all.")
@format_option
def doctor(**options: Any) -> None:
    """
    Is this machine fit to measure, and how much noise does it add?

    Measures micro-benchmarks against themselves and tells how many rounds verdicts take;
    reports tell of it from then on. Exit codes: 0 healthy, 3 something is broken, 4 a limit
    of 15 % cannot be judged here.
    """
    from agent_perf.cli.doctor import DoctorOptions, diagnose

    end(diagnose(DoctorOptions(**options)))


@cli.command(short_help="A small agent backend whose history holds five regressions.")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), required=False)
@click.option("--open/--no-open", "show", default=True, help="Open the report in a browser.")
@jobs_option
def demo(folder: Path | None, show: bool, jobs: int | None) -> None:
    """
    See it work: a small agent backend with twelve commits, five of them regressions.

    Makes the repository in FOLDER (a temporary one if not given), measures its history
    and writes the report that names the five, each with its cause.
    """
    from agent_perf.cli.demo import run_demo

    end(run_demo(folder, show=show, jobs=jobs))


for verb in (baseline, accept, judge, resources, history):
    cli.add_command(verb)


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line *arguments*, those of the process if None, and exit."""
    run_process(cli, arguments)
