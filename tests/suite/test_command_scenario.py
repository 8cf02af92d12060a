"""Commands as people declare them."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent_perf import command, scenario
from agent_perf.errors import ConfigError
from agent_perf.suite import load_catalog

HERE = Path(__file__)


def test_each_form_says_the_same() -> None:
    """Words, a function that returns them, and @scenario over a name give equal commands."""
    words = ["python", "-m", "app"]
    plain = command("batch.nightly", words, timeout="2min", env={"DAY": "1"})

    @command("batch.nightly", timeout=120, env={"DAY": "1"})
    def returned():
        return words

    @scenario("batch.nightly", command="python -m app", timeout="120s", env={"DAY": "1"})
    def decorated():
        """Nothing but a name."""

    assert plain.spec() == returned.spec() == decorated.spec()
    assert ("python", "-m", "app") == plain.spec().command
    assert (120.0, 1, 5, (0,)) == (
        plain.timeout_s,
        plain.warmup,
        plain.executions,
        plain.exit_codes,
    )
    assert HERE == plain.source == returned.source == decorated.source


def test_a_function_names_its_command() -> None:
    """Without a name it is the file's and the function's; targets are read as amounts."""

    @scenario(command=["true"], targets={"wall.total": "2s", "memory.peak": "200MiB"}, warmup=0)
    def nightly():
        """A batch."""

    @command
    def weekly():
        return ["true"]

    assert "test_command_scenario.nightly" == nightly.name
    assert "test_command_scenario.weekly" == weekly.name
    assert {"wall.total": 2.0, "memory.peak": 200 * 2**20} == nightly.targets
    assert 0 == nightly.warmup


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"timeout": 0}, "timeout=0.0; want seconds, > 0"),
        ({"timeout": "soon"}, "duration 'soon'"),
        ({"executions": 0}, "executions=0; want an integer >= 1"),
        ({"warmup": -1}, "warmup=-1; want an integer >= 0"),
        ({"env": {"DAY": 1}}, "env={'DAY': 1}; want text"),
        ({"stdin": b"x"}, "stdin=b'x'; want text"),
        ({"cwd": "../other"}, "want a folder below the repository's"),
        ({"cwd": "/tmp"}, "want a folder below the repository's"),
        ({"exit_codes": ()}, r"exit_codes=\(\); want integers"),
        ({"exit_codes": 1}, r"exit_codes=1; want integers, as \(0,\)"),
        ({"targets": {"latency.p95": "1s"}}, "latency.p95; a command has wall.total, cpu.total"),
    ],
)
def test_what_cannot_be_meant_is_refused(options, told) -> None:
    """The message has the value and the way out."""
    with pytest.raises(ConfigError, match=told):
        command("batch.nightly", ["true"], **options)


def test_misuse_of_the_decorators_is_named() -> None:
    """Options of simulated scenarios, functions with arguments, commands that are none."""
    with pytest.raises(ConfigError, match="users= is for what runs in virtual time; a command"):
        scenario(command=["true"], users=(1,))
    for option in ({"requests": 3}, {"seed": 7}, {"think": None}, {"cpu": "calls"}):
        with pytest.raises(ConfigError, match=f"{next(iter(option))}= is for what runs in virtual"):
            scenario(command=["true"], **option)
    with pytest.raises(ConfigError, match="p95= is for what runs in virtual time"):
        scenario(command=["true"], p95="1s")
    with pytest.raises(ConfigError, match="want a function that takes no arguments"):
        command(lambda world: ["true"])
    for wrong in (None, [], [1], "'"):
        with pytest.raises(ConfigError, match="want program and arguments"):
            command("batch.nightly")(_returning(wrong)).spec()
    with pytest.raises(ConfigError, match="want a name of family.name"):
        command("nightly", ["true"])
    for nameless in (["python", "-m", "myapp.batch"], "python -m myapp.batch"):
        with pytest.raises(ConfigError, match="want a name of family.name, .* before the command"):
            command(nameless)


def test_commands_are_found_beside_scenarios(tmp_path, monkeypatch) -> None:
    """A benchmark package holds both; one name for two of them is refused."""
    monkeypatch.syspath_prepend(str(tmp_path))
    for folder, twice in (("ones", ""), ("twos", "again = command('batch.nightly', ['false'])\n")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "__init__.py").write_text("")
        (tmp_path / folder / "batch.py").write_text(
            "from agent_perf import command\nnightly = command('batch.nightly', ['true'])\n" + twice
        )

    assert ("batch.nightly",) == tuple(one.name for one in load_catalog("ones", tmp_path).commands)
    with pytest.raises(ConfigError, match=r"two scenarios are named 'batch\.nightly'"):
        load_catalog("twos", tmp_path)


def _returning(value: object):
    def returned():
        return value

    return returned
