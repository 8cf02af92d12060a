"""What the result store adds to a comparison."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from agent_perf.cli.project import open_project
from agent_perf.cli.report import report_range, write_history
from agent_perf.cli.stored_runs import base_choice, look_back
from agent_perf.errors import UsageError
from agent_perf.gate import judge
from agent_perf.records import Decision, Run
from tests.runs import ENVIRONMENT, make_run
from tests.shop import commit, git, make_shop, write

MS = 1_000_000


@pytest.fixture
def ids(tmp_path: Path) -> list[str]:
    folder = make_shop(tmp_path)
    found = [git(folder, "rev-parse", "HEAD")]
    for index in range(4):
        write(folder, "note.txt", f"{index}\n")
        found.append(commit(folder, f"Note {index}"))
    return found


def run_of(commit_id: str, latency_ms: int, **changes: object) -> Run:
    return make_run(commit=commit_id, latency_ns=(latency_ms * MS,) * 100, **changes)


def decide(base: Run, head: Run, policy) -> Decision:  # type: ignore[no-untyped-def]
    return judge([base], [head], (), (), policy, base_label=base.commit, head_label=head.commit)


def test_ancestors_are_looked_up(tmp_path: Path, ids: list[str]) -> None:
    """
    Of a benchmark that fails, the runs of the head's ancestors are found, oldest first, and
    the step between base and head; a commit without runs is told as such, and runs under
    another harness are no part of it.
    """
    project = open_project(tmp_path)
    runs = [run_of(one, latency) for one, latency in zip(ids, (10, 10, 10, 20, 20), strict=True)]
    for run in (runs[0], runs[1], runs[3], runs[4]):
        project.store.save(run)
    foreign = replace(ENVIRONMENT, harness="e" * 64)
    project.store.save(run_of(ids[2], 99, environment=foreign))
    decision = decide(runs[1], runs[4], project.policy)
    found = look_back(project, decision, {runs[4].benchmark: runs[4]}, base_is="")

    assert [ids[0], ids[1], ids[3], ids[4]] == [run.commit for run in found.runs["shop.answer@1"]]
    assert [("Note 1", "not measured"), ("Note 2", ""), ("Note 3", "")] == [
        (one.subject, one.failure) for one in found.between
    ]
    assert [(ids[1], ids[3])] == [(step.parent, step.commit) for step in found.steps]


def test_what_is_uncommitted_comes_last(tmp_path: Path, ids: list[str]) -> None:
    """
    The work tree follows the commit that it was made on.
    """
    project = open_project(tmp_path)
    runs = [run_of(ids[3], 10), run_of(ids[4], 10), run_of("worktree", 30)]
    for run in runs[:2]:
        project.store.save(run)
    decision = decide(runs[1], runs[2], project.policy)
    found = look_back(project, decision, {runs[2].benchmark: runs[2]}, base_is="")

    assert [ids[3], ids[4], "worktree"] == [run.commit for run in found.runs["shop.answer@1"]]
    assert () == found.steps


def test_a_pass_reads_nothing(tmp_path: Path, ids: list[str]) -> None:
    """
    Where nothing became worse, no file is read, not even a damaged one.
    """
    project = open_project(tmp_path)
    runs = [run_of(one, 10) for one in ids[3:]]
    project.store.save(runs[0]).write_bytes(b"{")
    found = look_back(project, decide(*runs, project.policy), {}, base_is="the commit before")

    assert {} == found.runs
    assert "the commit before" == found.base_is


def test_a_damaged_file_is_told(
    tmp_path: Path, ids: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """
    A stored run that cannot be read is named, and the others are shown.
    """
    project = open_project(tmp_path)
    runs = [run_of(ids[3], 10), run_of(ids[4], 30)]
    for run in runs:
        project.store.save(run)
    path = project.store.save(run_of(ids[0], 10))
    path.write_bytes(path.read_bytes()[:50])
    decision = decide(*runs, project.policy)
    found = look_back(project, decision, {runs[1].benchmark: runs[1]}, base_is="")

    assert 2 == len(found.runs["shop.answer@1"])
    assert str(path) in capsys.readouterr().err


def test_how_a_base_was_chosen(tmp_path: Path, ids: list[str]) -> None:
    """
    The commit before is told from the merge base of a branch, and from uncommitted changes.
    """
    project = open_project(tmp_path)

    assert "the commit before" == base_choice(project, ids[3], ids[4])
    assert "merge base with the default branch" == base_choice(project, ids[1], ids[4])
    assert "what the uncommitted changes are made on" == base_choice(project, ids[4], "worktree")


def test_a_range_is_told_with_the_targets_of_the_configuration(
    tmp_path: Path, ids: list[str]
) -> None:
    """The line across a series is what the project holds it to, over what a scenario declares."""
    write(tmp_path, "agent-perf.toml", '[targets."shop.*"]\n"latency.p95" = "15ms"\n')
    project = open_project(tmp_path)
    runs = {name: {"shop.answer@1": run_of(name, 10, targets={"latency.p95": 2.0})} for name in ids}
    commits = project.repository.known(ids)

    write_history(project, commits, runs, reports=tmp_path / "told", form="json")

    (series,) = json.loads((tmp_path / "told/report.json").read_text())["series"]
    assert ("shop.answer@1 latency.p95", 0.015) == (series["name"], series["target"])


def test_a_file_that_is_not_there_is_no_commit(
    tmp_path: Path, ids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who reports on a file has to be told that there is none, and not of commits alone."""
    monkeypatch.chdir(tmp_path)

    with pytest.raises(UsageError, match="'k6.json' is no range of commits, and no file"):
        report_range("k6.json", reports=None, form="text")
