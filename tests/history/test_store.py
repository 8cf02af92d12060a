import os
from dataclasses import replace

import pytest

from agent_perf.errors import StoreError
from agent_perf.history import ResultStore
from agent_perf.repository import WORKTREE
from tests.runs import ENVIRONMENT, make_run

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


def test_a_run_is_found_that_compares(tmp_path) -> None:
    """
    Of a commit's runs the one that compares is loaded: of the same benchmark, seed and
    harness, with the same libraries if there is one; a damaged file is told.
    """
    store = ResultStore(root=tmp_path, machine="m")
    head = make_run()
    old, new = ENVIRONMENT, replace(ENVIRONMENT, packages={"redis": "9.0.0"})
    for run in (
        make_run(commit=COMMIT, environment=new),
        make_run(commit=COMMIT, environment=old),
        make_run(commit=COMMIT, users=50),
        make_run(commit=COMMIT, environment=replace(old, harness="d" * 64)),
    ):
        store.save(run)
    found = store.load_like(COMMIT, head)
    other = store.load_like(COMMIT, replace(head, seed=2))
    store.save(make_run(commit=COMMIT, environment=old)).write_bytes(b"{")
    damaged = store.load_like(COMMIT, head)

    assert [make_run(commit=COMMIT, environment=old)] == list(found.runs.values())
    assert {} == other.runs
    assert [make_run(commit=COMMIT, environment=new)] == list(damaged.runs.values())
    assert 1 == len(damaged.damaged)
    assert {} == store.load_like("d" * 40, head).runs


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
