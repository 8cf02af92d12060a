import os

import pytest

from agent_perf.errors import StoreError
from agent_perf.history import ResultStore
from agent_perf.repository import WORKTREE
from tests.runs import make_run

COMMIT = "c" * 40


def test_what_is_saved_is_loaded(tmp_path) -> None:
    """A run comes back as it was, under its key."""
    store = ResultStore(root=tmp_path, machine="m")
    run = make_run(commit=COMMIT)
    store.save(run)

    assert {run.key: run} == store.load(COMMIT).runs
    assert (COMMIT,) == store.commits()
    assert {} == store.load("d" * 40).runs


def test_a_damaged_file_hides_no_other(tmp_path) -> None:
    """Files cut in half or from the future are told by name; whole ones are loaded."""
    store = ResultStore(root=tmp_path, machine="m")
    whole = make_run(commit=COMMIT)
    cut = store.save(make_run(commit=COMMIT, users=50))
    cut.write_bytes(cut.read_bytes()[:100])
    future = store.save(make_run(commit=COMMIT, users=200))
    future.write_bytes(future.read_bytes().replace(b'"schema_version":1', b'"schema_version":7'))
    store.save(whole)

    shelf = store.load(COMMIT)

    assert [whole] == list(shelf.runs.values())
    assert 2 == len(shelf.damaged)
    assert any("cut or changed; delete it and measure again" in text for text in shelf.damaged)
    assert any("schema version 7" in text and "upgrade" in text for text in shelf.damaged)


def test_a_full_disk_is_told_and_leaves_no_part(tmp_path, monkeypatch) -> None:
    """If the disk is full, the old file stays, nothing half-written does, and the error says so."""
    store = ResultStore(root=tmp_path, machine="m")
    path = store.save(make_run(commit=COMMIT))
    before = path.read_bytes()

    def full(fd: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr("agent_perf.codec.os.fsync", full)
    with pytest.raises(StoreError, match="disk is full: free some space and run again"):
        store.save(make_run(commit=COMMIT, seed=2))

    assert before == path.read_bytes()
    assert [path] == list(path.parent.iterdir())


def test_uncommitted_files_are_never_taken_from_the_store(tmp_path) -> None:
    """The work tree changes under the same name, so nothing stored speaks for it."""
    store = ResultStore(root=tmp_path, machine="m")
    store.save(make_run(commit=WORKTREE))

    assert {} == store.load(WORKTREE).runs
