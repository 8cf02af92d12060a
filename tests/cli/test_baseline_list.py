"""``agent-perf baseline``: a file that cannot be read, and what costs too much."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from agent_perf.cli import baseline as verb_module
from agent_perf.cli.measuring import Measured, Wish
from agent_perf.cli.verbs.baseline import verb as baseline
from agent_perf.codec import BaselineFile
from agent_perf.gate import Baselines
from tests.shop import commit, git, write
from tests.stats.example import make_run


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_damaged_baseline_hides_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    """
    A cut file is warned of by name, and the others are listed.
    """
    git(tmp_path, "init", "--quiet")
    (tmp_path / "benchmarks").mkdir()
    kept = Baselines(root=tmp_path / ".agent-perf/baselines")
    for name in ("cut", "main"):
        path = kept.save(
            BaselineFile(name=name, commit="c" * 40, runs=(make_run(),)), replace=False
        )
        if name == "cut":
            path.write_bytes(path.read_bytes()[:99])
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(baseline, ["list", "--format", form])

    assert 0 == done.exit_code
    assert "main" in done.stdout
    assert "warning: baseline 'cut' is left out: " in done.stderr
    assert "cut" not in done.stdout


@pytest.mark.parametrize(("left", "kept"), [(("shop.answer@5",), False), ((), True)])
def test_a_baseline_costs_no_more_than_it_may(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: tuple[str, ...], kept: bool
) -> None:
    """
    The configuration's limit ends its measuring: what lacks a benchmark is no baseline.
    """
    git(tmp_path, "init", "--quiet")
    write(tmp_path, "benchmarks/__init__.py", "")
    write(tmp_path, "agent-perf.toml", "max_cost_usd = 0.5\n")
    head = commit(tmp_path, "One")
    monkeypatch.chdir(tmp_path)
    run = make_run()

    def measure(_project: object, _commits: object, wish: Wish, _progress: object) -> object:
        assert 0.5 == wish.max_cost_usd
        runs = {run.benchmark: run}
        one = Measured(commit=head, runs=runs, failures=(), spent_nanousd=10**9, left=left)
        return {head: one}

    monkeypatch.setattr(verb_module, "measure_commits", measure)
    done = CliRunner().invoke(baseline, ["create", "v1"])

    assert 6 == done.exit_code
    assert f"COST spent=$1.00 limit=$0.50 left={len(left)}" in done.stderr
    assert kept == (tmp_path / ".agent-perf/baselines/v1.json").exists()
