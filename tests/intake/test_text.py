"""Files before anyone knows whose they are: cut, foreign, hostile."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent_perf.errors import StoreError
from agent_perf.intake import read_timings, text
from tests.intake.reading import FILES, real

K6 = FILES / "k6-1.1.0/summary-export.json"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty: its tool wrote nothing; want a file of"),
        (b'{"benchmarks": [', "no whole JSON file (Expecting value: line 1, column 17; 16 bytes)"),
        (b"[1]", "is of no format that is known; want a file of"),
        (b"{}", "no format that is known, its keys are none"),
        (b'{"result": []}', "its keys are result; want a file of"),
        (b"\xff\xfe{}", "UTF-16 or UTF-32"),
        (b'{"a": "\xe4"}', "no UTF-8 text (byte 7 is 0xe4; 10 bytes)"),
        (b'{"metrics": {}, "metrics": {}}', "the key 'metrics' is there twice"),
        (b'{"a": ' * 100_000, "nested without end"),
        (b'{"a": ' + b"9" * 5_000 + b"}", "no whole JSON file"),
        (b'{"\\u001b[2J": 1}', r"its keys are '\x1b[2J'"),
    ],
)
def test_what_is_no_such_file(tmp_path: Path, content: bytes, said: str) -> None:
    """
    Each is an error that names the file and what is wrong with it.
    """
    path = tmp_path / "a.json"
    path.write_bytes(content)

    with pytest.raises(StoreError) as caught:
        read_timings(path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_byte_order_mark_is_no_obstacle(tmp_path: Path) -> None:
    """
    Windows puts one before UTF-8.
    """
    path = tmp_path / "a.json"
    path.write_bytes(b"\xef\xbb\xbf" + K6.read_bytes())

    (marked,) = read_timings(path)
    assert real("k6-1.1.0/summary-export.json")[0].timings == marked.timings


def test_a_log_of_gigabytes_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Beyond the bound a file is refused by its size, before it is in memory.
    """
    monkeypatch.setattr(text, "FILE_BYTES_MAX", 1_000)

    with pytest.raises(StoreError, match=r"bytes, and a result 1,000 at most"):
        read_timings(K6)
    with pytest.raises(StoreError, match="cannot read"):
        read_timings(tmp_path / "none.json")
