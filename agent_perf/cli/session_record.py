"""
Which verbs keep a record of their session, and what is known when one begins.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar

import click

P = ParamSpec("P")
T = TypeVar("T")

ARGUMENTS: Final = "agent_perf.arguments"
"""Under which the context keeps the whole command line."""


def recorded(verb: Callable[P, T]) -> Callable[P, T]:
    """Return *verb*, such that each call leaves a record in the project's sessions."""

    @functools.wraps(verb)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        ctx = click.get_current_context()
        begun = _begin(ctx.info_name or "", tuple(ctx.meta.get(ARGUMENTS, ())))
        if begun is None:
            return verb(*args, **kwargs)
        from agent_perf.cli.session_notes import noted

        with noted(*begun):
            return verb(*args, **kwargs)

    return wrapper


def _begin(verb: str, arguments: tuple[str, ...]) -> Any:
    """Return the store and the session that begins; None where there is no project."""
    from agent_perf.cli.output import warn
    from agent_perf.config import read_settings
    from agent_perf.errors import StoreError, UsageError
    from agent_perf.history import SessionStore, machine_name, new_session_id
    from agent_perf.measure import installed_version, python_version, utc_now
    from agent_perf.records import Session
    from agent_perf.repository import find_repository
    from agent_perf.scrubbing import harmless

    try:
        repository = find_repository(Path.cwd())
        settings = read_settings(repository.root)
    except UsageError:
        # No project, or one whose configuration is not valid: the verb itself will say so.
        return None
    now = utc_now()
    store = SessionStore(root=repository.root / settings.config.sessions)
    try:
        store.prune(settings.config.sessions_kept - 1, is_running=runs_here)
    except StoreError as error:
        # As with a record that cannot be written: a warning, never the session.
        warn(f"old sessions stay: {error}")
    session = Session(
        id=new_session_id(now),
        verb=verb,
        # Addresses may hold a password.
        arguments=tuple(map(harmless, arguments)),
        folder=str(Path.cwd()),
        profile=settings.profile,
        process_id=os.getpid(),
        machine=machine_name(),
        python=python_version(),
        version=installed_version("agent-perf") or "",
        checked_out=repository.find("HEAD") or "",
        is_dirty=repository.is_dirty(),
        started_at=now.strftime("%Y-%m-%dT%H:%M:%SZ"),
    )
    return store, session


def runs_here(session: Any) -> bool:
    """Return whether *session* has not ended, and its process is there, on this machine."""
    from agent_perf.history import machine_name
    from agent_perf.measure import still_runs

    if session.ended_at is not None or session.machine != machine_name():
        return False
    return still_runs(session.process_id, datetime.fromisoformat(session.started_at))
