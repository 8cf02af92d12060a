"""Real files with one thing changed: an error that names the file, or numbers that there can be."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent_perf.errors import AgentPerfError
from agent_perf.gate import (
    TimedSides,
    judge_timings,
    make_policy,
    timed_duets,
)
from agent_perf.intake import read_timings
from agent_perf.records import metric_unit
from tests.intake.reading import FILES

REAL = sorted(
    str(path.relative_to(FILES))
    for path in FILES.glob("*/*")
    if not path.name.endswith(("history.csv", "failures.csv", "exceptions.csv"))
)
POLICY = make_policy({}, {})
HOSTILE = st.one_of(
    st.sampled_from(
        [None, True, -1, -0.5, 0, 1.5, 1e400, -1e400, math.nan, 10**400, "", "7", "\x1b[2J", [], {}]
    ),
    st.floats(),
    st.integers(),
    st.text(max_size=8),
    st.recursive(st.none() | st.integers(), lambda inner: st.lists(inner, max_size=3)),
)
QUICK = settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every table or list of *value* with each of its keys."""
    inner = (
        list(value.items())
        if isinstance(value, dict)
        else list(enumerate(value))
        if isinstance(value, list)
        else []
    )
    return [
        *((value, key) for key, _ in inner),
        *(place for _, one in inner for place in places(one)),
    ]


def problem(path: Path) -> str:
    """Read and judge the file; return the error, empty if there are numbers that there can be."""
    try:
        files = read_timings(path)
        sides = TimedSides(base=(), head=files)
        decision = judge_timings(sides, timed_duets(sides, POLICY), POLICY)
    except AgentPerfError as error:
        return str(error)
    for file in files:
        for timing in file.timings:
            assert not (timing.failure and timing.metrics)
            for metric, value in timing.metrics.items():
                assert 0 <= value < math.inf
                assert value > 0 or metric_unit(metric) not in {"s", "bytes"}
                assert value <= 1 or metric_unit(metric) != "ratio"
                assert timing.call_count >= 20 or not metric.endswith("p95")
    assert all(line.isprintable() for line in decision.lines)
    return ""


def check(path: Path) -> None:
    """Assert that an error names the file, on one line that a terminal may be shown."""
    words = problem(path)

    assert not words or path.name in words or "no file of the head" in words
    assert words.isprintable()
    assert len(words) < 3_000


@pytest.mark.parametrize("name", [name for name in REAL if name.endswith(".json")])
@given(data=st.data())
@QUICK
def test_a_value_that_was_changed(tmp_path: Path, name: str, data: st.DataObject) -> None:
    """
    Any value of a real file, replaced by anything or left out.
    """
    content = json.loads((FILES / name).read_text())
    table, key = data.draw(st.sampled_from(places(content)), label="place")
    if data.draw(st.booleans(), label="left out"):
        del table[key]
    else:
        table[key] = data.draw(HOSTILE, label="value")
    path = tmp_path / "changed.json"
    path.write_text(json.dumps(content))

    check(path)


@pytest.mark.parametrize("name", REAL)
@given(data=st.data())
@QUICK
def test_bytes_that_were_changed(tmp_path: Path, name: str, data: st.DataObject) -> None:
    """
    A real file that was cut, or of which some bytes are others.
    """
    content = bytearray((FILES / name).read_bytes())
    start = data.draw(st.integers(0, len(content) - 1), label="start")
    length = data.draw(st.integers(0, 40), label="length")
    content[start : start + length] = data.draw(st.binary(max_size=10), label="instead")
    if data.draw(st.booleans(), label="cut"):
        del content[data.draw(st.integers(0, len(content)), label="end") :]
    path = tmp_path / "changed.json"
    path.write_bytes(content)

    check(path)
