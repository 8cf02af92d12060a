"""Real services, asked by their own clients."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import asyncpg
import pytest
import redis
from click.testing import CliRunner

from agent_perf.cli.app import cli
from agent_perf.cli.tables import read_tables
from agent_perf.config import NamedRequest
from agent_perf.errors import BrokenError, UsageError
from agent_perf.live import ready
from agent_perf.live.calibration import (
    SAMPLES_MIN,
    Measured,
    Sampler,
    Wanted,
    measure_services,
    split_statements,
)
from agent_perf.records import TABLES_FILE
from agent_perf.sim import U53, default_tables
from tests.shop import git

ANSWER_S = 0.02


def measured(wanted: Wanted) -> Measured:
    """Return what asking for *wanted* comes to."""
    sampler = Sampler(rate_hz=wanted.rate_hz, count=wanted.count)
    return asyncio.run(measure_services(wanted, sampler))


@pytest.mark.parametrize(
    ("statement", "error", "told"),
    [
        ("CREATE TABLE agent_perf_never (n int)", UsageError, "gives no rows"),
        (
            "INSERT INTO pg_description VALUES (0, 0, 0, 'x') RETURNING 1",
            BrokenError,
            "cannot execute INSERT in a read-only transaction",
        ),
        ("SELECT generate_series(1, 10001)", UsageError, "more than 10,000 rows; give it a LIMIT"),
        ("SELEC 1", BrokenError, "PostgresSyntaxError"),
    ],
)
def test_statements_only_read(
    postgres_url: str, statement: str, error: type[Exception], told: str
) -> None:
    """
    What writes, gives too much, or is no SQL ends the measuring before its first sample.
    """
    wanted = Wanted(
        database=postgres_url, statements=(statement,), rate_hz=9_999.0, count=1, max_cost_usd=0.0
    )

    with pytest.raises(error, match=told):
        measured(wanted)


def test_what_a_function_writes_is_rolled_back(postgres_url: str) -> None:
    """
    Some functions write though a transaction is read-only (before PostgreSQL 16); nothing stays.
    """
    wanted = Wanted(
        database=postgres_url,
        statements=("SELECT lo_create(0)",),
        rate_hz=9_999.0,
        count=1,
        max_cost_usd=0.0,
    )

    async def objects() -> set[int]:
        connection = await asyncpg.connect(postgres_url)
        rows = await connection.fetch("SELECT oid FROM pg_largeobject_metadata")
        await connection.close()
        return {row[0] for row in rows}

    before = asyncio.run(objects())
    with contextlib.suppress(BrokenError):
        measured(wanted)

    assert before == asyncio.run(objects())


def test_a_file_of_statements() -> None:
    """
    Each statement ends with a semicolon at a line's end; comments and empty ones do not count.
    """
    text = "-- Two of them.\nSELECT ';'\n  AS a;\n\n;\nSELECT 2\n"

    assert ("SELECT ';'\n  AS a", "SELECT 2") == split_statements(text)
    with pytest.raises(UsageError, match="holds none"):
        split_statements("-- nothing\n")


@pytest.mark.slow
def test_this_machines_redis_and_database(
    redis_url: str, postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The whole command measures both into a file; measuring one again leaves the other as it was;
    no key and no table of ours is left behind.
    """
    git(tmp_path, "init", "--quiet")
    (tmp_path / "benchmarks").mkdir()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reads.sql").write_text("SELECT count(*) FROM pg_class;\nSELECT 2;\n")
    common = ("--rate", "400", "--count", "60")
    first = CliRunner().invoke(
        cli,
        [
            *("calibrate", "--redis", redis_url, "--database", postgres_url, *common),
            *("--statements", "reads.sql"),
        ],
    )
    assert 0 == first.exit_code, first.output
    before = read_tables(tmp_path / "benchmarks" / TABLES_FILE)
    again = CliRunner().invoke(cli, ["calibrate", "--redis", redis_url, *common])
    assert 0 == again.exit_code, again.output
    after = read_tables(tmp_path / "benchmarks" / TABLES_FILE)

    names = ["db.connect", "db.statement", "redis.connect", "redis.trip"]
    assert (
        names == [table.name for table in before.tables] == [table.name for table in after.tables]
    )
    assert before.tables[:2] == after.tables[:2]
    assert before.tables[3] != after.tables[3]
    assert {60} == {table.sample_count for table in after.tables}
    assert "PostgreSQL" in before.tables[0].service
    assert "2 statements" in before.tables[1].how
    # A connection with its greeting takes longer than a statement.
    assert before.tables[0].value_ns[140] > before.tables[1].value_ns[140] > 0
    with redis.Redis.from_url(redis_url) as client:
        assert [] == list(client.scan_iter("agent-perf:calibrate:*"))


