from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_perf.sim import SimLoop, simulate
from agent_perf.sim.services.redis_server import RedisServer, RedisSession
from agent_perf.sim.services.redis_wire import command_name

T = TypeVar("T")


def in_session(scene: Callable[[RedisServer, RedisSession], T]) -> T:
    async def main(loop: SimLoop) -> T:
        server = RedisServer()
        return scene(server, session_of(server, 1))

    return simulate(main)


def session_of(server: RedisServer, number: int, heard: list[bytes] | None = None) -> RedisSession:
    return RedisSession(
        server,
        number,
        on_lookups=lambda name, hits, misses: None,
        on_unblocked=lambda: None,
        on_push=(heard if heard is not None else []).append,
    )


def say(session: RedisSession, line: bytes) -> bytes:
    fields = line.split(b" ")
    session.execute(command_name(fields), fields)
    return session.take_replies()


SETUPS = {
    "missing": b"PING",
    "string": b"SET key value",
    "expiring": b"SET key value EX 5",
    "number": b"INCR key",
    "list": b"RPUSH key a",
    "hash": b"HSET key f v",
}


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("setup", SETUPS)
def test_the_short_cut_changes_nothing(protocol: int, setup: str) -> None:
    """
    GET answers, byte for byte, what it answers by the long way through fakeredis.
    """

    def scene(server: RedisServer, session: RedisSession) -> tuple[bytes, bytes]:
        say(session, b"HELLO %d" % protocol)
        say(session, SETUPS[setup])
        short = say(session, b"GET key")
        server.has_rules = True
        return short, say(session, b"GET key")

    short, long = in_session(scene)
    assert long == short


def test_rules_close_the_short_cut() -> None:
    """
    Once users are restricted, a GET that they may not send is refused.
    """

    def scene(server: RedisServer, session: RedisSession) -> bytes:
        say(session, b"SET key value")
        say(session, b"ACL SETUSER default nocommands")
        return say(session, b"GET key")

    assert in_session(scene).startswith(b"-NOPERM")


def test_queued_lookups_are_not_short_cut() -> None:
    """
    Inside of MULTI a GET is queued, and answered by EXEC.
    """

    def scene(server: RedisServer, session: RedisSession) -> list[bytes]:
        return [say(session, line) for line in (b"SET k v", b"MULTI", b"GET k", b"EXEC")]

    assert [b"+OK\r\n", b"+OK\r\n", b"+QUEUED\r\n", b"*1\r\n$1\r\nv\r\n"] == in_session(scene)


@settings(max_examples=20, deadline=None)
@given(st.sets(st.binary(min_size=1, max_size=8).filter(lambda b: b" " not in b), min_size=1))
def test_sets_have_an_order(members: set[bytes]) -> None:
    """
    The members of a set come sorted, whatever the hash seed.
    """

    def scene(server: RedisServer, session: RedisSession) -> bytes:
        session.execute("SADD", [b"SADD", b"set", *members])
        session.take_replies()
        return say(session, b"SMEMBERS set")

    parts = [b"$%d\r\n%b\r\n" % (len(member), member) for member in sorted(members)]
    assert b"*%d\r\n%b" % (len(parts), b"".join(parts)) == in_session(scene)


def test_announced_maintenance_is_refused() -> None:
    """
    The open server knows no maintenance notifications, and says so.
    """
    reply = in_session(lambda server, session: say(session, b"CLIENT MAINT_NOTIFICATIONS ON"))
    assert reply.startswith(b"-ERR unknown subcommand")


def test_a_blocked_client_can_be_unblocked() -> None:
    """
    CLIENT UNBLOCK answers a blocked client with nothing, or on demand with an error.
    """

    def scene(server: RedisServer, session: RedisSession) -> list[object]:
        other = session_of(server, 2)
        number = say(session, b"CLIENT ID").strip(b":\r\n")
        told: list[object] = []
        for reason in (b"TIMEOUT", b"ERROR"):
            say(session, b"BLPOP queue 0")
            told.append(session.waits())
            told.append(say(other, b"CLIENT UNBLOCK %b %b" % (number, reason)))
            told.append(session.take_replies()[:10])
        return told

    assert [True, b":1\r\n", b"$-1\r\n", True, b":1\r\n", b"-UNBLOCKED"] == in_session(scene)


def test_a_move_may_serve_the_next_client() -> None:
    """
    An element that one blocked client moves on serves another that waits where it lands.
    """

    def scene(server: RedisServer, session: RedisSession) -> bytes:
        mover = session_of(server, 2)
        say(session, b"BLPOP last 0")
        say(mover, b"BLMOVE first last LEFT RIGHT 0")
        say(session_of(server, 3), b"RPUSH first x")
        return session.take_replies()

    assert b"*2\r\n$4\r\nlast\r\n$1\r\nx\r\n" == in_session(scene)


def test_a_move_blocks() -> None:
    """
    BLMOVE waits for an element, moves it, and answers with it alone; LMOVE does not wait.
    """

    def scene(server: RedisServer, session: RedisSession) -> list[object]:
        other = session_of(server, 2)
        told: list[object] = [say(session, b"LMOVE from to LEFT RIGHT"), session.waits()]
        say(session, b"BLMOVE from to LEFT RIGHT 0")
        told.append(session.waits())
        say(other, b"RPUSH from x")
        return [*told, session.take_replies(), say(other, b"LRANGE to 0 -1")]

    expected = [b"$-1\r\n", False, True, b"$1\r\nx\r\n", b"*1\r\n$1\r\nx\r\n"]
    assert expected == in_session(scene)


def test_a_closed_client_hears_nothing() -> None:
    """
    After its end a subscriber is not counted among those who received a message.
    """

    def scene(server: RedisServer, session: RedisSession) -> list[object]:
        heard: list[bytes] = []
        subscriber = session_of(server, 2, heard)
        say(subscriber, b"SUBSCRIBE channel")
        first = say(session, b"PUBLISH channel one")
        subscriber.close()
        return [first, say(session, b"PUBLISH channel two"), len(heard), len(server.sockets)]

    assert [b":1\r\n", b":0\r\n", 1, 1] == in_session(scene)
