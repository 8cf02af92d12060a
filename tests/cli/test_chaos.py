from pathlib import Path

import pytest
from click.testing import CliRunner

from agent_perf.cli.app import cli
from agent_perf.errors import AgentPerfError

PLAN = """
[requests.order]
path = "/orders"
json = { id = "ID" }

[chaos.redis]
url = "http://127.0.0.1:9"
[chaos.redis.proxies.redis]
upstream = "127.0.0.1:6379"
[[chaos.redis.faults]]
kind = "reset"
proxy = "redis"
at_s = 5
[chaos.redis.writes]
request = "order"
read = "list"
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an experiment."""
    (tmp_path / "agent-perf.toml").write_text(PLAN)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_dry_run_breaks_nothing(project: Path) -> None:
    """
    --dry-run tells the timeline, and connects to nobody: nobody is there.
    """
    result = CliRunner().invoke(cli, ["chaos", "redis", "--dry-run"])

    assert 0 == result.exit_code
    assert [
        "    0.00 s  20 requests a second to http://127.0.0.1:9",
        "    5.00 s  the steady state must hold: success_ratio >= 99.9 %",
        "    5.00 s  redis reset: reset of redis",
        "   10.00 s  redis reset: the steady state must hold again",
        "   12.50 s  the last request is sent",
        "   12.50 s  what was acknowledged is read back",
    ] == result.stdout.splitlines()
    assert not (project / "reports").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["rediss"], r"no experiment 'rediss', \[chaos.rediss\].*did you mean 'redis'"),
        (["redis", "--worker", "api"], "--worker 'api'; want NAME=COMMAND"),
        (["redis", "--url", "http://shop.example"], "--allow-host shop.example"),
        (["redis", "--url", "http://{reddis}"], "no proxy 'reddis'; did you mean 'redis'"),
        # The request to read with is not there, and the one that writes has no place for an id.
        (["redis"], "no request 'list'"),
    ],
)
def test_what_cannot_be_is_refused(project: Path, options: list[str], message: str) -> None:
    """
    A wrong name, option or host ends with 2, and says what would do.
    """
    result = CliRunner().invoke(cli, ["chaos", *options])

    assert isinstance(result.exception, AgentPerfError)
    assert 2 == result.exception.exit_code
    with pytest.raises(AgentPerfError, match=message):
        raise result.exception


def test_writes_want_a_place_for_their_id(project: Path) -> None:
    """
    A request that writes without {n} is refused: its writes could not be told apart.
    """
    (project / "agent-perf.toml").write_text(PLAN + '[requests.list]\npath = "/orders"\n')
    result = CliRunner().invoke(cli, ["chaos", "redis"])

    assert isinstance(result.exception, AgentPerfError)
    assert "no {n} in its path or body" in str(result.exception)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("fors = 2", "faults[0].fors is unknown; did you mean 'for_s'?"),
        ('kind = "resets"', "want"),
        ("at_s = 0", "at_s"),
    ],
)
def test_wrong_keys_of_a_fault_are_refused(project: Path, line: str, message: str) -> None:
    """
    A key of a fault that is misspelled, or a value that cannot be, is an error with its place.
    """
    key = line.partition(" ")[0]
    kept = "\n".join(one for one in PLAN.splitlines() if not one.startswith(f"{key} "))
    text = kept.replace("[[chaos.redis.faults]]", f"[[chaos.redis.faults]]\n{line}")
    (project / "agent-perf.toml").write_text(text)
    result = CliRunner().invoke(cli, ["chaos", "redis", "--dry-run"])

    assert isinstance(result.exception, AgentPerfError)
    assert 2 == result.exception.exit_code
    assert message in str(result.exception)
