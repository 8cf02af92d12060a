"""A shared connection whose peer misbehaves: nobody gets another's reply, nobody waits for ever."""

from __future__ import annotations

import asyncio

import pytest
import redis.exceptions as redis_errors
from hypothesis import given
from hypothesis import strategies as st

from tests.components.link.peers import HELLO, bulk, echo, linked, outcome

MS = 0.001
LOST = redis_errors.ConnectionError
LATE = redis_errors.TimeoutError


@given(
    callers=st.lists(
        st.tuples(st.integers(0, 8), st.one_of(st.none(), st.integers(0, 12)), st.integers(1, 3)),
        min_size=1,
        max_size=20,
    ),
    thinking=st.lists(st.integers(0, 3), min_size=1, max_size=5),
    piece_bytes=st.sampled_from([None, 1, 7]),
)
def test_callers_cancelled_at_any_instant_mislead_nobody(callers, thinking, piece_bytes) -> None:
    """
    Whoever begins and is cancelled when: the others get their own replies, on one connection.
    """

    async def story(link, peer, loop):
        peer.piece_bytes = piece_bytes
        peer.think_s = lambda c: thinking[int(c[1]) % len(thinking)] * MS if len(c) == 2 else 0.0

        async def call(index, begin, count):
            await asyncio.sleep(begin * MS)
            if count == 1:
                return await link.execute("ECHO", index)
            return await link.execute_many([("ECHO", index)] * count)

        tasks = []
        for index, (begin, end, count) in enumerate(callers):
            task = asyncio.create_task(call(index, begin, count))
            if end is not None:
                loop.call_later(end * MS, task.cancel)
            tasks.append(task)
        await asyncio.wait(tasks)
        for index, (task, (_, end, count)) in enumerate(zip(tasks, callers, strict=True)):
            own = b"%d" % index
            assert end is not None or not task.cancelled()
            if not task.cancelled():
                assert task.result() == (own if count == 1 else [own] * count)
        assert await link.execute("ECHO", 99) == b"99"
        return peer.accepted, link.stats().pending

    assert (1, 0) == linked(story)


REPLIES = [bulk(b"value %d" % index) for index in range(6)]


@given(cut=st.integers(0, len(HELLO) + sum(map(len, REPLIES))), piece=st.sampled_from([None, 1, 5]))
def test_a_connection_cut_at_any_byte_gives_no_half_reply(cut, piece) -> None:
    """
    Replies that came whole are given, the other callers get an error, and the next connects.
    """

    async def story(link, peer, loop):
        peer.cut_after_bytes, peer.piece_bytes = cut, piece
        asked = [link.execute("ECHO", b"value %d" % index) for index in range(6)]
        results = await asyncio.gather(*map(outcome, asked))
        left = cut - len(HELLO)
        for index, result in enumerate(results):
            left -= len(REPLIES[index])
            if left >= 0:
                assert result == b"value %d" % index
            else:
                assert isinstance(result, LOST)
        peer.cut_after_bytes = None
        await asyncio.sleep(0.1)
        assert await link.execute("ECHO", "next") == b"next"
        return link.stats().pending

    assert 0 == linked(story)


@pytest.mark.parametrize("garbage", [b"garbage\r\n", b"$abc\r\n", b"*-7\r\n", b"\x00", b"$9" * 99])
def test_garbage_ends_the_connection(garbage) -> None:
    """
    Replies before it count; who waits gets an error that says so; the next call connects anew.
    """

    async def story(link, peer, loop):
        await link.execute("PING")
        peer.answer = lambda command: garbage if command[1:] == [b"1"] else echo(command)
        results = await asyncio.gather(*(outcome(link.execute("ECHO", n)) for n in range(3)))
        peer.answer = echo
        return results, await link.execute("ECHO", "next"), peer.accepted

    (first, *others), after, accepted = linked(story)

    assert (b"0", b"next", 2) == (first, after, accepted)
    assert all(isinstance(error, LOST) and "not RESP" in str(error) for error in others)


def test_a_reply_that_nobody_asked_for_ends_the_connection() -> None:
    """
    One reply too many, and no later one could be trusted.
    """

    async def story(link, peer, loop):
        await link.execute("PING")
        peer.say(b"+extra\r\n")
        await asyncio.sleep(0.1)
        return await link.execute("ECHO", "own"), peer.accepted

    assert (b"own", 2) == linked(story)


def test_a_silent_redis_costs_exactly_the_time_out_and_its_connection() -> None:
    """
    The oldest caller times out at timeout_s; the younger are told at once; the next connects.
    """

    async def story(link, peer, loop):
        await link.execute("PING")
        peer.is_silent = True
        start_s = loop.time()

        async def call(begin_s):
            await asyncio.sleep(begin_s)
            return await outcome(link.execute("ECHO", "x")), round(loop.time() - start_s, 9)

        results = await asyncio.gather(call(0.0), call(0.0), call(0.1))
        peer.is_silent = False
        return results, await link.execute("ECHO", "y"), peer.accepted, link.stats()

    results, after, accepted, stats = linked(story, timeout_s=0.25)

    assert [(LATE, 0.25), (LATE, 0.25)] == [(type(error), at) for error, at in results[:2]]
    assert isinstance(results[2][0], LOST)
    assert (0.25, b"y", 2) == (results[2][1], after, accepted)
    assert (2, 1, 1) == (stats.timeouts, stats.lost, stats.reconnects)


