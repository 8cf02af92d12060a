"""``agent-perf calibrate`` of services: plans, consent, and what nobody may see."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from agent_perf import codec
from agent_perf.cli import calibrate_services
from agent_perf.cli.app import cli
from agent_perf.cli.tables import read_tables
from agent_perf.errors import AgentPerfError, BrokenError, UsageError
from agent_perf.live.calibration import Collected, Measured, Origin
from agent_perf.records import TABLES_FILE
from tests.shop import git
from tests.sim.test_own_tables import tables_file

_CONFIG = """
[requests.health]
path = "/health"
[requests.chat]
path = "/chat"
json = {message = "hello"}
[requests.tail]
path = "/tail"
stream = true
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with benchmarks and requests, as the current folder."""
    git(tmp_path, "init", "--quiet")
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "agent-perf.toml").write_text(_CONFIG)
    monkeypatch.chdir(tmp_path)
    return tmp_path


class Listener:
    """
    Somebody who counts who comes, and hangs up.

    Attributes:
        port: Where.
        count: How many came.
    """

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.count = 0
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            with connection:
                if connection.recv(4) == b"end!":
                    return
                self.count += 1

    def close(self) -> None:
        """Stop."""
        with socket.create_connection(("127.0.0.1", self.port)) as end:
            end.sendall(b"end!")
        self._thread.join()
        self._socket.close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    """One that ends with the test."""
    one = Listener()
    yield one
    one.close()


def calibrated(*arguments: str) -> Result:
    """Return what the verb comes to."""
    return CliRunner().invoke(cli, ["calibrate", *arguments])


def error_of(*arguments: str) -> AgentPerfError:
    """Return the error that the verb ends with."""
    error = calibrated(*arguments).exception
    assert isinstance(error, AgentPerfError)
    return error


def test_a_dry_run_sends_nothing(project: Path, listener: Listener) -> None:
    """
    It tells whom it would ask what, how often, how fast and for how much, and asks nobody.
    """
    at = f"127.0.0.1:{listener.port}"
    found = calibrated(
        *("--redis", f"redis://u:pa55word@{at}/0", "--database", f"postgresql://{at}/shop"),
        *("--http", f"http://{at}", "--model", f"http://{at}/v1", "--model-name", "gpt-4o-mini"),
        *("--rate", "20", "--dry-run"),
    )

    assert (0, 0) == (found.exit_code, listener.count)
    assert not list((project / "benchmarks").iterdir())
    assert f"redis://{at}/0: 205 times GET of a key that is not there" in found.stderr
    assert f"postgresql://{at}/shop: 205 times SELECT 1, in a read-only" in found.stderr
    # Of the configured requests, the one that only reads.
    assert f"http://{at}: 205 times GET health\n" in found.stderr
    assert "201 times one short question to gpt-4o-mini, 64 tokens" in found.stderr
    assert "at most 20 a second: 72 s or more" in found.stderr
    assert "dry run: nothing was sent" in found.stderr
    assert "pa55word" not in found.output

    free = calibrated("--redis", f"redis://{at}/0", "--dry-run")

    assert "$" not in free.output


def test_what_is_not_asked_wants_no_variable(project: Path) -> None:
    """
    A chat whose token is not set is left out, as it is no GET; asked for by name, it is told.
    """
    with (project / "agent-perf.toml").open("a") as file:
        file.write(
            "\n[requests.tokened]\npath = '/'\njson = {}\nheaders = { x = '${NO_SUCH_TOKEN}' }\n"
        )
    http = ("--http", "http://127.0.0.1:9", "--dry-run")

    assert 0 == calibrated(*http).exit_code
    assert "NO_SUCH_TOKEN" in str(error_of(*http, "--request", "tokened"))


def test_a_url_with_a_path_is_what_is_asked(project: Path) -> None:
    """
    Without --request it is asked itself, whatever is configured; with one, it is before its path.
    """
    url = "http://127.0.0.1:9/v1/Items"
    itself = calibrated("--http", f"{url}?page=2", "--dry-run")
    before = calibrated("--http", url, "--request", "health", "--dry-run")

    assert "http://127.0.0.1:9: 205 times GET v1-items\n" in itself.stderr
    assert f"{url}: 205 times GET health\n" in before.stderr
    assert "leave out one of them" in str(
        error_of("--http", f"{url}?page=2", "--request", "health")
    )


def test_a_dry_run_for_programs(project: Path) -> None:
    """
    Its plan as JSON holds the same figures.
    """
    found = calibrated(
        *("--model", "http://127.0.0.1:9/v1", "--model-name", "mine", "--model-price", "1/2"),
        *("--dry-run", "--format", "json"),
    )
    plan = json.loads(found.stdout)

    step = plan["plan"]["steps"][0]
    assert 201 == step["count"]
    assert plan["most_usd"] == step["most_nanousd"] / 1e9 <= 0.05


def test_money_and_other_machines_want_consent(project: Path, listener: Listener) -> None:
    """
    What costs, or asks another machine, is not begun where nobody can agree: exit code 2.
    """
    at = f"127.0.0.1:{listener.port}"
    paid = error_of("--model", f"http://{at}/v1", "--model-name", "gpt-4o-mini")
    far = error_of("--redis", "redis://cache.test:6379", "--allow-host", "cache.test")

    assert "--dry-run, then give --yes" in str(paid)
    assert "--dry-run, then give --yes" in str(far)
    assert (2, 0) == (paid.exit_code, listener.count)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--redis", "redis://cache.test"], "--allow-host cache.test"),
        (["--database", "postgresql://db.test/shop"], "--allow-host db.test"),
        (["--http", "http://shop.test"], "--allow-host shop.test"),
        (["--http", "ftp://127.0.0.1"], "--http wants an address such as"),
        (["--redis", "redis://127.0.0.1", "--count", "20"], "a P95 wants 59 latencies"),
        (["--dry-run"], "--dry-run has no meaning without a service"),
        (["--http", "http://127.0.0.1", "--request", "health", "--request", "x"], "no request 'x'"),
        (["--http", "http://127.0.0.1", "--request", "tail"], "'tail' is a stream"),
        (["--redis", "redis://:${NOWHERE_SET}@127.0.0.1"], r"\$\{NOWHERE_SET\}, which is not set"),
        (
            ["--redis", "redis://127.0.0.1", "--statements", "x.sql"],
            "--statements has no meaning without --data",
        ),
        (["--model", "http://127.0.0.1/v1"], "--model needs --model-name"),
        (["--model", "http://127.0.0.1/v1", "--model-name", "mine"], "give --model-price IN/OUT"),
        (
            ["--model", "http://127.0.0.1/v1", "--model-name", "m", "--model-price", "-1/2"],
            "want IN/OUT in dollars",
        ),
        (
            ["--model", "http://127.0.0.1/v1", "--model-name", "o3", "--max-cost", "0.001"],
            r"59 answers of 'o3' may cost, \$0\.\d+: nothing would come of it",
        ),
        (["--database", "mysql://127.0.0.1/shop"], "no address of a PostgreSQL"),
    ],
)
def test_what_cannot_be_asked_is_told(project: Path, arguments: list[str], told: str) -> None:
    """
    The message names the value and the way out; nothing was sent.
    """
    error = error_of(*arguments)

    assert isinstance(error, UsageError)
    with pytest.raises(UsageError, match=told):
        raise error


def test_a_password_is_never_told(
    project: Path, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A service that hangs up is told by its address alone, whatever its client says of it.
    """
    monkeypatch.setenv("SHOP_PASSWORD", "pa55word")
    for option, scheme in (("--redis", "redis"), ("--database", "postgresql")):
        error = error_of(
            option, f"{scheme}://u:${{SHOP_PASSWORD}}@127.0.0.1:{listener.port}/0", "--rate", "999"
        )

        assert isinstance(error, BrokenError)
        assert f"at {scheme}://127.0.0.1:{listener.port}/0 cannot be measured" in str(error)
        assert "pa55word" not in str(error)
    assert not list((project / "benchmarks").iterdir())


