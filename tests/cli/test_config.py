"""``agent-perf config`` and ``--profile``."""

from __future__ import annotations

import json
import os

import pytest
from click.testing import CliRunner, Result

from agent_perf.cli.app import cli
from agent_perf.errors import ConfigError
from tests.shop import git

_FILE = """
time_budget_s = 20
[limits]
"latency.p99" = "25%"
[profiles.nightly]
time_budget_s = 300
tier = "wire"
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A repository with a configuration, as the current folder."""
    git(tmp_path, "init", "--quiet")
    (tmp_path / "agent-perf.toml").write_text(_FILE)
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("AGENT_PERF_") or name == "CI"]:
        monkeypatch.delenv(name)
    return tmp_path


def _invoke(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


def _settings(*arguments: str) -> dict[str, tuple[object, str]]:
    shown = json.loads(_invoke(*arguments, "--format", "json").stdout)
    return {one["key"]: (one["value"], one["from"]) for one in shown["settings"]}


def test_config_tells_where_each_value_comes_from(project, monkeypatch) -> None:
    """File, profile, variable or default: nobody has to guess which of them won."""
    monkeypatch.setenv("AGENT_PERF_JOBS", "3")
    settings = _settings("config", "--profile", "nightly")

    assert (300, "profile nightly") == settings["time_budget_s"]
    assert ("25%", "agent-perf.toml") == settings['limits."latency.p99"']
    assert (3, "AGENT_PERF_JOBS") == settings["jobs"]
    assert ("fail", "default") == settings["undecided"]


_SECRETS = """
[requests.chat.headers]
X-Api-Key = "hunter2hunter2"
Authorization = "Bearer ${MODEL_KEY}"
[requests.chat.json]
messages = [{ role = "user", content = "sk-hunter2hunter2" }]
[chaos.night]
url = "http://127.0.0.1:8000"
[chaos.night.workers.api]
command = "serve"
[chaos.night.workers.api.env]
DB_PASSWORD = "hunter2hunter2"
"""


@pytest.mark.parametrize("form", ["text", "json"])
def test_what_is_called_a_secret_is_not_shown(project, form: str) -> None:
    """
    Somebody wrote it into the file after all; the name of a variable that holds one is none.
    """
    (project / "agent-perf.toml").write_text(_SECRETS)
    done = _invoke("config", "--format", form)

    assert 0 == done.exit_code
    assert "hunter2" not in done.stdout
    assert "Bearer ${MODEL_KEY}" in done.stdout


def test_a_profile_may_stand_before_or_after_the_verb(project) -> None:
    """Both are meant alike, and neither outlives its command line."""
    before = _settings("--profile", "nightly", "config")

    assert before == _settings("config", "--profile", "nightly")
    assert "AGENT_PERF_PROFILE" not in os.environ


def test_what_a_verb_is_not_told_the_configuration_says(project, monkeypatch) -> None:
    """A budget comes from flag, then profile, then file, then the verb's own default."""
    seen = []

    def compare_refs(base, head, options):
        seen.append(options.time_budget_s)
        return 0

    monkeypatch.setattr("agent_perf.cli.compare.compare_refs", compare_refs)
    _invoke("compare", "--profile", "nightly", "--time-budget", "5")
    _invoke("compare", "--profile", "nightly")
    _invoke("compare")
    (project / "agent-perf.toml").write_text("")
    _invoke("compare")

    assert [5, 300, 20, 60] == seen


def test_help_needs_no_valid_configuration(project) -> None:
    """Who has a slip in the file can still read the help, which shows the verb's own defaults."""
    (project / "agent-perf.toml").write_text("tyme = 1\n")
    shown = _invoke("compare", "--help")

    assert 0 == shown.exit_code
    assert "[default: 60" in " ".join(shown.output.split())
    assert isinstance(_invoke("compare").exception, ConfigError)


def test_check_tells_all_slips_of_limits_and_targets(project) -> None:
    """What only the gate can know is checked as well, in every profile, and ends with 2."""
    (project / "agent-perf.toml").write_text(
        '[limits]\n"latencies.p95" = "1%"\n"work.*" = "lots"\n'
        '[profiles.ci.targets."agent.*"]\n"latency.p95" = "150"\n'
    )
    checked = _invoke("config", "check")

    assert 2 == checked.exit_code
    assert 3 == len(checked.stdout.splitlines())
    assert "did you mean 'latency'?" in checked.stdout


def test_check_of_what_is_right_ends_with_0(project) -> None:
    """It says which file it has looked at."""
    checked = _invoke("config", "check")

    assert 0 == checked.exit_code
    assert "agent-perf.toml is valid" in checked.stdout


def test_a_configuration_that_cannot_be_read_is_told_line_by_line(project) -> None:
    """Unknown keys come with their lines, in JSON as a list."""
    (project / "agent-perf.toml").write_text("job = 1\ntier = 2\n")
    checked = _invoke("config", "check", "--format", "json")

    problems = json.loads(checked.stdout)["problems"]
    assert ["agent-perf.toml:1:", "agent-perf.toml:2:"] == [p.split()[0] for p in problems]
