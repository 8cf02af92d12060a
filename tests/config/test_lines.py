"""On which line a key stands."""

from __future__ import annotations

import pytest

from agent_perf.config.lines import line_of

_TEXT = """\
# a comment = 1
jobs = 2
time-limit-s = 3   # [not.a.table]
under_test = [
  "app",
]
matrix = [
  [1, 2],
]
targets."agent.*"."latency.p95" = "1s"

[tool.agent-perf.limits]
"work.*" = "+0"
'latency.p99' = "1%"
[ profiles . "c i" ]
jobs = 1
loads = { a = { rate_hz = 1 } }
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("jobs",), 2),
        (("time-limit-s",), 3),
        (("under_test",), 4),
        (("targets", "agent.*", "latency.p95"), 10),
        (("targets",), 10),
        (("tool", "agent-perf", "limits"), 12),
        (("tool", "agent-perf", "limits", "work.*"), 13),
        (("tool", "agent-perf", "limits", "latency.p99"), 14),
        (("profiles", "c i", "jobs"), 16),
        (("profiles", "c i", "loads", "a", "rate_hz"), 17),
        (("nowhere",), None),
    ],
)
def test_lines_are_those_an_editor_shows(path, line) -> None:
    """Headers, dotted and quoted keys count; what is in braces is on the line of its table."""
    assert line == line_of(_TEXT, path)
