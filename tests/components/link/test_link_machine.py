"""Any story of calls and mishaps: a model of what each caller may get."""

from __future__ import annotations

import asyncio
from collections import Counter

import redis.exceptions as redis_errors
from hypothesis import given
from hypothesis import strategies as st

from tests.components.link.peers import echo, linked

MS = 0.001
ALLOWED = (redis_errors.ConnectionError, redis_errors.TimeoutError)
TIMEOUT_S = 0.05

CALL = st.tuples(st.sampled_from(["one", "read", "batch"]))
STEP = st.one_of(
    CALL,
    CALL,
    st.tuples(st.just("cancel"), st.integers(0, 30)),
    st.tuples(st.just("wait"), st.sampled_from([0, 1, 3, 20, 70])),
    st.tuples(st.just("think"), st.sampled_from([0, 1, 4, 30])),
    st.tuples(st.just("pieces"), st.sampled_from([None, 1, 4])),
    st.tuples(st.just("cut_after"), st.integers(0, 60)),
    st.tuples(
        st.sampled_from(["silent", "talk", "cut", "garbage", "extra", "push", "stall", "read_on"])
    ),
)


class Story:
    """Plays steps on a link and its peer, and knows what was asked."""

    def __init__(self, link, peer) -> None:
        self.link = link
        self.peer = peer
        self.tasks: list[tuple[asyncio.Task, object]] = []
        self.sent_once: list[bytes] = []

    def play(self, name: str, *args) -> None:
        """Take one step."""
        getattr(self, f"_{name}")(*args)

    def _ask(self, awaitable, expected) -> None:
        async def wait():
            return await awaitable

        self.tasks.append((asyncio.create_task(wait()), expected))

    def _one(self) -> None:
        own = b"one %d" % len(self.tasks)
        self.sent_once.append(own)
        self._ask(self.link.execute("ECHO", own), own)

    def _read(self) -> None:
        own = b"read %d" % len(self.tasks)
        self._ask(self.link.execute("GET", own), own)

    def _batch(self) -> None:
        own = [b"batch %d %d" % (len(self.tasks), n) for n in range(3)]
        self.sent_once += own
        self._ask(self.link.execute_many([("ECHO", one) for one in own]), own)

    def _cancel(self, index) -> None:
        if index < len(self.tasks):
            self.tasks[index][0].cancel()

    def _think(self, ms) -> None:
        self.peer.think_s = lambda _: ms * MS

    def _pieces(self, size) -> None:
        self.peer.piece_bytes = size

    def _cut_after(self, count) -> None:
        self.peer.cut_after_bytes = count

    def _silent(self) -> None:
        self.peer.is_silent = True

    def _talk(self) -> None:
        self.peer.is_silent = False

    def _cut(self) -> None:
        self.peer.cut()

    def _garbage(self) -> None:
        self.peer.say(b"garbage\r\n")

    def _extra(self) -> None:
        # Too much, at a time when nobody waits; else it would be a reply, and a lie.
        if not self.link.stats().pending:
            self.peer.say(b"+extra\r\n")

    def _push(self) -> None:
        self.peer.say(b">2\r\n+message\r\n+x\r\n")

    def _stall(self) -> None:
        for transport in self.peer.open:
            transport.pause_reading()

    def _read_on(self) -> None:
        for transport in self.peer.open:
            transport.resume_reading()


@given(
    steps=st.lists(STEP, max_size=30),
    connections=st.sampled_from([1, 2]),
    retry_reads=st.booleans(),
)
def test_whatever_happens_callers_get_their_own_or_an_error(
    steps, connections, retry_reads
) -> None:
    """
    After any story: each caller has their own reply, or redis-py's error within the time-out;
    nothing is sent twice that may change something; nothing is left over; the link serves on.
    """

    async def story(link, peer, loop):
        told = Story(link, peer)
        for name, *args in steps:
            if name == "wait":
                await asyncio.sleep(args[0] * MS)
            else:
                told.play(name, *args)
        begin_s = loop.time()
        if told.tasks:
            await asyncio.wait([task for task, _ in told.tasks])
        assert loop.time() - begin_s <= TIMEOUT_S + 1e-9
        for task, expected in told.tasks:
            if not task.cancelled():
                error = task.exception()
                assert isinstance(error, ALLOWED) if error else task.result() == expected
        asked = Counter(command[1] for command in peer.commands if command[0] == b"ECHO")
        assert all(asked[one] <= 1 for one in told.sent_once)
        # All is well again: old replies come in their time, and then there is nothing left.
        for calm in ("talk", "read_on"):
            told.play(calm)
        peer.answer, peer.piece_bytes, peer.cut_after_bytes = echo, None, None
        peer.think_s = lambda _: 0.0
        await asyncio.sleep(3.0)
        replies = await asyncio.gather(*(link.execute("ECHO", n) for n in range(5)))
        assert replies == [b"%d" % n for n in range(5)]
        return link.stats().pending

    options = {"timeout_s": TIMEOUT_S, "connections": connections, "retry_reads": retry_reads}
    assert 0 == linked(story, pause_s=0.01, pause_s_max=0.02, **options)
