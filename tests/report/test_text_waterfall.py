"""One real request in lines of text."""

from __future__ import annotations

from agent_perf.records import Exemplar, Span
from agent_perf.report import waterfall_lines


def _request(*spans: tuple[str, int, int], end: int = 320) -> Exemplar:
    return Exemplar(
        request_id=7,
        latency_ns=end * 1_000_000,
        spans=tuple(
            Span(name=name, start_ns=start * 1_000_000, end_ns=stop * 1_000_000)
            for name, start, stop in spans
        ),
    )


def test_bars_share_one_axis() -> None:
    """A cell is a thirty-second of the longer request; equal operations share a line."""
    base = _request(("redis.trip", 0, 160), end=160)
    head = _request(("redis.trip", 0, 160), ("redis.trip", 240, 320))
    lines = list(waterfall_lines(base, head))

    assert lines[2].split("|")[1] == "#" * 16 + " " * 16
    assert lines[3].split("|")[1] == "#" * 16 + " " * 8 + "#" * 8
    assert lines[3].endswith("2x 240\xa0ms")


def test_what_one_side_does_not_do_is_a_dash() -> None:
    """An operation that is new has an empty bar in the base."""
    lines = list(waterfall_lines(_request(), _request(("db.wait", 0, 1))))

    assert lines[2].endswith("| -")
    assert "#" in lines[3]


def test_of_many_operations_the_longest_are_told() -> None:
    """A request of a hundred operations has fourteen lines a side, and says how many it left out."""
    many = _request(*((f"step.{number:03}", number, 2 * number + 1) for number in range(100)))
    lines = list(waterfall_lines(None, many))

    assert 1 + 14 + 1 == len(lines)
    assert "and 86 shorter operations" == lines[-1]
    assert "step.099" in lines[-2]


def test_without_a_request_there_is_nothing() -> None:
    """A run whose requests all failed has no exemplar."""
    assert [] == list(waterfall_lines(None, None))
