"""
``agent-perf sessions``: what was run here.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from agent_perf.cli.output import print_json, print_rows, say, warn
from agent_perf.cli.project import short_name
from agent_perf.cli.session_record import runs_here
from agent_perf.config import did_you_mean, load_config
from agent_perf.errors import UsageError
from agent_perf.history import SessionStore, named_like
from agent_perf.records import Session
from agent_perf.repository import find_repository
from agent_perf.scrubbing import REDACTED


def list_sessions(count_max: int | None, form: str) -> int:
    """Print the sessions of the project here, newest first; return the exit code, 0."""
    sessions, damaged = session_store().all()
    for message in damaged:
        warn(message)
    chosen = sessions[:count_max]
    if form == "json":
        print_json([_as_json(session) for session in chosen])
    elif chosen:
        print_rows(
            ("session", "verb", "on", "profile", "took", "came to", "exit"),
            [_row(session) for session in chosen],
        )
    else:
        say("no session yet: run, compare, ci, load, chaos and validate each leave a record")
    return 0


def show_session(word: str, form: str) -> int:
    """Print all that is known of the session that *word* means; return the exit code, 0."""
    session = find_session(session_store(), word)
    if form == "json":
        print_json(_as_json(session))
        return 0
    stored_count = sum(run.was_stored for run in session.runs)
    rows = {
        "command": command_of(session),
        "in": session.folder,
        "profile": session.profile,
        "started": session.started_at,
        "took": _took(session),
        "came to": state_of(session),
        "exit code": "" if session.exit_code is None else str(session.exit_code),
        "base": session.base,
        "head": session.head,
        "checked out": session.checked_out + (" with changes" if session.is_dirty else ""),
        "machine": f"{session.machine}, {session.python}, agent-perf {session.version}",
        "runs": f"{len(session.runs)}, of which {stored_count} were stored already",
        "headline": session.headline,
        "report": session.reports[0] if session.reports else "",
        "packages": " ".join(f"{name} {one}" for name, one in sorted(session.packages.items())),
        "go on": f"agent-perf sessions resume {session.id}" if may_resume(session) else "",
    }
    print_rows(("session", session.id), [(name, text) for name, text in rows.items() if text])
    return 0


def resume_session(word: str) -> int:
    """
    Give the command line of a session again, and return its exit code.

    Raises:
        UsageError: If it still runs, or came to its end.
    """
    session = find_session(session_store(), word)
    if not may_resume(session):
        raise UsageError(
            f"session {session.id} {state_of(session)}: there is nothing to go on with; "
            f"`{command_of(session)}` does it again"
        )
    if any(REDACTED in argument for argument in session.arguments):
        raise UsageError(
            f"session {session.id} was given a secret, which is not kept; give its command again: "
            f"{command_of(session)}"
        )
    if not Path(session.folder).is_dir():
        raise UsageError(f"session {session.id} was run in {session.folder}, which is gone")
    say(f"going on: {command_of(session)}")
    from agent_perf.cli.app import cli

    os.chdir(session.folder)
    cli.main(list(session.arguments), prog_name="agent-perf", standalone_mode=False)
    return 0


def session_store() -> SessionStore:
    """Return the sessions of the project here."""
    root = find_repository(Path.cwd()).root
    return SessionStore(root=root / load_config(root).sessions)


def find_session(store: SessionStore, word: str) -> Session:
    """
    Return the session that *word* means.

    Raises:
        UsageError: If it means none, or several.
    """
    names = store.names()
    found = named_like(word, names)
    if len(found) == 1:
        return store.load(found[0])
    if found:
        raise UsageError(f"{word!r} may be any of {', '.join(found[-5:])}; give more of the id")
    hint = did_you_mean(word, ["last", *names[-5:]], kind="there are")
    raise UsageError(f"no session {word!r}; {hint}" if names else "there is no session yet")


def state_of(session: Session) -> str:
    """Return in words what became of *session*."""
    if session.ended_at is None:
        return "still runs" if runs_here(session) else "was cut off"
    match session.exit_code:
        case 0 | 1 | 4 if session.outcome:
            return session.outcome
        case 130:
            return "interrupted"
        case 0:
            return "done"
    return _MEANINGS.get(session.exit_code or 0, "failed")


def may_resume(session: Session) -> bool:
    """Return whether *session* was ended before its time."""
    return state_of(session) in {"was cut off", "interrupted"}


def command_of(session: Session) -> str:
    """Return the command line of *session*, as it is typed."""
    return shlex.join(("agent-perf", *session.arguments))


_MEANINGS: Mapping[int, str] = {
    1: "fail",
    2: "usage error",
    3: "broken",
    4: "undecided",
    5: "nothing measured",
    6: "cost cut-off",
    141: "output closed",
}


def _row(session: Session) -> tuple[str, ...]:
    commits = list(dict.fromkeys(run.commit for run in session.runs))
    if session.head:
        on = f"{short_name(session.base)} -> {short_name(session.head)}"
    elif len(commits) > 1:
        on = f"{len(commits)} commits"
    else:
        on = short_name(commits[0]) if commits else ""
    code = "" if session.exit_code is None else str(session.exit_code)
    return (
        session.id, session.verb, on, session.profile, _took(session), state_of(session), code
    )  # fmt: skip


def _took(session: Session) -> str:
    return "" if session.duration_s is None else f"{session.duration_s:.1f} s"


def _as_json(session: Session) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(session)
    return plain | {"state": state_of(session)}
