"""Where it is kept which commands were run."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent_perf.errors import StoreError
from agent_perf.history import SessionStore, named_like, new_session_id
from agent_perf.records import Session

SESSION = Session(
    id="20261121-120000-000abcd",
    verb="run",
    arguments=("run", "HEAD"),
    folder="/project",
    profile="",
    process_id=1,
    machine="here",
    python="CPython 3.11",
    version="0.1.0",
    checked_out="c" * 40,
    is_dirty=False,
    started_at="2026-11-21T12:00:00Z",
)


def _store(folder: Path, count: int) -> SessionStore:
    store = SessionStore(root=folder / "sessions")
    for number in range(count):
        store.save(replace(SESSION, id=f"20261121-12000{number}-000abcd"))
    return store


def test_what_is_saved_is_read_newest_first(tmp_path) -> None:
    """A session comes back as it was written, and the last one comes first."""
    store = _store(tmp_path, 3)
    sessions, damaged = store.all()

    assert ["2", "1", "0"] == [session.id[14] for session in sessions]
    assert replace(SESSION, id=sessions[0].id) == sessions[0]
    assert () == damaged


def test_git_does_not_see_sessions(tmp_path) -> None:
    """A record must not make the work tree look changed."""
    store = _store(tmp_path, 1)

    assert "*\n" == (store.root / ".gitignore").read_text()


def test_a_cut_record_hides_no_other(tmp_path) -> None:
    """What cannot be read is told by its file, and the rest is listed."""
    store = _store(tmp_path, 2)
    (store.root / "20261121-120000-000abcd/session.json").write_text('{"schema": "ses')
    sessions, damaged = store.all()

    assert 1 == len(sessions)
    assert "20261121-120000-000abcd" in damaged[0]


def test_the_oldest_go_and_what_runs_stays(tmp_path) -> None:
    """Beyond the number kept, the oldest are removed, but never under a running process."""
    store = _store(tmp_path, 5)
    store.prune(2, is_running=lambda session: session.id.startswith("20261121-120001"))

    assert ["1", "3", "4"] == [name[14] for name in store.names()]


def test_what_cannot_be_removed_is_named(tmp_path) -> None:
    """A file where a folder should be, and nothing kept: an error of ours, not the system's."""
    store = _store(tmp_path, 1)
    (name,) = store.names()
    real = tmp_path / "elsewhere"
    (store.root / name).rename(real)
    (store.root / name).symlink_to(real)

    with pytest.raises(StoreError, match=f"cannot remove .*{name}"):
        store.prune(0, is_running=lambda _: False)


def test_many_processes_may_write_and_prune_at_once(tmp_path) -> None:
    """Nobody loses a record to another, or fails because another removed it first."""
    store = _store(tmp_path, 9)

    def work(number: int) -> None:
        store.prune(9, is_running=lambda _: False)
        store.save(replace(SESSION, id=f"20261122-00000{number}-000abcd"))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))

    assert 8 == sum(name.startswith("20261122") for name in store.names())


def test_a_missing_session_is_told(tmp_path) -> None:
    """Its file is named."""
    with pytest.raises(StoreError, match="session.json"):
        _store(tmp_path, 0).load("nothing")


def test_ids_sort_by_age_and_differ() -> None:
    """Two sessions of one millisecond have ids of their own."""
    early = datetime(2026, 11, 21, 12, 0, 0, 5000, tzinfo=UTC)
    late = datetime(2026, 11, 21, 12, 0, 0, 6000, tzinfo=UTC)
    ids = {new_session_id(early) for _ in range(20)}

    assert len(ids) > 15
    assert max(ids) < new_session_id(late)


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("last", ("20261122-3-cc",)),
        ("last~2", ("20261121-1-aa",)),
        ("last~3", ()),
        ("20261121-1-aa", ("20261121-1-aa",)),
        ("20261122", ("20261122-3-cc",)),
        ("bb", ("20261121-2-bb",)),
        ("20261121", ("20261121-1-aa", "20261121-2-bb")),
        ("nothing", ()),
    ],
)
def test_words_for_sessions(word, found) -> None:
    """'last', an offset from it, or a part of an id that is long enough to mean one."""
    names = ["20261121-1-aa", "20261121-2-bb", "20261122-3-cc"]

    assert found == named_like(word, names)
