"""
``agent-perf init``: a first scenario in a stranger's repository.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from agent_perf.cli.output import plain, print_json, say
from agent_perf.config import load_config
from agent_perf.errors import AgentPerfError, BrokenError, RepositoryError, UsageError
from agent_perf.repository import Repository, find_repository
from agent_perf.scaffold import (
    Change,
    Entry,
    Plan,
    Survey,
    choices,
    make_plan,
    named_entry,
    require_choice,
    survey,
    write_changes,
)
from agent_perf.scrubbing import harmless

_MARKS: Final = {"create": "created", "append": "extended", "keep": "kept"}
_MARKS_AHEAD: Final = {"create": "create", "append": "extend", "keep": "keep"}


@dataclass(frozen=True, slots=True, kw_only=True)
class InitOptions:
    """
    What to set up; the attributes are the options of the verb.
    """

    folder: Path
    dry_run: bool = False
    target: str | None = None
    ci: str = "auto"
    asv: bool = False
    runs: bool = True
    form: str = "text"


def init_project(options: InitOptions) -> int:
    """
    Write what the project lacks, run the new scenario, and return the exit code.

    Raises:
        RepositoryError: If the folder lies in no git repository.
        UsageError: If there is no Python project, or no way into it is found or chosen.
        ConfigError: If its pyproject.toml is no TOML, or what configures us there is not valid.
        StoreError: If a file cannot be written.
    """
    start = options.folder.resolve()
    if not start.is_dir():
        raise UsageError(f"no folder {options.folder}; name the one that holds your project")
    repository = _repository(start)
    found = survey(
        repository.root,
        start,
        repository.files(),
        branch=(repository.default_branch() or "main").rpartition("/")[2],
        remote=repository.remote(),
    )
    entry = _chosen(found, options)
    # What is there decides where files go: it has to hold before the first is written.
    load_config(repository.root)
    ignore = repository.root / ".gitignore"
    plan = make_plan(
        found,
        entry,
        ci=options.ci,
        asv=options.asv,
        ignored=ignore.read_text(encoding="utf-8", errors="replace") if ignore.is_file() else "",
    )
    if options.form == "json":
        return _as_json(repository, plan, options, entry)
    _tell_found(found, entry)
    if options.dry_run:
        _tell_ahead(plan.changes)
        return 0
    write_changes(repository.root, plan.changes)
    for change in plan.changes:
        _tell_change(change, _MARKS)
    for hint in plan.by_hand:
        say(f"to do: {hint if hint.startswith('add ') else f'fill in {hint}'}")
    return _finish(repository, plan, options)


def _repository(start: Path) -> Repository:
    try:
        return find_repository(start)
    except RepositoryError as error:
        raise RepositoryError(
            f"{error}; agent-perf compares commits: `git init`, and commit what you have"
        ) from error


def _chosen(found: Survey, options: InitOptions) -> Entry:
    if options.target is not None:
        return named_entry(found, options.target)
    possible = choices(found)
    if len(possible) < 2 or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return require_choice(found)
    for number, one in enumerate(possible, 1):
        say(f"  {number}  {one.target}  {one.framework}")
    number = click.prompt(
        "Which one is measured first?", type=click.IntRange(1, len(possible)), default=1, err=True
    )
    return possible[number - 1]


def _tell_found(found: Survey, entry: Entry) -> None:
    kind = f"{entry.framework} {entry.kind}".strip()
    around = f", which uses {', '.join(found.libraries)}" if found.libraries else ""
    say(f"found the {kind} {entry.target}{around}")
    for one in found.sources.unreadable:
        say(f"not read: {plain(one)}")
    if found.sources.nameless:
        others = (
            f" and {len(found.sources.nameless) - 1} more" if found.sources.nameless[1:] else ""
        )
        say(f"not read, for no `import` can name it: {plain(found.sources.nameless[0])}{others}")


def _tell_change(change: Change, marks: dict[str, str]) -> None:
    note = f"  ({change.note})" if change.note else ""
    click.echo(plain(f"{marks[change.kind]:<9} {change.path}{note}"))


def _tell_ahead(changes: Sequence[Change]) -> None:
    for change in changes:
        _tell_change(change, _MARKS_AHEAD)
        for line in change.text.splitlines():
            click.echo(f"    + {line}".rstrip())
    say("nothing was written; without --dry-run it is")


def _finish(repository: Repository, plan: Plan, options: InitOptions) -> int:
    """Run the scenario, and tell what comes next."""
    assert plan.scenario is not None
    name = plan.scenario.name
    created = {one.path.stem for one in plan.changes if one.kind == "create"}
    if plan.scenario.unknown and plan.scenario.stem in created:
        say(f"next: fill in what is left, then `agent-perf run worktree --only '{name}@1'`")
        return 0
    if options.runs:
        code = _run(repository.root, name)
        if code:
            say(
                f"{name} does not run yet: change what is named above, then "
                f"`agent-perf run worktree --only '{name}@1'`"
            )
            return code
    say("next: git add -A && git commit -m 'Measure with agent-perf'")
    say("after a change: agent-perf compare HEAD worktree    is it slower or dearer, and why?")
    return 0


def _run(root: Path, name: str) -> int:
    """Run the scenario *name* with one user, print what it came to, and return the exit code."""
    from agent_perf.cli.run import run_refs

    before = Path.cwd()
    os.chdir(root)
    try:
        return run_refs(("worktree",), only=(f"{name}@1",), fresh=True, jobs=1, form="text")
    except AgentPerfError as error:
        say(harmless(f"BROKEN {name}: {error}"))
        return BrokenError.exit_code
    finally:
        os.chdir(before)


def _as_json(repository: Repository, plan: Plan, options: InitOptions, entry: Entry) -> int:
    if not options.dry_run:
        write_changes(repository.root, plan.changes)
    print_json(
        {
            "entry": {"kind": entry.kind, "framework": entry.framework, "target": entry.target},
            "scenario": plan.scenario.name if plan.scenario else None,
            "written": not options.dry_run,
            "changes": [
                {"path": str(one.path), "kind": one.kind, "note": one.note, "text": one.text}
                for one in plan.changes
            ],
            "by_hand": list(plan.by_hand),
        }
    )
    return 0
