"""``agent-perf judge``: files of pytest-benchmark, from the command line to the exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from agent_perf.cli.judging import judge
from agent_perf.errors import AgentPerfError, StoreError
from tests.intake.files import COMMITS, document, write
from tests.shop import git

NOISE = (1.0, 1.008, 0.991, 1.004, 0.996, 1.01, 0.99, 1.002, 0.999, 1.006)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    git(tmp_path, "init", "--quiet")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def make_files(folder: Path, by: float, count: int = 10) -> list[str]:
    """Write files of processes that took turns, the head *by* times as slow; return options."""
    words = []
    for side, offset, factor in (("base", 0, 1.0), ("head", 1, by)):
        words.append(f"--{side}")
        for index in range(count):
            path = folder / f"{side}-{index}.json"
            median = 1e-6 * factor * NOISE[(index + 3 * offset) % 10]
            write(
                path,
                document(
                    {"test_get[lru]": median}, minute=2 * index + offset, commit=COMMITS[side]
                ),
            )
            words.append(path.name)
    return words


def ask(*words: str) -> Result:
    return CliRunner().invoke(judge, words, standalone_mode=False)


@pytest.mark.parametrize(("by", "code"), [(1.0, 0), (1.5, 1)])
def test_files_are_judged(project: Path, by: float, code: int) -> None:
    """
    Options take as many files as a shell gives them; the report is that of a comparison.
    """
    done = CliRunner().invoke(judge, make_files(project, by), prog_name="judge")
    report = json.loads((project / "reports/report.json").read_text())

    assert code == done.exit_code
    assert ["regressed" if code else "unchanged"] == [
        one["verdict"] for one in report["comparisons"]
    ]
    assert (
        "agent-perf accept 'tests/test_a.py::test_get[lru]' wall.median"
        in (project / "reports/index.html").read_text().replace("&#39;", "'")
    ) is bool(code)


def test_a_waiver_covers_them(project: Path) -> None:
    """
    What the report says to type accepts exactly what failed, brackets and all.
    """
    (project / "agent-perf-waivers.toml").write_text(
        '[[waiver]]\nbenchmark = "tests/test_a.py::test_get[lru]"\nmetric = "wall.median"\n'
        'reason = "x"\nuntil = 2999-01-01\n'
    )
    done = CliRunner().invoke(judge, make_files(project, 1.5), prog_name="judge")

    assert 0 == done.exit_code
    assert "WAIVED tests/test_a.py::test_get[lru] wall.median" in done.output


def test_one_process_a_side_is_undecided(project: Path) -> None:
    """
    One file a side ends with 4, or 0 if asked for.
    """
    words = make_files(project, 1.5, count=1)

    assert 4 == CliRunner().invoke(judge, words).exit_code
    assert 0 == CliRunner().invoke(judge, [*words, "--undecided", "pass"]).exit_code


def test_folders_stand_for_their_files(project: Path) -> None:
    """
    A folder gives its *.json; one without any is refused.
    """
    make_files(project, 1.0)
    for side in ("base", "head"):
        (project / side).mkdir()
        for path in project.glob(f"{side}-*.json"):
            path.rename(project / side / path.name)

    assert 0 == CliRunner().invoke(judge, ["--base", "base", "--head", "head"]).exit_code
    (project / "none").mkdir()
    error = ask("--base", "base", "--head", "none").exception
    assert isinstance(error, AgentPerfError)
    assert "no *.json in the folder none" in str(error)


def test_what_is_missing_is_named(project: Path) -> None:
    """
    A file that is not there, a side without files and a file of another tool end with an error.
    """
    words = make_files(project, 1.0, count=1)
    (project / "k6.json").write_text('{"metrics": {}}')

    assert "head" in str(ask("--base", "base-0.json").exception)
    assert "nix.json" in str(ask(*words, "nix.json").exception)
    assert isinstance(ask(*words, "k6.json").exception, StoreError)
