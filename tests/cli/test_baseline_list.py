"""``agent-perf baseline list`` beside a file that cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from agent_perf.cli.verbs.baseline import verb as baseline
from agent_perf.codec import BaselineFile
from agent_perf.gate import Baselines
from tests.shop import git
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
