"""
Reports of sessions, from what they left in the store.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from agent_perf.cli.accept import accept_commands
from agent_perf.cli.decision_text import show_decision
from agent_perf.cli.next_commands import next_commands
from agent_perf.cli.output import warn
from agent_perf.cli.project import Project, open_project, policy_today
from agent_perf.cli.report import write_history
from agent_perf.cli.rules import reports_folder
from agent_perf.cli.sessions import command_of, find_session, session_store
from agent_perf.cli.stored_runs import look_back
from agent_perf.errors import NothingMeasuredError, UsageError
from agent_perf.gate import exit_code, failing, held_runs, judge
from agent_perf.records import Decision, DuetRun, Run, Session
from agent_perf.report import build_view, write_reports
from agent_perf.repository import WORKTREE

_BASELINE = "baseline:"


def report_session(word: str, *, reports: Path | None, form: str) -> int:
    """
    Write the report of a session again, with the verdicts that it came to; return 0.

    Raises:
        UsageError: If it has none: it judged nothing, and measured one commit.
        NothingMeasuredError: If none of its runs is stored any more.
    """
    project = open_project(Path.cwd())
    store = session_store()
    session = find_session(store, word)
    evidence = store.evidence(session.id)
    runs = _stored_runs(project, session)
    if evidence is None:
        return _report_history(project, session, runs, reports, form)
    decision, duets = evidence
    base = _runs_of(project, decision.base, runs)
    _write(project, decision, base, runs.get(decision.head, {}), duets, reports, form)
    return 0


def compare_sessions(base: str, head: str, *, reports: Path | None, form: str) -> int:
    """
    Judge the stored runs of session *head* against those of *base*; return the gate's code.

    Raises:
        UsageError: If either measured several commits without a head, or files as they are.
        NothingMeasuredError: If the runs of either are not stored any more.
    """
    project = open_project(Path.cwd())
    store = session_store()
    sides = [_side(project, find_session(store, word)) for word in (base, head)]
    (base_label, base_runs), (head_label, head_runs) = sides
    decision = judge(
        tuple(base_runs.values()),
        tuple(head_runs.values()),
        (),
        (),
        policy_today(project, complete=False),
        base_label=base_label,
        head_label=head_label,
    )
    _write(project, decision, base_runs, head_runs, (), reports, form)
    return exit_code(decision, undecided=project.config.undecided)


def _side(project: Project, session: Session) -> tuple[str, Mapping[str, Run]]:
    commits = list(dict.fromkeys(run.commit for run in session.runs))
    label = session.head or (commits[0] if len(commits) == 1 else "")
    if not label:
        raise UsageError(
            f"session {session.id} ({command_of(session)}) measured {len(commits)} commits; want "
            "one of a single commit, or a comparison, whose head is taken"
        )
    if label == WORKTREE:
        raise UsageError(
            f"session {session.id} measured the files as they were then, which are not stored"
        )
    runs = _stored_runs(project, session).get(label, {})
    if not runs:
        raise NothingMeasuredError(
            f"no run of session {session.id} is stored any more; `{command_of(session)}` measures "
            "them again"
        )
    return label, runs


def _stored_runs(project: Project, session: Session) -> dict[str, dict[str, Run]]:
    """Return commit to benchmark to run, of what *session* measured and is still stored."""
    found: dict[str, dict[str, Run]] = {}
    missing = 0
    shelves = {
        commit: project.store.load(commit)
        for commit in dict.fromkeys(run.commit for run in session.runs)
    }
    for damaged in (message for shelf in shelves.values() for message in shelf.damaged):
        warn(damaged)
    for entry in session.runs:
        run = shelves[entry.commit].runs.get(entry.key)
        if run is None:
            missing += 1
        else:
            found.setdefault(entry.commit, {})[entry.benchmark] = run
    if missing:
        warn(f"{missing} of {len(session.runs)} runs of session {session.id} are not stored")
    return found


def _runs_of(
    project: Project, label: str, runs: Mapping[str, Mapping[str, Run]]
) -> Mapping[str, Run]:
    if label.startswith(_BASELINE):
        kept = project.baselines.load(label.removeprefix(_BASELINE))
        return {run.benchmark: run for run in kept.runs}
    return runs.get(label, {})


def _report_history(
    project: Project,
    session: Session,
    runs: Mapping[str, Mapping[str, Run]],
    reports: Path | None,
    form: str,
) -> int:
    if not session.runs and session.reports:
        raise UsageError(
            f"session {session.id} judged nothing; what it wrote is {', '.join(session.reports)}"
        )
    commits = [commit for commit in runs if commit != WORKTREE]
    if len(commits) < 2:
        raise UsageError(
            f"session {session.id} ({command_of(session)}) compared nothing: "
            "`agent-perf sessions compare` judges it against another one"
        )
    line = sorted(project.repository.known(commits), key=lambda commit: commit.time_s)
    write_history(project, line, runs, reports=reports, form=form)
    return 0


def _write(
    project: Project,
    decision: Decision,
    base: Mapping[str, Run],
    head: Mapping[str, Run],
    duets: tuple[DuetRun, ...],
    reports: Path | None,
    form: str,
) -> None:
    """Write the report on *decision*, and print it."""
    stored = look_back(project, decision, head, base_is="")
    view = build_view(
        decision,
        base_runs=held_runs(base, project.policy),
        head_runs=held_runs(head, project.policy),
        duets=duets,
        title=project.root.name,
        commands=[
            *next_commands(decision, stored),
            *accept_commands(failing(decision, project.policy)),
        ],
        subjects={
            label: project.repository.commit(label).subject
            for label in (decision.base, decision.head)
            if label != WORKTREE and not label.startswith(_BASELINE)
        },
        stored=stored,
    )
    paths = write_reports(reports_folder(project.root, project.config, reports), view)
    show_decision(decision, paths, form)
