"""Nothing that is there is lost, and what cannot be done is said."""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path

import pytest

from agent_perf.errors import ConfigError, StoreError, UsageError
from agent_perf.scaffold import choices, named_entry, require_choice, write_changes
from tests.cli.command import agent_perf
from tests.scaffold.samples import committed, planned, project, surveyed, text_of
from tests.shop import git


def contents(root: Path) -> dict[str, bytes]:
    """Every file but git's own."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and ".git" not in path.relative_to(root).parts[:1]
    }


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """
    Files that are there keep every byte; those that are extended begin as they were.
    """
    root = project("fast", tmp_path)
    (root / ".gitignore").write_bytes(b"*.log\r\nreports/")
    (root / ".github" / "workflows").mkdir(parents=True)
    (root / ".github" / "workflows" / "agent-perf.yml").write_text("mine: 1\n")
    before = contents(root)
    write_changes(root, planned(root).changes)
    after = contents(root)

    for path, content in before.items():
        assert after[path].startswith(content), path
    assert b"mine: 1\n" == after[".github/workflows/agent-perf.yml"]
    assert b"*.log\r\nreports/\n.agent-perf/*\n!.agent-perf/baselines/\n" == after[".gitignore"]
    assert tomllib.loads(after["pyproject.toml"].decode())["project"]["name"] == "shop"


def test_twice_is_once(tmp_path: Path) -> None:
    """
    A second time there is nothing to do.
    """
    root = project("star", tmp_path)
    write_changes(root, planned(root).changes)
    before = contents(root)
    again = planned(root)
    write_changes(root, again.changes)

    assert {"keep"} == {one.kind for one in again.changes}
    assert before == contents(root)


def test_dry_run_writes_nothing(tmp_path: Path) -> None:
    """
    A dry run shows each line, and leaves the folder as it is.
    """
    root = project("plain", tmp_path)
    before = contents(root)
    done = agent_perf(root, "init", "--dry-run")

    assert 0 == done.returncode, done.stderr
    assert before == contents(root)
    assert "create    benchmarks/worker.py" in done.stdout
    assert "+ async def one_handle_job(world):" in done.stdout


def test_other_benchmarks(tmp_path: Path) -> None:
    """
    A folder `benchmarks` with other things in it is none of ours: another is taken, and named.
    """
    root = project("fast", tmp_path)
    (root / "benchmarks").mkdir()
    (root / "benchmarks" / "speed.py").write_text("print('mine')\n")
    git(root, "add", "-A")
    plan = planned(root)

    assert text_of(plan, "agent_benchmarks/shop.py")
    assert 'benchmarks = "agent_benchmarks"' in text_of(plan, "pyproject.toml")


def test_closed_pyproject(tmp_path: Path) -> None:
    """
    Where pyproject.toml cannot take a table, a file of our own holds the configuration.
    """
    root = project("fast", tmp_path)
    (root / "pyproject.toml").write_text("tool = {black = {line-length = 80}}\n")

    assert "[limits]" in text_of(planned(root), "agent-perf.toml")


def test_tracked_reports(tmp_path: Path) -> None:
    """
    Reports of the project's own are not mixed with ours, nor ignored.
    """
    root = project("fast", tmp_path)
    (root / "reports").mkdir()
    (root / "reports" / "2026.md").write_text("kept\n")
    git(root, "add", "-A")
    plan = planned(root)

    assert 'reports = ".agent-perf/reports"' in text_of(plan, "pyproject.toml")
    assert "reports/\n" not in text_of(plan, ".gitignore").replace(".agent-perf/", "")


def test_project_in_a_folder(tmp_path: Path) -> None:
    """
    Of a repository of several projects one is set up, and its folder put on the path.
    """
    project("fast", tmp_path / "services")
    project("star", tmp_path / "services")
    for one in ("fast", "star"):
        subprocess.run(["rm", "-rf", tmp_path / "services" / one / ".git"], check=True)
    committed(tmp_path)
    found = surveyed(tmp_path, tmp_path / "services" / "star")

    assert "helpdesk.web:application" == require_choice(found).target
    assert ("services/star", "services/star/src") == found.source_folders


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({}, "no Python project"),
        ({"notes.py": "x = 1\n"}, "no application, agent, graph or async function"),
        (
            {"a.py": "from fastapi import FastAPI\nx = FastAPI()\ny = FastAPI()\n"},
            "several ways in: a:x, a:y; choose by --app",
        ),
        ({"a.py": "def f(:\n", "pyproject.toml": ""}, "a.py: invalid syntax"),
    ],
)
def test_no_way_in(files: dict[str, str], told: str, tmp_path: Path) -> None:
    """
    Without one way in, the error says what was looked at, and what to name.
    """
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    git(tmp_path, "init", "-q")

    with pytest.raises(UsageError, match="(?s)" + told.replace("(", r"\(")):
        require_choice(surveyed(tmp_path))


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("shop", "want MODULE:NAME"),
        ("main:app", "no module main below .; is it shop.main?"),
        ("shop.main:api", "shop/main.py defines no api; it has create_app, app"),
    ],
)
def test_wrong_name(target: str, told: str, tmp_path: Path) -> None:
    """
    A name that is not there is told with what is.
    """
    found = surveyed(project("fast", tmp_path))

    with pytest.raises(UsageError, match=told.replace(".;", r"\.;").replace("?", r"\?")):
        named_entry(found, target)


def test_several_applications(tmp_path: Path) -> None:
    """
    Several ways in are all offered.
    """
    (tmp_path / "a.py").write_text("from fastapi import FastAPI\nx = FastAPI()\ny = FastAPI()\n")
    git(tmp_path, "init", "-q")

    assert ["a:x", "a:y"] == [one.target for one in choices(surveyed(tmp_path))]


def test_broken_pyproject(tmp_path: Path) -> None:
    """
    A pyproject.toml that is no TOML is named, and nothing is written.
    """
    root = project("fast", tmp_path)
    (root / "pyproject.toml").write_text("[project\n")

    with pytest.raises(ConfigError, match=r"pyproject\.toml is not valid TOML"):
        surveyed(root)


def test_file_that_came_meanwhile(tmp_path: Path) -> None:
    """
    A file that came between plan and writing is left as it is.
    """
    root = project("plain", tmp_path)
    plan = planned(root)
    (root / "benchmarks").mkdir()
    (root / "benchmarks" / "worker.py").write_text("mine\n")

    with pytest.raises(StoreError, match=r"worker\.py is there now, and is left as it is"):
        write_changes(root, plan.changes)
    assert "mine\n" == (root / "benchmarks" / "worker.py").read_text()


def test_no_repository(tmp_path: Path) -> None:
    """
    Outside of git, the way in is `git init`.
    """
    done = agent_perf(tmp_path, "init", GIT_CEILING_DIRECTORIES=str(tmp_path.parent))

    assert 2 == done.returncode
    assert "git init" in done.stderr


def test_it_runs(tmp_path: Path) -> None:
    """
    The new scenario is run at once, and its first figures are shown.
    """
    root = project("plain", tmp_path)
    done = agent_perf(root, "init")

    assert 0 == done.returncode, done.stderr
    assert "worker.one_handle_job@1" in done.stdout
    assert "git add -A && git commit" in done.stderr


def test_it_does_not_run_yet(tmp_path: Path) -> None:
    """
    Where the scenario fails, the files stay, and what is to be changed is told; exit code 3.
    """
    root = project("plain", tmp_path)
    jobs = root / "worker" / "jobs.py"
    jobs.write_text(
        jobs.read_text().replace(
            "    await queue.rpush",
            "    import httpx\n\n    async with httpx.AsyncClient() as client:\n"
            '        await client.get("https://billing.internal/bill")\n    await queue.rpush',
            1,
        )
    )
    done = agent_perf(root, "init")

    assert 3 == done.returncode, done.stdout
    assert "billing.internal" in done.stderr
    assert "worker.one_handle_job does not run yet" in done.stderr
    assert (root / "benchmarks" / "worker.py").is_file()
