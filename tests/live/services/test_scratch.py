"""Folders of a run, and who removes them."""

from __future__ import annotations

import fcntl
from pathlib import Path

from agent_perf.live.services import scratch


def test_a_sweeper_never_meets_a_lock_that_is_not_held(tmp_path: Path, monkeypatch) -> None:
    """Whoever sweeps while a folder is being made leaves it to its run."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    swept: list[Path] = []
    flock = fcntl.flock

    def sweep_first(lock: int, how: int) -> None:
        if how == fcntl.LOCK_EX:
            swept.extend(scratch.sweep())
        flock(lock, how)

    monkeypatch.setattr(fcntl, "flock", sweep_first)
    with scratch.scratch_folder() as folder:
        assert [] == swept + scratch.sweep()
        assert folder.is_dir()

    assert [] == list(tmp_path.iterdir())
