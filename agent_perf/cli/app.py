"""
The table of verbs.

A verb is one line here and one file, ``verbs/<name>.py``, which is imported when the verb is
asked for: `agent-perf --help` imports none.
"""

from __future__ import annotations

from typing import Final, NoReturn

import click

from agent_perf.cli.completing import profile_names
from agent_perf.cli.exits import run_process
from agent_perf.cli.profile import take_profile
from agent_perf.cli.verb_group import Verbs

_SECTIONS: Final = {
    "Measure and judge": {
        "run": "Measure commits and store the results.",
        "compare": "Judge HEAD against BASE: verdict, report, exit code.",
        "ci": "Judge what CI is about to merge: report, annotations, exit code.",
        "comment": "Tell a pull request: one comment, kept up to date.",
        "report": "Write the report of stored runs, without measuring.",
        "history": "Tell which commits changed what, and where it is heading.",
        "judge": "Judge files that other tools wrote.",
    },
    "Accept and keep": {
        "accept": "Accept a regression or missed target until a date.",
        "baseline": "Keep runs under a name, to compare with later.",
    },
    "Look closer": {
        "explain": "Why did a benchmark become slower, or what does a word mean?",
        "sessions": "List what was run here, compare and report it again.",
        "load": "Put scenarios, or a running service, under a load.",
        "cases": "Ask scenarios named questions: which end otherwise?",
        "selftest": "Do scenarios give the same answer in hostile processes?",
        "resources": "Sample what a command takes: CPU, memory, disk, network.",
    },
    "Real services": {
        "canary": "Stable against candidate: promote, hold or roll back.",
        "smoke": "Is a service there: its health, a chat, its metrics? In seconds.",
        "chaos": "Break what a service stands on: does it bear that?",
        "validate": "How well does virtual time predict real time, here?",
        "model": "Serve a model endpoint that costs nothing, at the pace of one.",
    },
    "Set up": {
        "init": "Give a repository its first scenario, configuration and CI file.",
        "config": "Show each setting, its value, and where that comes from.",
        "completion": "Print what bash, zsh or fish needs to complete.",
        "schema": "Print the JSON Schema of a file that agent-perf writes or reads.",
    },
    "This machine": {
        "doctor": "Is it fit to measure, and how much noise does it add?",
        "calibrate": "Measure what operations cost here, or what services take.",
    },
    "See it work": {
        "demo": "A small agent backend whose history holds five regressions.",
    },
}


@click.group(
    cls=Verbs,
    sections=_SECTIONS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--profile",
    metavar="NAME",
    shell_complete=profile_names,
    is_eager=True,
    expose_value=False,
    callback=take_profile,
    help="Profile of the configuration; ci in a CI and else dev, if there are such.",
)
@click.version_option(package_name="agent-perf")
def cli() -> None:
    """
    Did this change make my agent slower or dearer, why, and how sure are we?

    \b
    Exit codes: 0 pass, 1 regression or target missed, 2 usage or configuration,
    3 a benchmark or its target broke, 4 undecided, 5 nothing measured, 6 cost cut-off,
    130 interrupted, 141 nobody reads the output.
    """  # noqa: D301 (click wants the character)


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line *arguments*, those of the process if None, and exit."""
    run_process(cli, arguments)
