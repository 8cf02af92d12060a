"""``agent-perf sessions``: what was run, kept and done again."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from agent_perf.cli.app import cli
from agent_perf.cli.session_notes import noted
from agent_perf.cli.session_record import runs_here
from agent_perf.cli.sessions import state_of
from agent_perf.errors import UsageError
from agent_perf.history import SessionStore, machine_name
from agent_perf.measure import utc_now
from tests.history.test_session_store import SESSION
from tests.shop import APP, commit, git, make_shop, write


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose second commit regressed, as the current folder."""
    folder = make_shop(tmp_path / "shop")
    write(folder, "shop_app.py", APP.replace("LOOKUPS = 1", "LOOKUPS = 2"))
    write(folder, "agent-perf.toml", '[targets."shop.*"]\n"latency.p95" = "59min"\n')
    commit(folder, "Look up twice")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def store(tmp_path: Path) -> SessionStore:
    return SessionStore(root=tmp_path / "sessions")


def _invoke(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


def test_a_comparison_is_kept_listed_and_reported_again(shop) -> None:
    """
    The record has verdict, commits and runs; its report has the verdicts and targets it had.
    """
    first = _invoke("compare", "--exact-only")
    told = _targets_told(shop)
    listed = json.loads(_invoke("sessions", "--format", "json").stdout)
    (shop / "reports/report.json").unlink()
    again = _invoke("sessions", "report", "last")

    assert (1, 0) == (first.exit_code, again.exit_code)
    assert "fail" == listed[0]["state"] == listed[0]["outcome"]
    assert ["compare", "--exact-only"] == listed[0]["arguments"]
    assert git(shop, "rev-parse", "HEAD") == listed[0]["head"] == listed[0]["checked_out"]
    assert {"shop.answer@1", "shop.answer@5"} == {run["benchmark"] for run in listed[0]["runs"]}
    assert first.stdout == again.stdout
    assert {"shop.answer@1": 3540.0, "shop.answer@5": 3540.0} == told == _targets_told(shop)
    assert not git(shop, "status", "--porcelain")


def _targets_told(folder: Path) -> dict[str, float]:
    """Return the target of the P95 of each benchmark, by the report in *folder*."""
    report = json.loads((folder / "reports/report.json").read_text())
    return {one["name"]: one["targets"]["latency.p95"] for one in report["benchmarks"]}


@pytest.mark.slow
def test_two_sessions_are_compared_as_stored(shop) -> None:
    """Runs of two days are judged against each other without measuring either again."""
    _invoke("run", "HEAD~1")
    _invoke("run", "HEAD")
    judged = _invoke("sessions", "compare", "last~1")

    assert 1 == judged.exit_code
    assert "FAIL shop.answer@1 work.tool_calls" in judged.stdout
    assert isinstance(_invoke("sessions", "report", "last").exception, UsageError)


@pytest.mark.slow
def test_what_was_cut_off_goes_on_where_it_was(shop) -> None:
    """A session without an end, of a process that is gone, is resumed from the store."""
    _invoke("run", "HEAD~1")
    store = SessionStore(root=shop / ".agent-perf/sessions")
    done = store.load(store.names()[0])
    store.save(
        replace(
            done,
            arguments=("run", "HEAD~1..HEAD"),
            ended_at=None,
            exit_code=None,
            process_id=2**22 - 1,
        )
    )
    resumed = _invoke("sessions", "resume", "last")
    last = json.loads(_invoke("sessions", "show", "--format", "json").stdout)

    assert 0 == resumed.exit_code
    assert "going on: agent-perf run 'HEAD~1..HEAD'" in resumed.stderr
    assert {False, True} == {run["was_stored"] for run in last["runs"]}
    assert "done" == last["state"]


def test_what_came_to_its_end_is_not_resumed(shop) -> None:
    """There is nothing to go on with, and the message says how to do it again."""
    SessionStore(root=shop / ".agent-perf/sessions").save(
        replace(SESSION, ended_at="2026-11-21T12:00:01Z", exit_code=0)
    )
    done = _invoke("sessions", "resume")

    assert "`agent-perf run HEAD` does it again" in str(done.exception)


@pytest.mark.parametrize(
    ("error", "code", "headline"),
    [
        (UsageError("no such ref"), 2, "no such ref"),
        (KeyboardInterrupt(), 130, ""),
        (SystemExit(4), 4, ""),
        (click.BadParameter("nonsense"), 2, "nonsense"),
        (ZeroDivisionError(), 3, ""),
    ],
)
def test_however_it_ends_the_record_says_so(store, error, code, headline) -> None:
    """Errors and interruptions pass through, and leave their exit code."""
    with pytest.raises(type(error)), noted(store, SESSION):
        raise error
    kept = store.load(SESSION.id)

    assert (code, headline) == (kept.exit_code, kept.headline)
    assert kept.ended_at is not None


def test_a_record_that_cannot_be_written_costs_a_warning(tmp_path, capsys) -> None:
    """The measurement matters more than its record."""
    (tmp_path / "file").write_text("")
    with noted(SessionStore(root=tmp_path / "file"), SESSION):
        pass

    assert "this session is not recorded" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"exit_code": 0}, "done"),
        ({"exit_code": 0, "outcome": "pass"}, "pass"),
        ({"exit_code": 1, "outcome": "fail"}, "fail"),
        ({"exit_code": 130, "outcome": "undecided"}, "interrupted"),
        ({"exit_code": 2}, "usage error"),
        ({"exit_code": 6}, "cost cut-off"),
        ({"ended_at": None, "process_id": 2**22 - 1}, "was cut off"),
    ],
)
def test_states_are_words(changes, state) -> None:
    """What became of a session is told without a table of codes."""
    ended = {"ended_at": "2026-11-21T12:00:01Z", "machine": machine_name()}

    assert state == state_of(replace(SESSION, **(ended | changes)))


def test_a_running_session_is_known_by_its_process() -> None:
    """This process runs; one that had its number before it was born does not."""
    now = utc_now().strftime("%Y-%m-%dT%H:%M:%SZ")
    mine = replace(SESSION, machine=machine_name(), process_id=os.getpid(), started_at=now)

    assert runs_here(mine)
    assert not runs_here(replace(mine, started_at="2001-01-01T00:00:00Z"))
    assert not runs_here(replace(mine, machine="elsewhere"))