def test_what_was_measured_is_kept(project: Path, redis_url: str) -> None:
    """
    A service that is not there ends with 3, and what was measured of another one before is kept.
    """
    error = error_of(
        *("--redis", redis_url, "--database", "postgresql://127.0.0.1:1/shop"),
        *("--rate", "9999", "--count", "59"),
    )

    assert "the PostgreSQL at postgresql://127.0.0.1:1/shop cannot be measured" in str(error)
    assert 3 == error.exit_code
    kept = read_tables(project / "benchmarks" / TABLES_FILE)
    assert ["redis.connect", "redis.trip"] == [table.name for table in kept.tables]


@pytest.mark.parametrize(("cut_off", "code"), [(False, 3), (True, 6)])
def test_too_few_latencies_make_no_table(
    project: Path, monkeypatch: pytest.MonkeyPatch, cut_off: bool, code: int
) -> None:
    """
    A table of too few is left out and told: with 6 if money ended it, or else with 3.
    """
    few = Collected(
        name="llm.token",
        origin=Origin(service="mine", where="this machine", rate_hz=5.0),
        how="in one piece",
        waits_ns=(7,) * 58,
    )
    enough = replace(few, name="llm.first_token", waits_ns=(7,) * 59)

    async def measure(_wanted: object, _sampler: object, keep: Any) -> Measured:
        keep((enough, few))
        return Measured(collected=(enough, few), spent_nanousd=5_000_000, is_cut_off=cut_off)

    monkeypatch.setattr(calibrate_services, "measure_services", measure)
    found = calibrated("--redis", "redis://127.0.0.1", "--format", "json")

    assert code == found.exit_code
    assert "table 'llm.token': 58 latencies, and a P95 wants 59" in found.stderr
    told = json.loads(found.stdout)
    assert (0.005, 1, 1) == (told["spent_usd"], len(told["tables"]), len(told["missing"]))
    kept = read_tables(project / "benchmarks" / TABLES_FILE)
    assert ["llm.first_token"] == [table.name for table in kept.tables]


def test_config_tells_of_tables(project: Path) -> None:
    """
    `config` tells which tables hold; `config check` and `doctor` tell what is wrong with them.
    """
    path = project / "benchmarks" / TABLES_FILE

    def invoked(*arguments: str) -> Result:
        return CliRunner().invoke(cli, arguments)

    assert "latency tables: those of agent-perf; benchmarks/" in invoked("config").stdout

    path.write_bytes(codec.dump_tables(tables_file(redis__trip=5, db__statement=6)))
    told = f"benchmarks/{TABLES_FILE}: redis.trip, db.statement; the oldest of 2026-11-21"
    names = json.loads(invoked("config", "--format", "json").stdout)["latency_tables"]

    assert told in invoked("config").stdout
    assert ["redis.trip", "db.statement"] == names
    doctor = ("doctor", "--no-noise", "--no-scenarios")
    assert told in invoked(*doctor).stdout

    path.write_text("{}")

    assert str(path) in invoked("config", "check").stdout
    assert 2 == invoked("config", "check").exit_code
    assert 3 == invoked(*doctor).exit_code
