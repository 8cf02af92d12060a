"""What examples promise by their files."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.examples.project import EXAMPLES, copy_example, told_lines

NAMES = ["event-worker", "research-graph", "support-desk"]


def test_all_examples_are_held() -> None:
    """Each folder of examples is one of those that are tested here."""
    assert sorted(path.name for path in EXAMPLES.iterdir() if path.is_dir()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_the_patch_applies_and_its_line_is_told(name: str, tmp_path: Path) -> None:
    """The README tells a FAIL and a WHY, and the patch changes the application alone."""
    project = copy_example(name, tmp_path)

    project.make_slower()

    assert ["FAIL", "WHY"] == [line.split()[0] for line in told_lines(name)]
    package = f" b/{name.replace('-', '_')}/"
    changed = (project.root / "slower.patch").read_text(encoding="utf-8")
    assert all(package in one for one in changed.splitlines() if one.startswith("diff "))


@pytest.mark.parametrize("name", NAMES)
def test_the_ci_runs_what_the_readme_says(name: str) -> None:
    """The CI file installs the project, and runs its tests and the gate."""
    workflow = (EXAMPLES / name / ".github/workflows/performance.yml").read_text(encoding="utf-8")
    readme = (EXAMPLES / name / "README.md").read_text(encoding="utf-8")

    assert "run: pip install -e '.[dev]'" in workflow
    assert "run: pytest" in workflow
    assert "run: agent-perf ci" in workflow
    assert "agent-perf ci" in readme
