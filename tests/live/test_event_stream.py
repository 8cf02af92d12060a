"""Events of a stream, counted while they arrive."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.live.event_stream import EventStream


def counted(*pieces: bytes) -> int:
    events = EventStream()
    for piece in pieces:
        events.feed(piece)
    return events.count


@pytest.mark.parametrize(
    ("content", "count"),
    [
        (b"data: one\n\n", 1),
        (b"data: one\r\n\r\n", 1),
        (b"data: one\r\rdata: two\r\r", 2),
        (b"data:one\ndata:two\n\nevent: x\ndata: y\n\n", 2),
        (b"data\n\n", 1),
        (b"\xef\xbb\xbfdata: one\n\n", 1),
        (b"", 0),
        (b"data: one", 0),
        (b"data: one\n", 0),
        (b": data: x\n\n", 0),
        (b":data: x\n\nevent: data:\n\n", 0),
        (b"database: x\n\n data: x\n\n", 0),
        (b"\n\n\n\n", 0),
        (b'{"error": "data: none"}\n\n', 0),
    ],
)
def test_what_is_an_event(content: bytes, count: int) -> None:
    """
    Lines of data up to an empty line, whatever ends lines; nothing else.
    """
    assert count == counted(content)


@given(
    content=st.lists(
        st.sampled_from([b"data: x", b"data", b": data: x", b"id: 1", b"\n", b"\r", b"\r\n", b"y"])
    ).map(b"".join),
    data=st.data(),
)
def test_where_it_is_cut_does_not_matter(content: bytes, data: st.DataObject) -> None:
    """
    In pieces of any size there are as many events as in one, and as a slow reader finds.
    """
    cut = data.draw(st.integers(0, len(content)))
    blocks = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    slow, has_data = 0, False
    for line in blocks.split(b"\n")[:-1]:
        slow += has_data and not line
        has_data = bool(line) and (has_data or line.partition(b":")[0] == b"data")

    assert slow == counted(content)
    assert slow == counted(content[:cut], content[cut:])
    assert slow == counted(*(content[index : index + 1] for index in range(len(content))))


def test_a_line_without_an_end_is_not_kept() -> None:
    """
    A line of any length costs no more memory than its first bytes.
    """
    events = EventStream()
    for _ in range(1_000):
        events.feed(b"x" * 100_000)

    assert len(events._begin) < 10
