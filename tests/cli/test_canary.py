"""The verb canary: what it refuses, its limits, and its exit codes against real servers."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import jsonschema
import pytest

import agent_perf.report
from agent_perf.cli import canary as verb
from agent_perf.cli.canary import (
    CanaryOptions,
    judge_candidate,
    limits_of,
    requests_of,
    steps_of,
)
from agent_perf.config import Config, NamedRequest
from agent_perf.errors import UsageError
from agent_perf.live.canary import Answer, CanaryPlan, CanaryResult, SideSeen, StepResult
from tests.cli.command import agent_perf as run

NO_LIMITS = {"latency.p95": None, "latency.p99": "off", "error_ratio": None}
SCHEMA = json.loads((Path(agent_perf.report.__file__).parent / "schema/canary-1.json").read_text())
SERVER = """\
import asyncio, sys

delay_s, failing = float(sys.argv[1]), sys.argv[2] == "failing"
body = b"token s3cret-of-mine" if failing else b"ok"
answer = b"HTTP/1.1 %d X\\r\\ncontent-length: %d\\r\\n\\r\\n%s" % (503 if failing else 200, len(body), body)

async def handle(reader, writer):
    try:
        while True:
            await reader.readuntil(b"\\r\\n\\r\\n")
            await asyncio.sleep(delay_s)
            writer.write(answer)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionResetError):
        pass
    finally:
        writer.close()

