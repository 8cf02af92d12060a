"""What a link holds back, refuses and repeats, and whom it tells what its peer says."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
import redis.exceptions as redis_errors

from agent_perf.components import RedisLink
from agent_perf.errors import ConfigError
from agent_perf.sim.wire import Link
from tests.components.link.peers import Peer, bulk, echo, linked, outcome

LOST = redis_errors.ConnectionError


def test_more_calls_than_may_wait_are_refused() -> None:
    """
    Beyond pending_max a call is an error that names the limit; within it, all are answered.
    """

    async def story(link, peer, loop):
        first = await asyncio.gather(*(outcome(link.execute("ECHO", n)) for n in range(7)))
        second = await asyncio.gather(*(outcome(link.execute("ECHO", n)) for n in range(7)))
        return first, second, link.stats().refused

    first, second, refused = linked(story, pending_max=5)

    for replies in (first, second):
        assert [b"%d" % n for n in range(5)] == replies[:5]
        assert all("pending_max=5" in str(error) for error in replies[5:])
    assert refused == 4


def test_a_peer_that_does_not_read_holds_back_what_is_not_sent() -> None:
    """
    Beyond asyncio's buffer commands wait unsent; they time out, and are never sent.
    """

    async def story(link, peer, loop):
        await link.execute("PING")
        peer.open[0].pause_reading()
        value = b"x" * 300_000
        early = [asyncio.create_task(outcome(link.execute("SET", n, value))) for n in range(3)]
        await asyncio.sleep(0.1)
        late = asyncio.create_task(outcome(link.execute("SET", "late", "value")))
        await asyncio.sleep(0.1)
        late.cancel()
        peer.open[0].resume_reading()
        replies = [await task for task in early]
        await link.execute("PING")
        return replies, [c[1] for c in peer.commands if c[0] == b"SET"], peer.accepted

    way = Link(window_bytes=65_536, bytes_per_s=None)
    replies, written, accepted = linked(story, way=way)

    assert ([b"OK"] * 3, [b"0", b"1", b"2"], 1) == (replies, written, accepted)


def test_pushes_go_to_on_push_and_replies_to_callers() -> None:
    """
    Between replies, in a batch's midst or alone: pushes are never taken for replies.
    """
    heard = []

    async def story(link, peer, loop):
        push = b">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n"
        peer.answer = lambda command: push + echo(command)
        peer.piece_bytes = 3
        one = await link.execute("ECHO", "a")
        many = await link.execute_many([("ECHO", "b"), ("ECHO", "c")])
        peer.say(push)
        await asyncio.sleep(0.1)
        return one, many, link.stats().pushes

    # HELLO, ECHO, two of the batch, one alone.
    assert (b"a", [b"b", b"c"], 5) == linked(story, on_push=heard.append)
    assert [[b"invalidate", [b"k"]]] * 5 == heard


def test_an_on_push_that_fails_harms_no_reply() -> None:
    """
    Its exception goes to the loop's handler; the callers get theirs.
    """
    told = []

    def fail(message):
        raise ValueError("mine")

    async def story(link, peer, loop):
        loop.set_exception_handler(lambda _, context: told.append(context["exception"]))
        peer.answer = lambda command: b">1\r\n+x\r\n" + echo(command)
        return await asyncio.gather(link.execute("ECHO", "a"), link.execute("ECHO", "b"))

    assert [b"a", b"b"] == linked(story, on_push=fail)
    assert ["mine"] * 3 == [str(error) for error in told]


@pytest.mark.parametrize("retry_reads", [False, True])
def test_only_reads_are_repeated_and_only_if_asked(retry_reads) -> None:
    """
    Commands in flight on a connection that is cut: a GET may be sent again, an INCR never.
    """

    async def story(link, peer, loop):
        await link.execute("PING")
        peer.commands.clear()
        peer.think_s = lambda _: 0.1
        loop.call_later(0.05, peer.cut)
        results = await asyncio.gather(
            outcome(link.execute("GET", "a")),
            outcome(link.execute("INCR", "a")),
            outcome(link.execute_many([("GET", "a")])),
        )
        return results, Counter(command[0] for command in peer.commands)

    (read, write, batch), sent = linked(story, retry_reads=retry_reads)

    assert isinstance(write, LOST)
    assert isinstance(batch, LOST)
    assert read == b"a" if retry_reads else isinstance(read, LOST)
    assert {b"GET": 3 if retry_reads else 2, b"INCR": 1} == sent


def test_a_repeated_read_keeps_its_first_deadline() -> None:
    """
    Twice sent, a read still ends at timeout_s from its begin, with what went wrong first.
    """

    async def story(link, peer, loop):
        await link.execute("PING")
        start_s = loop.time()
        peer.think_s = lambda command: 10.0 if command[0] == b"GET" else 0.0
        loop.call_later(0.6, peer.cut)
        error = await outcome(link.execute("GET", "a"))
        return type(error), round(loop.time() - start_s, 9)

    kind, at_s = linked(story, timeout_s=1.0, retry_reads=True)

    assert issubclass(kind, LOST)
    assert at_s == 1.0


def test_what_was_not_sent_survives_the_loss_of_the_connection() -> None:
    """
    A connection that ends while idle costs nobody anything, and on_lost tells of it.
    """
    lost = []

    async def story(link, peer, loop):
        await link.execute("PING")
        peer.cut()
        await asyncio.sleep(0.1)
        return await link.execute("ECHO", "a"), link.stats().lost, list(lost)

    assert (b"a", 0, [1]) == linked(story, on_lost=lambda: lost.append(1))


def test_a_connection_that_only_listens_is_asked_whether_it_is_there() -> None:
    """
    With ping_s, its end is noticed within ping_s and timeout_s together, without a call.
    """
    lost = []

    async def story(link, peer, loop):
        await link.execute("PING")
        connected_s = loop.time()
        await asyncio.sleep(12)
        assert lost == []
        peer.is_silent = True
        await asyncio.sleep(20)
        return round(lost[0] - connected_s, 9), Counter(c[0] for c in peer.commands)

    def note():
        lost.append(asyncio.get_running_loop().time())

    # The connection was there one trip before the first PING's reply: asked at 5, 10 and 15.
    assert (15.999, {b"PING": 4}) == linked(story, ping_s=5.0, timeout_s=1.0, on_lost=note)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (b"-LOADING Redis is loading\r\n", redis_errors.BusyLoadingError),
        (b"-READONLY You can't write\r\n", redis_errors.ReadOnlyError),
        (b"-OOM command not allowed\r\n", redis_errors.OutOfMemoryError),
        (b"-NOAUTH Authentication required.\r\n", redis_errors.AuthenticationError),
        (b"-NOPERM no\r\n", redis_errors.NoPermissionError),
        (b"-MOVED 1 a:1\r\n", redis_errors.MovedError),
        (b"-MOVED\r\n", redis_errors.ResponseError),
        (b"-ERR \xff\r\n", redis_errors.ResponseError),
    ],
)
def test_refusals_are_those_of_redis_py(reply, kind) -> None:
    """
    Each error reply is raised as redis-py's class for it, and the connection stays.
    """

    async def story(link, peer, loop):
        await link.execute("PING")
        peer.answer = lambda command: reply if command[0] == b"SET" else echo(command)
        error = await outcome(link.execute("SET", "a", 1))
        batch = await outcome(link.execute_many([("ECHO", "b"), ("SET", "a", 1)]))
        place = batch[1] if isinstance(batch, list) else batch
        return type(error), type(place), await link.execute("ECHO", "c"), peer.accepted

    assert (kind, kind, b"c", 1) == linked(story)


@pytest.mark.parametrize(
    ("reply", "kind", "says"),
    [
        (b"-WRONGPASS invalid\r\n", redis_errors.AuthenticationError, "invalid"),
        (b"-ERR unknown command 'HELLO'\r\n", LOST, "protocol=2"),
        (b"-NOPROTO unsupported\r\n", LOST, "protocol=2"),
        (b"garbage\r\n", LOST, "not RESP"),
    ],
)
def test_a_greeting_that_fails_is_told_to_all_who_wait(reply, kind, says) -> None:
    """
    A wrong password is AuthenticationError for each caller, and for those in the pause.
    """

    async def story(link, peer, loop):
        peer.answer = lambda _: reply
        errors = await asyncio.gather(*(outcome(link.execute("PING")) for _ in range(3)))
        errors.append(await outcome(link.execute("PING")))
        await asyncio.sleep(1)
        return errors, peer.open

    errors, still_open = linked(story)

    assert [kind] * 4 == [type(error) for error in errors]
    assert all(says in str(error) for error in errors)
    assert not any("executed" in str(error) for error in errors)
    assert "not tried again" in str(errors[3])
    assert [] == still_open


def test_a_wrong_url_is_refused() -> None:
    """
    What the URL says and the link cannot do is said before anything is sent.
    """
    for url, says in (
        ("http://localhost", "http"),
        ("redis://localhost/x", "database 'x'"),
        ("redis://localhost:99999", "Port out of range"),
        ("redis://localhost?socket_timeout=1", "socket_timeout"),
        ("unix://", "no path"),
    ):
        with pytest.raises(ConfigError, match=says):
            RedisLink(url)


def test_a_peer_made_for_tests_is_one() -> None:
    """
    The peer answers what it should: the tests above rest on it.
    """
    assert bulk(b"a") == echo([b"ECHO", b"a"])
    assert Peer().commands == []
