from __future__ import annotations

from pathlib import Path

import pytest

import agent_perf
from agent_perf.asv_plugin.snapshot import take_snapshot
from agent_perf.errors import StoreError

PACKAGE = Path(agent_perf.__file__).parent


@pytest.fixture(autouse=True)
def _forget_snapshots() -> None:
    take_snapshot.cache_clear()


def test_copy_is_the_package(tmp_path: Path) -> None:
    """
    Sources and data files are copied byte by byte; compiled files are not.
    """
    copy = take_snapshot(tmp_path)

    assert "agent_perf" == copy.name
    for name in ("units.py", "sim/tables.json", "report/templates/style.css"):
        assert (PACKAGE / name).read_bytes() == (copy / name).read_bytes()
    assert not list(copy.rglob("__pycache__"))


def test_taken_once(tmp_path: Path) -> None:
    """
    A copy that is there is used again, and left as it is.
    """
    copy = take_snapshot(tmp_path)
    (copy / "units.py").write_text("changed")
    take_snapshot.cache_clear()

    assert copy == take_snapshot(tmp_path)
    assert "changed" == (copy / "units.py").read_text()
    assert [copy.parent] == list(tmp_path.iterdir())


def test_what_is_under_test_is_left_out(tmp_path: Path) -> None:
    """
    Folders that come from the commit are not part of the snapshot, nor of its digest.
    """
    whole = take_snapshot(tmp_path)
    part = take_snapshot(tmp_path, ("agent_perf/components",))

    assert (whole / "components" / "cache" / "memory.py").is_file()
    assert not (part / "components").exists()
    assert whole.parent != part.parent


def test_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """
    A snapshot that cannot be written is an error with the folder and the reason.
    """
    (tmp_path / "file").write_text("")

    with pytest.raises(StoreError, match="cannot copy the harness"):
        take_snapshot(tmp_path / "file")