class _Slow(BaseHTTPRequestHandler):
    """Answers after a known time."""

    protocol_version = "HTTP/1.1"
    # Head and body in one packet: apart, the second waits 40 ms for the first one's receipt.
    wbufsize = 65_536

    def do_GET(self) -> None:
        """Answer any path but one."""
        time.sleep(ANSWER_S)
        self.send_response(404 if self.path == "/lost" else 200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: object) -> None:
        """Be quiet."""


@pytest.fixture
def slow_url() -> Iterator[str]:
    """Where a service is that takes 20 ms."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Slow) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.mark.slow
def test_an_http_service_of_known_latency(slow_url: str) -> None:
    """
    A service that answers after 20 ms has 20 ms in its table, and what is no good answer ends it.
    """

    def wanted(path: str) -> Wanted:
        request = ready("one", NamedRequest(path=path), {})
        return Wanted(
            http=slow_url, requests=(request,), rate_hz=500.0, count=SAMPLES_MIN, max_cost_usd=0.0
        )

    connect, request = measured(wanted("/")).collected

    assert ("http.connect", "http.request") == (connect.name, request.name)
    ordered = sorted(request.waits_ns)
    # Some answers are not late even where others keep both cores busy.
    assert ANSWER_S < ordered[0] / 1e9 < ordered[SAMPLES_MIN // 10] / 1e9 < ANSWER_S * 2.5
    with pytest.raises(BrokenError, match="request 'one' was not answered as it should be: status"):
        measured(wanted("/lost"))


@pytest.mark.slow
def test_a_model_over_the_wire(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A served model whose shortest first token is known is never measured as faster, and what it says
    that it earned is what was spent.
    """
    git(tmp_path, "init", "--quiet")
    (tmp_path / "benchmarks").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", "any")
    model = subprocess.Popen(
        [sys.executable, "-m", "agent_perf", "model", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert model.stdout is not None
    try:
        url = next(line.partition("=")[2].strip() for line in model.stdout if "OPENAI_BASE" in line)
        found = CliRunner().invoke(
            cli,
            [
                *("calibrate", "--model", url, "--model-name", "gpt-4o-mini", "--yes"),
                *("--rate", "200", "--count", str(SAMPLES_MIN), "--format", "json"),
            ],
        )
    finally:
        model.terminate()
        told, _ = model.communicate(timeout=20)

    assert 0 == found.exit_code, found.output
    tables = {one["name"]: one for one in json.loads(found.stdout)["tables"]}
    first = default_tables()["llm.first_token"]
    assert tables["llm.first_token"]["value_ns"][0] >= first.value_ns[0]
    assert tables["llm.first_token"]["value_ns"][140] >= first.at(U53 // 2) * 0.8
    # One more than is kept, which warmed up.
    assert f"{SAMPLES_MIN + 1} calls" in told
    earned = float(told.rpartition("$")[2].strip())
    assert pytest.approx(earned, rel=0.05) == json.loads(found.stdout)["spent_usd"]