async def main():
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
"""
CONFIG = """\
[requests.chat]
path = "/chat"
timeout_s = 5
headers = { authorization = "Bearer ${SHOP_TOKEN}" }
"""
TOKEN = {"SHOP_TOKEN": "s3cret-of-mine"}

Start = Callable[..., str]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a service, and return where it is."""
    script = tmp_path / "server.py"
    script.write_text(SERVER)
    (tmp_path / "agent-perf.toml").write_text(CONFIG)
    running: list[subprocess.Popen[str]] = []

    def begin(delay_s: float, *, failing: bool = False) -> str:
        command = [sys.executable, str(script), str(delay_s), "failing" if failing else "well"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        running.append(process)
        assert process.stdout is not None
        return f"http://127.0.0.1:{int(process.stdout.readline())}"

    yield begin
    for process in running:
        process.kill()
        process.communicate()


def canary(
    folder: Path, stable: str, candidate: str, *more: str
) -> subprocess.CompletedProcess[str]:
    """Run one short step of a canary. Medians are robust where the machine is busy, P95 are not."""
    options = ("--steps", "50", "--rate", "60", "--for", "26", "--warm-up", "0")
    return run(
        folder, "canary", "--stable", stable, "--candidate", candidate, *options, *more, **TOKEN
    )


@pytest.mark.slow
def test_a_candidate_as_good_is_promoted(start: Start, tmp_path: Path) -> None:
    """
    Exit code 0, a document that its schema accepts, and a page of Markdown.
    """
    done = canary(
        tmp_path, start(0.2), start(0.2), "--p50", "+400%", "--p95", "off", "--errors", "+20%",
        "--format", "json", "--markdown", "told.md",
    )  # fmt: skip
    told = json.loads(done.stdout)

    assert 0 == done.returncode, done.stderr
    jsonschema.validate(told, SCHEMA)
    assert ("promote", True, 0) == (told["outcome"], told["successful"], told["exit_code"])
    assert {"fine"} == {one["answer"] for one in told["steps"][0]["findings"]}
    assert told["steps"][0]["stable"]["requests"] in {487, 488, 780}
    assert "## Canary: promote" in (tmp_path / "told.md").read_text()


@pytest.mark.slow
def test_a_slow_candidate_is_rolled_back(start: Start, tmp_path: Path) -> None:
    """
    Exit code 1, and the last line says why. What a busy machine leaves open of P95, P50 tells.
    """
    done = canary(tmp_path, start(0.02), start(1.5), "--p50", "+50%", "--p95", "+50%")

    assert 1 == done.returncode, done.stdout + done.stderr
    assert "ROLL BACK: surely worse at 50 %: latency.p" in done.stdout.splitlines()[-1]


@pytest.mark.slow
def test_a_failing_candidate_is_rolled_back_and_tells_no_secret(
    start: Start, tmp_path: Path
) -> None:
    """
    What it says of its failure is told without what it was sent.
    """
    done = canary(tmp_path, start(0.02), start(0.02, failing=True), "--format", "json")
    told = json.loads(done.stdout)

    assert 1 == done.returncode, done.stderr
    jsonschema.validate(told, SCHEMA)
    assert ("rollback", False) == (told["outcome"], told["successful"])
    assert {"status": 487} == told["steps"][0]["candidate"]["errors"]
    assert "503: token [redacted]" == told["steps"][0]["candidate"]["first_error"]
    assert TOKEN["SHOP_TOKEN"] not in done.stdout + done.stderr


@pytest.mark.slow
def test_what_is_not_known_is_held(start: Start, tmp_path: Path) -> None:
    """
    Exit code 4 for limits that so few requests cannot tell.
    """
    pair = start(0.02), start(0.02)
    done = canary(tmp_path, *pair, "--p95", "off", "--errors", "+0.1%", "--for", "16")

    assert 4 == done.returncode, done.stderr
    assert "HOLD: neither surely fine nor surely worse in error_ratio" in done.stdout


def test_what_is_not_known_may_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    With --undecided pass a hold is successful, as a job of a rollout's early step wants it; a
    roll-back never is.
    """
    side = SideSeen(requests=1, failed=0, errors={}, detail="", p50_s=None, p95_s=None, p99_s=None)

    async def ended(plan: CanaryPlan, *_: object) -> CanaryResult:
        step = StepResult(
            number=1,
            share=0.5,
            answer=answer,
            length_s=16.0,
            stable=side,
            candidate=side,
            findings=(),
        )
        return CanaryResult(stable="a", candidate="b", steps=(step,), planned=len(plan.steps))

    monkeypatch.setattr(verb, "roll_out", ended)
    monkeypatch.setattr(verb, "requests_of", lambda *_: ())
    codes = {}
    for answer in Answer:
        for undecided in (None, "pass"):
            local = options(
                stable="http://localhost", candidate="http://localhost", undecided=undecided
            )
            codes[answer.value, undecided] = judge_candidate((), local)

    assert {
        ("fine", None): 0, ("fine", "pass"): 0, ("open", None): 4, ("open", "pass"): 0,
        ("worse", None): 1, ("worse", "pass"): 1,
    } == codes  # fmt: skip


@pytest.mark.slow
def test_without_the_stable_service_there_is_no_answer(start: Start, tmp_path: Path) -> None:
    """
    Exit code 3: a candidate is not better than nothing.
    """
    done = canary(tmp_path, "http://127.0.0.1:9", start(0.02))

    assert 3 == done.returncode
    assert re.search("answered none of 48[78] requests", done.stderr)


def options(**given: object) -> CanaryOptions:
    """Return options of which only *given* matter."""
    return CanaryOptions(**{"limits": NO_LIMITS, **given})  # type: ignore[arg-type]


def test_limits_come_from_the_project() -> None:
    """
    P95 15 % and errors 1 % by default; what the project says of latencies, success and of the
    benchmark canary holds; an option holds over all.
    """

    def told(config: Config, **given: str | None) -> list[tuple[str, float]]:
        limits = {**NO_LIMITS, **{key.replace("_", ".", 1): v for key, v in given.items()}}
        return [(one.metric, one.most) for one in limits_of(config, limits)]

    assert [("latency.p95", 0.15), ("error_ratio", 0.01)] == told(Config())
    own = Config(limits={"canary:latency.p95": "30%", "success_ratio": "2%"})
    assert [("latency.p95", 0.3), ("error_ratio", 0.02)] == told(own)
    assert [("latency.p95", 0.2), ("error_ratio", 0.02)] == told(own, latency_p95="+20%")
    assert [("error_ratio", 0.02)] == told(own, latency_p95="off")
    assert [("latency.p95", 0.15)] == told(Config(limits={"success_ratio": "off"}))
    for wrong, why in (("fast", "'fast' is no limit; want a percentage"), ("+0", "never surely")):
        with pytest.raises(UsageError, match=f"--p95 .*{why}"):
            told(Config(), latency_p95=wrong)


def test_steps_are_rising_shares() -> None:
    """
    Per cent, with the sign or without.
    """
    assert [0.05, 0.25] == [one.share for one in steps_of(options(steps="5, 25%"))]
    for wrong, why in (("5,x", "'x' is no share"), ("25,5", "rising"), ("0", "above 0 %")):
        with pytest.raises(UsageError, match=why):
            steps_of(options(steps=wrong))


def test_requests_are_those_named_or_all() -> None:
    """
    A weight on the command line holds over the configured one.
    """
    known = {"chat": NamedRequest(weight=3), "health": NamedRequest()}

    def told(*names: str) -> dict[str, int]:
        return {one.name: one.weight for one in requests_of(names, known)}

    assert {"chat": 3, "health": 1} == told()
    assert {"chat": 3} == told("chat")
    assert {"chat": 7, "health": 1} == told("chat=7", "health")
    for wrong, why in (("chta", "did you mean"), ("chat=0", "whole number")):
        with pytest.raises(UsageError, match=why):
            told(wrong)
    with pytest.raises(UsageError, match="no request to send"):
        requests_of((), {})


def test_hosts_are_allowed_by_name() -> None:
    """
    Neither side may be another machine unless it is named.
    """
    with pytest.raises(UsageError, match="--stable URL"):
        judge_candidate((), options())
    with pytest.raises(UsageError, match="--allow-host shop.example"):
        judge_candidate((), options(stable="http://localhost", candidate="http://shop.example"))
