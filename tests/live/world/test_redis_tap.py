"""What is heard on a connection to Redis."""

from __future__ import annotations

import hiredis

from agent_perf.live.world.redis_tap import RedisTap
from agent_perf.sim import request_scope, running_request


class _Clock:
    def __init__(self) -> None:
        self.now_ns = 0


class _Witness:
    def __init__(self) -> None:
        self.counts: dict[tuple[str, str, int], int] = {}
        self.spans: list[tuple[int, int, int, str]] = []

    def count(self, name, amount=1, detail="") -> None:
        key = (name, detail, running_request().request_id)
        self.counts[key] = self.counts.get(key, 0) + amount

    def span(self, name, start_ns, end_ns, detail="") -> None:
        self.spans.append((running_request().request_id, start_ns, end_ns, detail))

    def of(self, name) -> dict[tuple[str, int], int]:
        return {(detail, who): n for (one, detail, who), n in self.counts.items() if one == name}


def _packed(*words: str) -> bytes:
    return hiredis.pack_command(words)


def _tapped() -> tuple[RedisTap, _Witness, _Clock]:
    clock, witness = _Clock(), _Witness()
    return RedisTap(clock, witness), witness, clock


def test_a_trip_lasts_until_its_last_reply() -> None:
    """A pipeline is one trip of several commands, which ends with the last byte of its replies."""
    tap, witness, clock = _tapped()
    with request_scope(5):
        tap.sent(_packed("GET", "a") + _packed("MGET", "a", "b"))
    clock.now_ns = 70
    tap.received(b"$1\r\nx\r\n*2\r\n$-1\r\n")
    assert [] == witness.spans
    clock.now_ns = 90
    tap.received(b"$1\r\ny\r\n")

    assert [(5, 0, 90, "PIPELINE GET,MGET")] == witness.spans
    assert {("PIPELINE GET,MGET", 5): 1} == witness.of("redis_trips")
    assert {("GET", 5): 1, ("MGET", 5): 1} == witness.of("redis_commands")
    assert {("GET", 5): 1, ("MGET", 5): 1} == witness.of("redis_hits")
    assert {("MGET", 5): 1} == witness.of("redis_misses")


def test_requests_that_share_a_connection_are_kept_apart() -> None:
    """What two requests write before any reply are two trips, each told to its own."""
    tap, witness, clock = _tapped()
    for number in (1, 2):
        with request_scope(number):
            tap.sent(_packed("GET", "a"))
    clock.now_ns = 10
    tap.received(b"$1\r\nx\r\n_\r\n")

    assert [(1, 0, 10, "GET"), (2, 0, 10, "GET")] == witness.spans
    assert {("GET", 1): 1} == witness.of("redis_hits")
    assert {("GET", 2): 1} == witness.of("redis_misses")


def test_what_is_written_without_waiting_is_one_trip() -> None:
    """A request's writes are one trip until it has heard something."""
    tap, witness, _ = _tapped()
    with request_scope(1):
        tap.sent(_packed("CLIENT", "SETINFO", "LIB-NAME", "x"))
        tap.sent(_packed("SELECT", "3"))
        tap.received(b"+OK\r\n")
        tap.sent(_packed("GET", "a"))
        tap.received(b"+OK\r\n$-1\r\n")

    assert 2 == sum(witness.of("redis_trips").values())
    assert ["PIPELINE CLIENT SETINFO,SELECT", "GET"] == [span[3] for span in witness.spans]


def test_lookups_in_a_transaction_are_counted_when_it_is_executed() -> None:
    """GETs that are queued find something with EXEC; an error finds and misses nothing."""
    tap, witness, _ = _tapped()
    tap.sent(_packed("MULTI") + _packed("GET", "a") + _packed("GET", "b") + _packed("EXEC"))
    tap.received(b"+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n$1\r\nx\r\n$-1\r\n")
    tap.sent(_packed("GET", "list"))
    tap.received(b"-WRONGTYPE no\r\n")

    assert {("GET", -1): 1} == witness.of("redis_hits") == witness.of("redis_misses")


def test_pushes_answer_nothing() -> None:
    """What Redis tells by itself is no reply, before, between and after commands."""
    tap, witness, _ = _tapped()
    push = b">2\r\n+invalidate\r\n*1\r\n$1\r\na\r\n"
    tap.received(push)
    tap.sent(_packed("GET", "a"))
    tap.received(push + b"$1\r\nx\r\n" + push)

    assert ["GET"] == [span[3] for span in witness.spans]
    assert {("PUSH", -1): len(push), ("GET", -1): 2 * len(push) + 7} == witness.of("bytes_received")


def test_a_subscriber_and_a_lost_connection_owe_nothing() -> None:
    """A subscriber's messages are bytes alone, and trips without a reply end with the connection."""
    tap, witness, clock = _tapped()
    tap.sent(_packed("SUBSCRIBE", "a", "b"))
    tap.received(b"*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n")
    lost, other, clock = _tapped()
    lost.sent(_packed("GET", "a"))
    clock.now_ns = 30
    lost.lost()

    assert [] == witness.spans
    assert {("SUBSCRIBE", -1): 1} == witness.of("redis_trips")
    assert [(-1, 0, 30, "GET")] == other.spans
