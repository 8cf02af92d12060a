from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from agent_perf.sim import SimDatabase
from agent_perf.sim.services.db_scratch import ScratchDirectory
from tests.sim.services.ledger import Ledger, round_draws


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the place where temporary files go, empty."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_directory_is_removed(temporary: Path) -> None:
    """
    remove() leaves nothing behind.
    """
    directory = ScratchDirectory()
    (directory.path / "file").write_text("x")
    directory.remove()

    assert [] == list(temporary.iterdir())


def test_a_killed_process_is_cleaned_up_after(temporary: Path) -> None:
    """
    The directory of a process that was killed goes when the next one is made.
    """
    code = (
        "from agent_perf.sim.services.db_scratch import ScratchDirectory\n"
        "print(ScratchDirectory().path, flush=True)\n"
        "input()"
    )
    environment = {**os.environ, "TMPDIR": str(temporary)}
    with subprocess.Popen(
        [sys.executable, "-c", code],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        left = Path(process.stdout.readline().strip())
        ScratchDirectory().remove()
        assert left.exists()
        process.send_signal(signal.SIGKILL)
    assert left.exists()
    ScratchDirectory().remove()

    assert [] == list(temporary.iterdir())


def test_a_fork_leaves_its_parents_directory(temporary: Path) -> None:
    """
    A forked process that ends does not delete what its parent still uses.
    """
    code = (
        "import os\n"
        "from agent_perf.sim.services.db_scratch import ScratchDirectory\n"
        "directory = ScratchDirectory()\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    directory.remove()\n"
        "    os._exit(0)\n"
        "os.waitpid(child, 0)\n"
        "print(directory.path.exists())\n"
        "directory.remove()\n"
        "print(directory.path.exists())\n"
    )
    environment = {**os.environ, "TMPDIR": str(temporary)}
    told = subprocess.check_output([sys.executable, "-c", code], env=environment, text=True)

    assert ["True", "False"] == told.split()


def test_a_database_is_deleted_when_unused(temporary: Path) -> None:
    """
    A database's file goes with close(), with the object, and twice does no harm.
    """
    database = SimDatabase(round_draws(), Ledger())
    assert 1 == len(list(temporary.iterdir()))
    database.close()
    database.close()
    assert [] == list(temporary.iterdir())

    database = SimDatabase(round_draws(), Ledger())
    del database
    gc.collect()
    assert [] == list(temporary.iterdir())
