from __future__ import annotations

import sys
from pathlib import Path

import pytest

from agent_perf.asv_plugin.interpreter import find_python


def executable(folder: Path, name: str, script: str) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_own_python() -> None:
    """
    The version that runs us needs no search.
    """
    version = f"{sys.version_info.major}.{sys.version_info.minor}"

    assert Path(sys.executable) == find_python(version)


def test_first_that_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    An executable that is there and refuses to run, as a version manager's, is passed over.
    """
    for name in ("refusing", "other", "right"):
        (tmp_path / name).mkdir()
    executable(tmp_path / "refusing", "python9.7", "exit 127")
    executable(tmp_path / "other", "python9.7", "echo 9.6")
    right = executable(tmp_path / "right", "python9.7", "echo 9.7")
    monkeypatch.setenv("PATH", ":".join(str(tmp_path / n) for n in ("refusing", "other", "right")))

    assert right == find_python("9.7")


def test_plain_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A Python that is only called python3 is found by its answer.
    """
    found = executable(tmp_path, "python3", "echo 9.7")
    monkeypatch.setenv("PATH", str(tmp_path))

    assert found == find_python("9.7")


def test_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Without an interpreter of the version the answer is None.
    """
    monkeypatch.setenv("PATH", str(tmp_path))

    assert find_python("9.7") is None
