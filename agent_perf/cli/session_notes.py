"""
Notes that verbs take for the record of their session, and the record itself.

A process runs one verb, whose work is spread over threads: so there is one notebook, and
what is noted while none is open is noted nowhere.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import click

from agent_perf.cli.exits import code_of
from agent_perf.cli.output import warn
from agent_perf.errors import AgentPerfError, StoreError
from agent_perf.history import SessionStore
from agent_perf.records import Decision, DuetRun, Run, Session, SessionRun
from agent_perf.scrubbing import harmless


@dataclass(slots=True)
class _Notebook:
    """What one session has come to so far."""

    store: SessionStore
    session: Session
    runs: dict[tuple[str, str], SessionRun] = field(default_factory=dict)
    packages: dict[str, str] = field(default_factory=dict)
    reports: list[str] = field(default_factory=list)
    decision: Decision | None = None
    duets: Sequence[DuetRun] = ()
    error: str = ""


_open: Final[list[_Notebook]] = []


def note_run(run: Run, *, was_stored: bool) -> None:
    """Note a run that was measured, or found in the store."""
    for book in _open:
        book.runs[run.commit, run.benchmark] = SessionRun(
            commit=run.commit, benchmark=run.benchmark, key=run.key, was_stored=was_stored
        )
        book.packages.update(run.environment.packages)


def note_decision(decision: Decision, duets: Sequence[DuetRun]) -> None:
    """Note what the gate decided, and by which rounds."""
    for book in _open:
        book.decision = decision
        book.duets = duets


def note_files(paths: Sequence[Path]) -> None:
    """Note files that were written for people or programs."""
    for book in _open:
        book.reports += [str(path) for path in paths]


@contextmanager
def noted(store: SessionStore, session: Session) -> Iterator[None]:
    """
    Keep a record of *session* in *store*: now that it has begun, and at its end.

    A record that cannot be written costs a warning, never the session.
    """
    book = _Notebook(store=store, session=session)
    _attempt(lambda: store.save(session))
    start_s = time.monotonic()
    _open.append(book)
    code = 0
    try:
        yield
    except BaseException as error:
        code = code_of(error)
        if isinstance(error, AgentPerfError | click.ClickException):
            book.error = harmless(str(error).partition("\n")[0])
        raise
    finally:
        _open.remove(book)
        _attempt(lambda: _close(book, code, time.monotonic() - start_s))


def _close(book: _Notebook, code: int, duration_s: float) -> None:
    from agent_perf.measure import utc_now

    decision = book.decision
    lines = decision.lines if decision else ()
    ended = replace(
        book.session,
        ended_at=utc_now().strftime("%Y-%m-%dT%H:%M:%SZ"),
        duration_s=round(duration_s, 3),
        exit_code=code,
        base=decision.base if decision else "",
        head=decision.head if decision else "",
        outcome=decision.outcome.value if decision else "",
        headline=book.error or (lines[0] if lines else ""),
        runs=tuple(book.runs.values()),
        packages=book.packages,
        reports=tuple(book.reports),
    )
    if decision is not None:
        book.store.save_evidence(ended.id, decision, book.duets)
    book.store.save(ended)


def _attempt(write: Callable[[], object]) -> None:
    try:
        write()
    except StoreError as error:
        warn(f"this session is not recorded: {error}")
