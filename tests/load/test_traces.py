"""Loads that were written down."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.errors import ConfigError
from agent_perf.load import Arrival, Trace, read_access_log, read_trace

SECOND = 1_000_000_000


def written(folder: Path, text: str) -> Path:
    path = folder / "load.txt"
    path.write_text(text, encoding="utf-8")
    return path


def test_json_lines_are_requests(tmp_path) -> None:
    """
    Times, paths, users by name in order of appearance, and weights as repeated requests.
    """
    trace = read_trace(
        written(
            tmp_path,
            '{"at_s": 0.5, "path": "/a", "user": "ann"}\n\n'
            '{"at_s": 1, "user": "bob", "weight": 2}\n{"at_s": 1.25}\n{"at_s": 2, "user": "ann"}\n',
        )
    )

    assert (
        Arrival(SECOND // 2, 0, "/a"),
        Arrival(SECOND, 1),
        Arrival(SECOND, 1),
        Arrival(SECOND * 5 // 4),
        Arrival(2 * SECOND, 0),
    ) == tuple(trace.arrivals(None))
    assert (5, 2, 2.0) == (trace.expected_count, trace.users, trace.length_s)


def test_a_trace_can_be_replayed_faster(tmp_path) -> None:
    """
    At four times the speed the instants are a quarter.
    """
    trace = read_trace(written(tmp_path, '{"at_s": 1}\n{"at_s": 4}\n'), speed=4)

    assert [SECOND // 4, SECOND] == [arrival.at_ns for arrival in trace.arrivals(None)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "load.txt holds no request"),
        ('{"at_s": 2}\n{"at_s": 1}\n', "request 2 is at 1 s, before 2 s; want times"),
        ('{"at_s": 0}\nnot json\n', "load.txt, line 2 is no JSON"),
        ("[1]\n", "want an object"),
        ('{"at_s": NaN}\n', "line 1: at_s=nan; want seconds >= 0"),
        ('{"at_s": -1}\n', "at_s=-1"),
        ('{"at_s": 1' + "0" * 400 + "}\n", "want seconds >= 0"),
        ('{"path": "/"}\n', "at_s=None"),
        ("[" * 100_000 + "\n", "line 1 is no JSON (maximum recursion depth exceeded"),
        ('{"at_s": true}\n', "at_s=True"),
        ('{"at_s": 1, "weight": 0}\n', "weight=0; want a whole number"),
        ('{"at_s": 1, "user": [1]}\n', "user=[1]"),
        ('{"at_s": 1, "paht": "/"}\n', "unknown ['paht']"),
    ],
)
def test_bad_traces_are_told_with_their_line(tmp_path, text: str, said: str) -> None:
    """
    Empty, unsorted, malformed: the message has the file, the line and what is wanted.
    """
    with pytest.raises(ConfigError) as caught:
        read_trace(written(tmp_path, text))

    assert said in str(caught.value)


def test_a_byte_order_mark_is_no_content(tmp_path) -> None:
    """
    Editors and loggers on Windows begin files with one.
    """
    trace = read_trace(written(tmp_path, '\ufeff{"at_s": 1}\n'))

    assert 1 == len(trace.requests)


def test_a_file_that_is_not_there_is_told(tmp_path) -> None:
    """
    A wrong path is a matter of the command line.
    """
    with pytest.raises(ConfigError, match=r"cannot read .*gone.jsonl"):
        read_trace(tmp_path / "gone.jsonl")


COMBINED = (
    '10.0.0.1 - - [21/Nov/2026:03:00:01 +0000] "GET /a?x=1 HTTP/1.1" 200 12 "-" "curl"\n'
    '10.0.0.2 - bob [21/Nov/2026:04:00:00 +0100] "POST /b HTTP/2.0" 500 -\n'
    '10.0.0.1 - - [21/Nov/2026:03:00:01 +0000] "GET /c HTTP/1.1" 200 1 "-" "curl"\n'
    "\\x16\\x03\\x01 garbage\n"
)


def test_combined_logs_are_put_in_order_of_time(tmp_path) -> None:
    """
    Zones are respected, one second's requests are spread over it, other lines are counted.
    """
    trace = read_access_log(written(tmp_path, COMBINED))

    assert (
        Arrival(0, 0, "POST /b"),
        Arrival(SECOND, 1, "GET /a?x=1"),
        Arrival(SECOND + SECOND // 2, 1, "GET /c"),
    ) == trace.requests
    assert 1 == trace.skipped_count


def test_uvicorn_logs_with_a_time(tmp_path) -> None:
    """
    Uvicorn's line after `%(asctime)s` has milliseconds; they are kept.
    """
    trace = read_access_log(
        written(
            tmp_path,
            '2026-11-21 03:00:00,250 INFO:     127.0.0.1:5000 - "GET /a HTTP/1.1" 200 OK\n'
            "2026-11-21 03:00:00,251 INFO: Application startup complete.\n"
            '2026-11-21 03:00:01,750 INFO:     [::1]:5001 - "GET /b HTTP/1.1" 200 OK\n',
        )
    )

    assert (Arrival(0, 0, "GET /a"), Arrival(SECOND * 3 // 2, 1, "GET /b")) == trace.requests


def test_a_log_without_times_says_what_is_missing(tmp_path) -> None:
    """
    Uvicorn's default format has no time: the message shows the line and the way out.
    """
    path = written(tmp_path, 'INFO:     127.0.0.1:5000 - "GET /a HTTP/1.1" 200 OK\n')

    with pytest.raises(ConfigError, match="asctime"):
        read_access_log(path)


@given(
    gaps=st.lists(st.integers(0, 10**10), min_size=1, max_size=50),
    speed=st.floats(0.001, 1000),
)
def test_replaying_keeps_the_order(gaps: list[int], speed: float) -> None:
    """
    At any speed the requests come in their order, and as many.
    """
    instants, at_ns = [], 0
    for gap in gaps:
        at_ns += gap
        instants.append(at_ns)
    trace = Trace(name="t", requests=tuple(Arrival(at_ns) for at_ns in instants), speed=speed)
    replayed = [arrival.at_ns for arrival in trace.arrivals(None)]

    assert replayed == sorted(replayed)
    assert len(gaps) == len(replayed)


def test_a_speed_is_a_factor() -> None:
    """
    Standing still is no speed.
    """
    with pytest.raises(ConfigError, match="speed=0"):
        Trace(name="t", requests=(Arrival(0),), speed=0)
