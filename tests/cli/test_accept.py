"""``agent-perf accept``, and the gate with what it wrote."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click import BadParameter
from click.testing import CliRunner

from agent_perf.cli.accept import accept_commands
from agent_perf.cli.verbs.accept import verb as accept_verb
from agent_perf.errors import ConfigError, UsageError
from agent_perf.waivers import load_accepted
from tests.cli.command import agent_perf
from tests.shop import APP, commit, git, make_shop, write

FILE = "agent-perf-waivers.toml"
TODAY = datetime.now(UTC).date()
LATER = f"{TODAY + timedelta(days=40)}"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_shop(tmp_path_factory.mktemp("accept") / "shop")
    write(folder, "shop_app.py", APP.replace("LOOKUPS = 1", "LOOKUPS = 2"))
    commit(folder, "Look up twice")
    return folder


def accept(folder: Path, *names: str, until: str = LATER, reason: str = "known, issue 7") -> int:
    done = agent_perf(folder, "accept", *names, "--reason", reason, "--until", until)
    assert "Traceback" not in done.stderr
    return done.returncode


@pytest.mark.slow
def test_what_is_accepted_passes(shop: Path) -> None:
    """
    The report names the command for what fails; what it writes lets the gate pass, and tell.
    """
    failed = agent_perf(shop, "compare", "--exact-only")
    page = (shop / "reports/index.html").read_text()
    write(shop, FILE, "# Agreed on.\n")
    for benchmark in ("shop.answer@1", "shop.answer@5"):
        assert f"agent-perf accept {benchmark} " in page
        assert 0 == accept(shop, benchmark, "*")
    passed = agent_perf(shop, "compare", "--exact-only")

    assert (1, 0) == (failed.returncode, passed.returncode)
    assert "WAIVED shop.answer@1 work.tool_calls observed=" in passed.stdout
    assert f"until={LATER}" in passed.stdout
    assert "known, issue 7" in (shop / "reports/index.html").read_text()
    assert "known, issue 7" in (shop / "reports/junit.xml").read_text()
    assert (shop / FILE).read_text().startswith("# Agreed on.\n\n[[waiver]]\n")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    git(tmp_path, "init", "--quiet")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ask(*arguments: str) -> BaseException | None:
    """Run the verb in this process; return what it was ended by."""
    return CliRunner().invoke(accept_verb, arguments, standalone_mode=False).exception


@pytest.mark.parametrize(
    ("names", "until", "reason", "said"),
    [
        (("*", "*"), LATER, "x", "accept everything; name the benchmark or the metric"),
        (("a", "b"), f"{TODAY - timedelta(days=2)}", "x", "is past, today is"),
        (("a", "b"), "Christmas", "x", "'Christmas' does not match the format '%Y-%m-%d'"),
        (("a", "b"), LATER, " ", "reason is empty; say why"),
        (("a", "b", "--at-most", "much"), LATER, "x", "limit 'much'; want a percentage"),
        (("a", "latncy.p95"), LATER, "x", "did you mean 'latency'?"),
    ],
)
def test_what_cannot_be_accepted(project: Path, names, until, reason, said) -> None:
    """
    Nothing is written that the gate would refuse, and the message says what would do.
    """
    error = ask(*names, "--reason", reason, "--until", until)

    assert isinstance(error, UsageError | BadParameter)
    assert said in str(error)
    assert not (project / FILE).exists()


def test_an_entry_is_appended_once(project: Path) -> None:
    """
    The entry stands in the file that the configuration names, and is not written twice.
    """
    (project / "agent-perf.toml").write_text('waivers = "ci/accepted.toml"\n')
    wish = ("test_get[lru]", "wall.*", "--reason", "x", "--until", LATER, "--at-most", "30%")
    ended = ask(*wish), ask(*wish)
    (waiver,) = load_accepted(project / "ci/accepted.toml").waivers

    assert ended[0] is None
    assert isinstance(ended[1], ConfigError)
    assert ("test_get[lru]", "wall.*", 0.3) == (
        waiver.benchmark,
        waiver.metric,
        waiver.at_most_ratio,
    )


def test_a_name_does_nothing_to_the_terminal(project: Path) -> None:
    """
    What is said of a name is one line without control characters.
    """
    arguments = ["a\nFAIL \x1b[31mb", "wall.*", "--reason", "x", "--until", LATER]
    said = CliRunner().invoke(accept_verb, arguments).stderr

    assert said.startswith(r"accepted a FAIL \x1b[31mb wall.* until ")
    assert 1 == said.count("\n")


def test_commands_are_for_the_shell() -> None:
    """
    A name with signs that a shell would read is quoted, and of many only some are shown.
    """
    failing = [(f"test_get[a {index}]", "wall.median") for index in range(9)]
    first, *rest = accept_commands(failing)

    assert first.line.startswith("agent-perf accept 'test_get[a 0]' wall.median --reason '...'")
    assert 2 == len(rest)


def test_one_command_accepts_a_benchmark(project: Path) -> None:
    """
    All metrics that fail of a benchmark are one command, and it writes an entry for each.
    """
    metrics = ["latency.p95", "work.db_statements", "work.llm_tokens_in"]
    (command,) = accept_commands([("agent.chat@50", metric) for metric in metrics])
    words = shlex.split(command.line.replace("'...'", "'issue 7'"))
    error = ask(*words[2:])
    waivers = load_accepted(project / FILE).waivers

    assert ["agent-perf", "accept", "agent.chat@50", *metrics] == words[:6]
    assert error is None
    assert metrics == [one.metric for one in waivers]
    assert {"agent.chat@50"} == {one.benchmark for one in waivers}


def test_a_broken_promise_is_accepted_by_its_command(project: Path) -> None:
    """
    What the report of a broken promise about faults says to type is taken as it stands.
    """
    (command,) = accept_commands([("agent.chat@50", "check.recovery.redis_outage")])
    error = ask(*shlex.split(command.line.replace("'...'", "'issue 7'"))[2:])
    (waiver,) = load_accepted(project / FILE).waivers

    assert error is None
    assert "check.recovery.redis_outage" == waiver.metric


def test_many_metrics_are_named_by_family() -> None:
    """
    A benchmark of which nearly everything fails is accepted by families of metrics.
    """
    failing = [("agent.chat@50", f"work.count_{index}") for index in range(6)]
    (command,) = accept_commands([*failing, ("agent.chat@50", "latency.p95")])

    assert "accept agent.chat@50 'work.*' latency.p95 --reason" in command.line


def test_nothing_is_written_of_a_part(project: Path) -> None:
    """
    If one of the metrics cannot be accepted, none is.
    """
    error = ask("agent.chat@50", "latency.p95", " ", "--reason", "x", "--until", LATER)

    assert isinstance(error, ConfigError | UsageError)
    assert not (project / FILE).exists()


@pytest.mark.slow
def test_an_expired_or_broken_file_is_loud(shop: Path) -> None:
    """
    A waiver past its day ends with 1 and its own line; a file that is none ends with 2, before
    anything is measured.
    """
    write(
        shop,
        FILE,
        '[[waiver]]\nbenchmark = "shop.*"\nmetric = "*"\nreason = "x"\nuntil = 2020-01-31\n',
    )
    expired = agent_perf(shop, "compare", "--exact-only")
    write(shop, FILE, '[[waiver]]\nbenchmark = "shop.*"\nmetric = "*"\nuntil = 2020-01-31\n')
    broken = agent_perf(shop, "compare", "--exact-only")

    assert 1 == expired.returncode
    assert "FAIL shop.* * waiver=expired until=2020-01-31" in expired.stdout
    assert 2 == broken.returncode
    assert "agent-perf-waivers.toml: waiver 1: no reason" in broken.stderr
    assert "" == broken.stdout
