"""Names from outside as names of files."""

from __future__ import annotations

from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.filenames import file_name


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("chat", "chat"),
        ("desk.ask+desk.cache", "desk.ask+desk.cache"),
        ("chat@50", "chat@50"),
        ("frage-ä", "frage-ä"),
        ("../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd"),
        ("POST /chat", "POST%20%2Fchat"),
        ("..", "%2E."),
        (".hidden", "%2Ehidden"),
        ("C:\\x\x00", "C%3A%5Cx%00"),
        ("", "%"),
        ("漢" * 99, "漢" * 66),
    ],
)
def test_names_stay_readable(name: str, file: str) -> None:
    """
    Usual names are their files' names; what means something in a path is escaped.
    """
    assert file == file_name(name)


@given(name=st.text(st.characters(exclude_categories=())))
def test_no_name_leaves_its_folder(name: str) -> None:
    """
    Whatever a name is, its file lies in the folder, is seen there, and fits the disk.
    """
    file = file_name(name)

    assert ("folder", file) == PurePosixPath("folder", file).parts
    assert ("folder", file) == PureWindowsPath("folder", file).parts
    assert not file.startswith(".")
    assert 1 <= len(file.encode()) <= 200
