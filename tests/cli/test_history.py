"""``agent-perf history`` on a real repository with stored runs, and on results of asv."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent_perf.cli.history import HistoryOptions, show_history
from agent_perf.errors import NothingMeasuredError, RepositoryError, UsageError
from agent_perf.history import ResultStore, machine_name
from agent_perf.repository import find_repository
from tests.runs import make_run
from tests.shop import commit, make_shop, write

MS = 1_000_000


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a repository of six stored commits, of which the fourth made requests slower."""
    folder = make_shop(tmp_path / "shop")
    for number in range(5):
        write(folder, "notes.txt", f"{number}")
        commit(folder, f"Note {number}")
    line = find_repository(folder).line()
    store = ResultStore(root=folder / ".agent-perf/results", machine=machine_name())
    for place, one in enumerate(line[-6:]):
        slow = place >= 3
        latency = (12 if slow else 10) * MS
        run = make_run(
            commit=one.id,
            latency_ns=(latency,) * 100,
            counts={"redis_trips": 200 if slow else 100},
        )
        store.save(run)
    monkeypatch.chdir(folder)
    return folder


def culprit(folder: Path) -> str:
    return find_repository(folder).line()[-3].id


def asv_folder(folder: Path, levels: list[float]) -> Path:
    """Return a results folder of asv: one benchmark, a commit an hour, with noise of 1 %."""
    (folder / "m").mkdir(parents=True)
    index = {"a.time_x": {"unit": "seconds", "type": "time"}, "version": 2}
    (folder / "benchmarks.json").write_text(json.dumps(index))
    draws = random.Random(1)
    for number, level in enumerate(levels):
        data = {
            "version": 2,
            "commit_hash": f"{number:08x}" + "e" * 32,
            "date": 1_700_000_000_000 + number * 3_600_000,
            "params": {"machine": "m"},
            "python": "3.11",
            "requirements": {},
            "result_columns": ["result"],
            "results": {"a.time_x": [[level * draws.gauss(1, 0.01)]]},
        }
        (folder / "m" / f"{number:08x}-env.json").write_text(json.dumps(data))
    return folder


def test_the_culprit_is_named(shop, capsys) -> None:
    """The commit is told with its subject, the worst metric first, and a summary."""
    code = show_history(None, HistoryOptions())
    out = capsys.readouterr().out

    assert 0 == code
    assert f"{culprit(shop)[:8]}" in out.splitlines()[0]
    assert "Note 2" in out.splitlines()[0]
    assert "✗ shop.answer@1 latency.p95 10 ms → 12 ms, +20.0 %" in out
    assert "1 of 6 measured commits made something worse" in out


def test_as_json(shop, capsys) -> None:
    """JSON has every change with its commits, in base units."""
    show_history(None, HistoryOptions(form="json", metric=("latency.p95",)))
    found = json.loads(capsys.readouterr().out)
    (event,) = found["events"]
    (change,) = event["changes"]

    assert culprit(shop) == event["commit"] == change["earliest"] == change["latest"]
    assert (0.01, 0.012, True) == (change["before"], change["after"], change["worse"])


def test_acknowledging(shop, capsys) -> None:
    """
    A change fails until it is acknowledged in the committed file; what matches nothing is
    refused, and an entry for no change of the whole history is warned of.
    """
    failing = HistoryOptions(fail_on_unacknowledged=True)
    assert 1 == show_history(None, failing)
    wish = HistoryOptions(acknowledge="HEAD~2", reason="safer", fail_on_unacknowledged=True)
    assert 0 == show_history(None, wish)
    out = capsys.readouterr().out
    assert "acknowledged: safer" in out
    assert 'reason = "safer"' in (shop / "agent-perf-waivers.toml").read_text()
    assert 0 == show_history(None, failing)
    with pytest.raises(UsageError, match="no change at"):
        show_history(None, HistoryOptions(acknowledge="HEAD~1", reason="what?"))

    capsys.readouterr()
    show_history("HEAD~1..HEAD", failing)
    show_history(None, HistoryOptions(metric=("work.*",)))
    assert "matches no change" not in capsys.readouterr().err
    with (shop / "agent-perf-waivers.toml").open("a") as file:
        file.write('\n[[acknowledged]]\ncommit = "abcdef12"\nreason = "a slip"\n')
    show_history(None, HistoryOptions())
    assert "abcdef12 * * matches no change of these commits" in capsys.readouterr().err


def test_part_of_an_acknowledgement(shop) -> None:
    """With --metric only that metric is acknowledged, and the others still fail."""
    show_history(None, HistoryOptions(acknowledge="HEAD~2", reason="ok", metric=("latency.*",)))

    assert 1 == show_history(None, HistoryOptions(fail_on_unacknowledged=True))
    assert 0 == show_history(
        None, HistoryOptions(fail_on_unacknowledged=True, metric=("latency.*",))
    )


def test_results_of_asv(tmp_path, monkeypatch, capsys) -> None:
    """Outside of any repository, asv's results are told by date, with interval and trend."""
    folder = asv_folder(tmp_path / "results", [1.0] * 40 + [1.2 * 1.004**n for n in range(60)])
    monkeypatch.chdir(tmp_path)
    code = show_history(None, HistoryOptions(asv=folder, target=("time=2s",)))
    out = capsys.readouterr().out

    assert 0 == code
    assert "00000028  2023-11-16" in out
    assert "✗ a.time_x time" in out
    assert "trend: a.time_x time" in out
    assert "at this pace it passes 2 s in about" in out


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"acknowledge": "HEAD"}, UsageError, "--reason"),
        ({"reason": "why"}, UsageError, "without --acknowledge"),
        ({"above": "+0"}, UsageError, "--above"),
        ({"only": ("nothing",)}, NothingMeasuredError, "benchmarks begin with shop.answer@1"),
        ({"target": ("p95",)}, UsageError, "METRIC=VALUE"),
        ({"target": ("latency.p96=1s",)}, UsageError, "matches no metric"),
        ({"since": datetime(2999, 1, 1, tzinfo=UTC)}, NothingMeasuredError, "newest commit is of"),
    ],
)
def test_bad_input(shop, options, error, said) -> None:
    """What cannot be used is refused by name, with the way out."""
    with pytest.raises(error, match=said):
        show_history(None, HistoryOptions(**options))


def test_one_commit_is_no_history(shop) -> None:
    """A single commit is refused with a range to try; an unknown one by git."""
    with pytest.raises(UsageError, match=r"HEAD~20\.\.HEAD"):
        show_history("HEAD", HistoryOptions())
    with pytest.raises(RepositoryError, match="no commit 'nowhere'"):
        show_history("nowhere..HEAD", HistoryOptions())


def test_nothing_stored(tmp_path, monkeypatch) -> None:
    """Without stored runs it says how to measure some."""
    monkeypatch.chdir(make_shop(tmp_path / "shop"))
    with pytest.raises(NothingMeasuredError, match="agent-perf run"):
        show_history(None, HistoryOptions())
