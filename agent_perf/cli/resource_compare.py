"""
``agent-perf resources compare`` and ``duet``: two programs by what they take.
"""

from __future__ import annotations

import glob
import random
import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Final

from agent_perf import codec
from agent_perf.cli.decision_text import show_decision
from agent_perf.cli.output import say, warn
from agent_perf.cli.resources import ProcessOptions, free_path, record_once
from agent_perf.cli.rules import reports_folder, rules_here
from agent_perf.errors import BrokenError, UsageError
from agent_perf.gate import (
    Recordings,
    exit_code,
    judge_recordings,
    recorded_duets,
    wants_confirmation,
    wants_round,
)
from agent_perf.records import ResourceRun
from agent_perf.report import Command, build_view, write_reports
from agent_perf.stats import LOOKS

_FIRST_RATIO: Final = 0.6
"""Share of the time budget after which no first round is begun: the rest is a confirmation's."""

_LONGER_RATIO: Final = 0.1
"""Beyond it, totals of the longer recording are larger for that reason alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DuetOptions(ProcessOptions):
    """How two commands are compared; the attributes are the options of the verb."""

    rounds_max: int = 30
    time_budget_s: float = 120.0
    folder: Path | None = None
    reports: Path | None = None
    form: str = "text"


def compare_recordings(base: str, head: str, *, reports: Path | None, form: str) -> int:
    """
    Judge the recordings at *head* against those at *base*; return the exit code.

    Raises:
        UsageError: If a path names no recording, or the two do not pair.
        StoreError: If a file is no recording, or the report cannot be written.
    """
    recordings = Recordings(base=_load(base), head=_load(head))
    if len(recordings.base) != len(recordings.head):
        raise UsageError(
            f"{len(recordings.base)} recordings at {base} and {len(recordings.head)} at {head}; "
            "they are judged in pairs: want as many of either"
        )
    for doubt in _doubts(recordings):
        warn(doubt)
    again = f"agent-perf resources compare {shlex.quote(base)} {shlex.quote(head)}"
    return _conclude(recordings, (base, head), again, reports, form)


def compare_commands(base: str, head: str, options: DuetOptions) -> int:
    """
    Run the commands in turns until their comparison is clear; return the exit code.

    Raises:
        UsageError: If a command cannot be read or started.
        BrokenError: If one of them fails.
        StoreError: If the report cannot be written.
    """
    policy = rules_here().policy
    stage = _Stage(
        commands={"base": _words(base), "head": _words(head)},
        options=options,
    )
    dice = random.Random(f"{base}\n{head}")
    start_s = time.monotonic()
    budget_s = options.time_budget_s
    found = Recordings(base=(), head=())
    while wants_round(found, policy, options.rounds_max) and (
        # Without an answer yet there is nothing to confirm: all of the budget is for these.
        time.monotonic() - start_s
        < budget_s * (1.0 if len(found.base) < LOOKS[0] else _FIRST_RATIO)
    ):
        say(f"round {len(found.base) + 1}")
        base_run, head_run = stage.round(dice, "rounds")
        found = replace(found, base=(*found.base, base_run), head=(*found.head, head_run))
    while wants_confirmation(found, policy, options.rounds_max) and (
        time.monotonic() - start_s < budget_s
    ):
        before = found.confirmation
        say(f"it looks worse; round {len(before[0]) + 1} of the confirmation")
        base_run, head_run = stage.round(dice, "confirmation")
        found = replace(found, confirmation=((*before[0], base_run), (*before[1], head_run)))
    again = f"agent-perf resources duet {shlex.quote(base)} {shlex.quote(head)}"
    return _conclude(found, (base, head), again, options.reports, options.form)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stage:
    """Two commands that take turns."""

    commands: Mapping[str, Sequence[str]]
    options: DuetOptions

    def round(self, dice: random.Random, part: str) -> tuple[ResourceRun, ResourceRun]:
        """Return a fresh recording of base and one of head, made in an order drawn by *dice*."""
        runs = {side: self._record(side, part) for side in dice.sample(["base", "head"], 2)}
        return runs["base"], runs["head"]

    def _record(self, side: str, part: str) -> ResourceRun:
        run = record_once(self.commands[side], self.options)
        if run.end not in {"exit 0", "stopped"}:
            raise BrokenError(
                f"the command of the {side} ended with {run.end}: {shlex.join(self.commands[side])}"
            )
        if self.options.folder is not None:
            # Rounds and their confirmation are apart: who pools them believes a chance twice.
            path = free_path(self.options.folder / part / side, self.options.name)
            codec.write_atomic(path, codec.dump_resource_run(run))
        return run


def _conclude(
    recordings: Recordings,
    names: tuple[str, str],
    again: str,
    reports: Path | None,
    form: str,
) -> int:
    """Judge, print, write the report, and return the exit code."""
    rules = rules_here()
    base, head = names
    decision = judge_recordings(recordings, rules.policy, base_label=base, head_label=head)
    view = build_view(
        decision,
        base_runs={},
        head_runs={},
        duets=recorded_duets(recordings),
        title=recordings.head[0].name,
        commands=[Command(purpose="Judge again", line=again)],
        recordings={recordings.head[0].name: (recordings.base[-1], recordings.head[-1])},
    )
    paths = write_reports(reports_folder(rules.root, rules.config, reports), view)
    show_decision(decision, paths, form)
    return exit_code(decision, undecided=rules.config.undecided)


def _load(where: str) -> tuple[ResourceRun, ...]:
    """Return the recordings in a folder, a file or those that match a pattern, oldest first."""
    place = Path(where)
    if place.is_dir():
        paths = sorted(place.glob("*.json"))
    elif place.exists():
        paths = [place]
    else:
        paths = [Path(name) for name in sorted(glob.glob(where))]  # noqa: PTH207 (absolute ones, too)
    if not paths:
        raise UsageError(
            f"no recording at {where}; make one with `agent-perf resources record`, "
            "and name its file, its folder, or a pattern in quotes"
        )
    runs = [codec.load_resource_run(codec.read_file(path), str(path)) for path in paths]
    names = sorted({run.name for run in runs})
    if len(names) > 1:
        raise UsageError(
            f"the recordings at {where} are of {', '.join(names)}; choose those of one by a "
            f"pattern, as '{where}/{names[0]}-*.json'"
        )
    return tuple(sorted(runs, key=lambda run: run.started_s))


def _doubts(recordings: Recordings) -> Iterator[str]:
    """Yield what speaks against comparing the recordings, though it can be done."""
    base, head = recordings.base, recordings.head
    if len(base) > 1 and (
        base[-1].started_s < head[0].started_s or head[-1].started_s < base[0].started_s
    ):
        yield (
            "one side was recorded after the other: what the machine did in between looks like "
            "a change; record them in turns, as `agent-perf resources duet` does"
        )
    before_s, after_s = (median(run.duration_s for run in side) for side in (base, head))
    # What ended by itself took as long as its work took.
    cut_short = any(run.end in {"stopped", "gone"} for run in (*base, *head))
    if cut_short and abs(after_s - before_s) > _LONGER_RATIO * max(before_s, after_s):
        yield (
            f"base was recorded for {before_s:.3g} s, head for {after_s:.3g} s: totals compare "
            "only over the same time (--for), or by request (--requests)"
        )
    cores = sorted({run.cores for run in (*base, *head)})
    if len(cores) > 1:
        yield f"the recordings had {' and '.join(map(str, cores))} cores: shares do not compare"


def _words(command: str) -> list[str]:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"command {command!r}: {error}; want it as a shell reads it") from None
    if not words:
        raise UsageError("an empty command; want one in quotes, as 'python server.py'")
    return words
