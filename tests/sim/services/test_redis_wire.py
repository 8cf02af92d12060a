from __future__ import annotations

import hiredis
import pytest
from fakeredis._helpers import SimpleError, SimpleString
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.sim.services.redis_wire import (
    batch_name,
    command_name,
    encode,
    encode_push,
    lookups,
)


@pytest.mark.parametrize(
    ("value", "resp2", "resp3"),
    [
        (b"ab", b"$2\r\nab\r\n", b"$2\r\nab\r\n"),
        (None, b"$-1\r\n", b"_\r\n"),
        (7, b":7\r\n", b":7\r\n"),
        (1 << 63, b"$19\r\n9223372036854775808\r\n", b"(9223372036854775808\r\n"),
        (True, b":1\r\n", b"#t\r\n"),
        (2.5, b"$3\r\n2.5\r\n", b",2.5\r\n"),
        (1.0, b"$1\r\n1\r\n", b",1\r\n"),
        ("é", b"$2\r\n\xc3\xa9\r\n", b"$2\r\n\xc3\xa9\r\n"),
        (SimpleString(b"OK"), b"+OK\r\n", b"+OK\r\n"),
        (SimpleError("ERR a\r\nb"), b"-ERR a  b\r\n", b"-ERR a  b\r\n"),
        ([b"a", [1, None]], b"*2\r\n$1\r\na\r\n*2\r\n:1\r\n$-1\r\n", None),
        ({b"k": 1}, b"*2\r\n$1\r\nk\r\n:1\r\n", b"%1\r\n$1\r\nk\r\n:1\r\n"),
    ],
)
def test_replies_are_encoded(value: object, resp2: bytes, resp3: bytes | None) -> None:
    """
    Each type has the encoding that the protocol's specification gives it.
    """
    assert resp2 == encode(value, 2)
    if resp3 is not None:
        assert resp3 == encode(value, 3)


def test_what_no_protocol_carries_is_refused() -> None:
    """
    A value that is no reply raises, naming it, instead of sending nonsense.
    """
    with pytest.raises(TypeError, match="object"):
        encode(object(), 3)


def test_pushes_are_marked_in_resp3() -> None:
    """
    A message nobody asked for is a push in RESP3 and an array in RESP2.
    """
    assert b"*2\r\n$1\r\na\r\n:1\r\n" == encode_push([b"a", 1], 2)
    assert b">2\r\n$1\r\na\r\n:1\r\n" == encode_push([b"a", 1], 3)


leaves = st.none() | st.binary(max_size=20) | st.integers(-(2**63), 2**63 - 1)
replies = st.recursive(leaves, lambda inner: st.lists(inner, max_size=4), max_leaves=12)


@given(replies, st.sampled_from([2, 3]))
def test_clients_read_what_was_encoded(reply: object, protocol: int) -> None:
    """
    hiredis, which redis-py parses with, reads back every reply as it was.
    """
    reader = hiredis.Reader()
    reader.feed(encode(reply, protocol))

    assert reply == reader.gets()


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ([b"get", b"a"], "GET"),
        ([b"CLIENT", b"setinfo", b"LIB-NAME", b"x"], "CLIENT SETINFO"),
        ([b"client"], "CLIENT"),
        ([b"\xff"], "�"),
    ],
)
def test_commands_are_named(fields: list[bytes], name: str) -> None:
    """
    A command's name is in upper case, with its subcommand if it has one.
    """
    assert name == command_name(fields)


def test_batches_name_each_command_once() -> None:
    """
    A write of several commands names each of them once, in order.
    """
    assert "PIPELINE GET,SET" == batch_name(["GET", "SET", "GET"])


@pytest.mark.parametrize(
    ("name", "reply", "counts"),
    [
        ("GET", b"", (1, 0)),
        ("GET", None, (0, 1)),
        ("GET", SimpleError("WRONGTYPE"), (0, 0)),
        ("MGET", [b"a", None, None], (1, 2)),
        ("MGET", SimpleError("ERR"), (0, 0)),
        ("LRANGE", [b"a"], (0, 0)),
    ],
)
def test_lookups_count_values(name: str, reply: object, counts: tuple[int, int]) -> None:
    """
    Found and missed values count for lookups; errors and other commands do not.
    """
    assert counts == lookups(name, reply)