def test_each_caller_has_a_deadline_of_their_own() -> None:
    """
    While the server is heard, callers time out one by one, to the instant, and nothing closes.
    """

    async def story(link, peer, loop):
        await link.execute("PING")
        peer.think_s = lambda command: 0.9 if command[0] == b"ECHO" else 0.0
        start_s = loop.time()

        async def call(begin_s, name):
            await asyncio.sleep(begin_s)
            reply = await outcome(link.execute("ECHO", name))
            return reply if isinstance(reply, bytes) else type(reply), round(
                loop.time() - start_s, 9
            )

        # Done by the server at 0.9, 1.8 and 2.7; pushes tell that it lives.
        for at_s in (0.5, 1.1, 1.5, 2.1):
            loop.call_later(at_s, peer.say, b">1\r\n+alive\r\n")
        results = await asyncio.gather(call(0.0, "a"), call(0.1, "b"), call(1.75, "c"))
        return results, link.stats().late_replies, peer.accepted

    results, late, accepted = linked(story, timeout_s=1.0)

    # "b" times out at 1.1; its reply, at 1.8, is nobody's; "c" gets its own.
    assert [(b"a", 0.901), (LATE, 1.1), (b"c", 2.701)] == results
    assert (1, 1) == (late, accepted)


def test_a_server_that_talks_but_never_replies_is_given_up() -> None:
    """
    A reply that is three time-outs late will not come: a new connection is made.
    """

    async def story(link, peer, loop):
        await link.execute("PING")
        peer.is_silent = True
        for tick in range(100):
            loop.call_later(tick * 0.1, peer.say, b">1\r\n+tick\r\n")
        errors = [type(await outcome(link.execute("ECHO", n))) for n in range(3)]
        peer.is_silent = False
        return errors, await link.execute("ECHO", "z"), peer.accepted

    assert ([LATE] * 3, b"z", 2) == linked(story, timeout_s=1.0)


def test_nobody_there_is_asked_again_after_a_pause_that_doubles() -> None:
    """
    One failed attempt answers all who wait; calls in the pause are refused without one.
    """

    async def story(link, peer, loop):
        async def attempt():
            error = await outcome(link.execute("PING"))
            assert isinstance(error, LOST)
            return link.stats().connect_failures

        peers = loop.network._listeners.pop(("redis.sim", 6379))
        counts = [await attempt(), await attempt()]
        await asyncio.gather(*(attempt() for _ in range(5)))
        for wait_s in (0.11, 0.11, 0.11):
            await asyncio.sleep(wait_s)
            counts.append(await attempt())
        await asyncio.sleep(0.5)
        loop.network._listeners["redis.sim", 6379] = peers
        return counts, await link.execute("PING"), link.stats().refused

    counts, pong, refused = linked(story, pause_s=0.1)

    # The pauses: 0.1, then 0.2, which the fourth attempt falls into.
    assert [1, 1, 2, 2, 3] == counts
    assert (b"PONG", 7) == (pong, refused)


def test_a_thousand_callers_connect_once() -> None:
    """
    However many wait for the connection, it is made once, and they share a few writes.
    """

    async def story(link, peer, loop):
        replies = await asyncio.gather(*(link.execute("ECHO", n) for n in range(1000)))
        assert replies == [b"%d" % n for n in range(1000)]
        return peer.accepted, link.stats().round_trips

    assert (1, 2) == linked(story)


@pytest.mark.parametrize("wait", [0.0, 0.5])
def test_who_waits_for_a_connection_times_out_too(wait) -> None:
    """
    A server that accepts and does not greet costs timeout_s, exactly, from each one's begin.
    """

    async def story(link, peer, loop):
        peer.is_silent = True

        async def call(begin_s):
            await asyncio.sleep(begin_s)
            start_s = loop.time()
            error = await outcome(link.execute("PING"))
            return type(error), round(loop.time() - start_s, 9)

        return await asyncio.gather(call(0.0), call(wait))

    assert [(LATE, 1.0)] * 2 == linked(story, timeout_s=1.0, connect_timeout_s=5.0)


def test_who_waited_for_a_slow_greeting_keeps_the_first_deadline() -> None:
    """
    Sent late, after a greeting of 30 ms, a command still ends at timeout_s from its begin.
    """

    async def story(link, peer, loop):
        peer.think_s = lambda _: 0.03
        return type(await outcome(link.execute("ECHO", "x"))), round(loop.time(), 9)

    assert (LATE, 0.05) == linked(story, timeout_s=0.05)
