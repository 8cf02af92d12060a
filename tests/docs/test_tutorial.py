"""Every command of the tutorial does what it says there."""

from __future__ import annotations

import pytest

from tests.docs.console import ROOT, Done, Step, problem_of, problems, steps_of


@pytest.mark.slow
def test_the_tutorial_is_true(tmp_path) -> None:
    """From an empty folder to a gate: each command is run, and prints what the page shows."""
    folder = tmp_path / "empty"
    folder.mkdir()

    found = problems(ROOT / "docs/tutorial.md", folder)

    assert not found, "\n\n".join(found)


def test_steps_are_read_in_order() -> None:
    """Commands, files and changes are steps; any other block is for reading only."""
    page = "```console\n$ a \\\n  b\nsays\n$ c\n```\n\n```toml\n# x.toml\ny = 1\n```\n```python\nz\n```\n"

    assert [("a \\\n  b", "says\n"), ("c", "")] == [
        (step.command, step.shown) for step in steps_of(page) if step.shown is not None
    ]
    assert ["cat > x.toml <<'END'\n# x.toml\ny = 1\nEND"] == [
        step.command.partition("; ")[2] for step in steps_of(page) if step.shown is None
    ]


@pytest.mark.parametrize(
    ("shown", "printed", "code", "right"),
    [
        ("a\n", "a\n", 0, True),
        ("a\n", "b\n", 0, False),
        ("a\n", "a\nb\n", 0, False),
        ("a\n...\n", "a\nb\nc\n", 0, True),
        ("a ... c\n", "a b c\n", 0, True),
        ("a ... c\n", "a b\nc\n", 0, False),
        ("", "", 0, True),
        ("", "silent no more\n", 0, False),
        ("a\n", "a\n", 1, False),
    ],
)
def test_what_differs_is_found(shown, printed, code, right) -> None:
    """Dots stand for anything, everything else for itself; a failure has to be shown."""
    done = Done(step=Step(command="x", shown=shown), printed=printed, code=code)

    assert right == (problem_of(done, None) is None)


def test_a_shown_failure_is_none() -> None:
    """A command may fail if the page asks for its exit code next."""
    done = Done(step=Step(command="x", shown="a\n"), printed="a\n", code=1)

    assert problem_of(done, Step(command="echo $?")) is None
