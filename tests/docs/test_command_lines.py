"""Every command line that we tell names a verb that exists, and options that it has."""

from __future__ import annotations

import pytest

from tests.docs.command_lines import lines_of, problem_of
from tests.docs.console import ROOT

_FILES = [
    ROOT / "README.md",
    *(page for page in sorted((ROOT / "docs").rglob("*.md")) if "_build" not in page.parts),
    *sorted((ROOT / "deploy").rglob("*.y*ml")),
    *sorted((ROOT / "examples").glob("*/README.md")),
]


def test_every_command_line_is_one() -> None:
    """Of the README, the site, the examples and deploy: click would take each of them."""
    lines = [(page, line) for page in _FILES for line in lines_of(page)]
    wrong = [
        f"{page.relative_to(ROOT)}: {problem}"
        for page, line in lines
        if (problem := problem_of(line)) is not None
    ]

    assert [] == wrong
    # That the search finds them: there are some 240, of every kind of file.
    assert 200 < len(lines)
    assert {".md", ".yaml", ".yml"} == {page.suffix for page, _ in lines}


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("agent-perf smoke http://127.0.0.1:8000 --within 2s | tee x", None),
        ("agent-perf compare BASE --format json 2> errors", None),
        ("agent-perf baseline create NAME", None),
        ("agent-perf load --shape SHAPE ...", None),
        ("agent-perf smokes http://127.0.0.1", "there is no verb 'smokes'"),
        ("agent-perf baseline made x", "there is no verb 'made'"),
        ("agent-perf smoke URL --withn 2s", "--withn"),
        ("agent-perf smoke URL --within", "Option '--within' requires an argument"),
        ("agent-perf load --shape hill", "'hill' is not one of"),
    ],
)
def test_what_is_none_is_found(line, problem) -> None:
    """A verb, an option, a missing value, a word that is no choice: each is named."""
    found = problem_of(line)

    assert (problem is None) == (found is None)
    assert problem is None or problem in found


def test_lines_are_found(tmp_path) -> None:
    """In blocks, over several lines, in prose, in steps of a CI and in containers."""
    page = tmp_path / "page.md"
    page.write_text(
        'Say `agent-perf doctor`, or `eval "$(agent-perf completion zsh)"`.\n\n```sh\nX=1 agent-perf run \\\n    HEAD\n```\n'
        "```yaml\nsteps:\n  - run: agent-perf ci --base main\n```\n```toml\n# agent-perf no\n```\n"
    )
    job = tmp_path / "job.yaml"
    job.write_text("containers:\n  - command: [agent-perf]\n    args: [smoke, 'http://a b']\n")

    assert list(lines_of(page)) == [
        "agent-perf run  HEAD",
        "agent-perf ci --base main",
        "agent-perf doctor ...",
        "agent-perf completion zsh ...",
    ]
    assert ["agent-perf smoke 'http://a b'"] == list(lines_of(job))
