"""The graph, in a repository of its own, as its README tells it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.examples.project import copy_example, told_lines

NAME = "research-graph"


@pytest.mark.slow
def test_its_own_tests_pass(tmp_path: Path) -> None:
    """With pytest, no server and no key."""
    done = copy_example(NAME, tmp_path).python("pytest", "-q", "-p", "no:cacheprovider")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed" in done.stdout


@pytest.mark.slow
def test_the_gate_names_the_planted_regression(tmp_path: Path) -> None:
    """The CI run of the branch with the patch ends with 1, and with the README's lines."""
    project = copy_example(NAME, tmp_path)
    project.make_slower()

    done = project.python("agent_perf", "ci")

    assert done.returncode == 1, done.stdout + done.stderr
    for line in told_lines(NAME):
        assert line in done.stdout.splitlines()
