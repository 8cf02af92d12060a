"""When bytes arrive, against a slow account of every single one of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent_perf.sim.wire import Line, Link

BURSTS = st.lists(
    st.tuples(st.integers(0, 3_000), st.integers(0, 50), st.integers(0, 2_000)), max_size=12
)
"""Gap before it in ns, size in bytes, and the way there in ns."""


@given(bursts=BURSTS, ns_per_byte=st.integers(1, 40))
def test_arrivals_are_those_of_a_line_that_sends_byte_by_byte(bursts, ns_per_byte) -> None:
    """
    Each byte leaves when the one before it has, and none overtakes: the last one's arrival.
    """
    line = Line(Link(bytes_per_s=10**9 // ns_per_byte if 10**9 % ns_per_byte == 0 else None))
    bandwidth = 10**9 % ns_per_byte == 0
    now = free = last = 0
    for gap, size, half in bursts:
        now += gap
        for _ in range(size if bandwidth else 0):
            free = max(free, now) + ns_per_byte
        leave = max(free, now) if bandwidth else now
        last = max(last, leave + half, now + 1)

        line.half_ns = half
        assert last == line.arrival_ns(now, size)


@given(
    window=st.integers(1, 500),
    steps=st.lists(st.tuples(st.booleans(), st.integers(1, 300), st.integers(0, 100))),
    half=st.integers(0, 200),
)
def test_the_window_is_what_is_not_known_to_be_read(window, steps, half) -> None:
    """
    Room is the window less what was sent and not read by somebody half a trip ago.
    """
    line = Line(Link(window_bytes=window))
    line.half_ns = half
    now = sent = 0
    reads: list[tuple[int, int]] = []
    for is_send, wanted, gap in steps:
        now += gap
        known = sum(n for at, n in reads if at + half <= now)
        room = window - (sent - known)

        assert room == line.room(now)
        if is_send:
            size = min(wanted, room)
            sent += size
            line.sent(size)
        else:
            size = min(wanted, sent - sum(n for _, n in reads))
            reads.append((now, size))
            line.consumed(now, size)


def test_a_link_without_limits_knows_none() -> None:
    """Without bandwidth and window all leaves at once, and arrives a way later."""
    line = Line(Link(bytes_per_s=None, window_bytes=None))
    line.half_ns = 500

    assert 1_500 == line.arrival_ns(1_000, 10**9)
    assert line.room(1_000) is None
    assert line.next_ack_ns() is None
