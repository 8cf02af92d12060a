"""The table of exit codes, each row end to end on a small real repository."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.cli.command import ROOT, agent_perf
from tests.shop import APP, commit, make_shop, write

SCENARIOS = """\
import signal
import time
from pathlib import Path

from agent_perf import scenario
from shop_app import answer


@scenario("shop.promise", users=(1,), requests=120, targets={"latency.p50": 0.001})
async def promise(world):
    async def request(ask):
        return await answer(world)

    yield request


@scenario("shop.rare", users=(1,), requests=10, targets={"latency.p99": 10.0})
async def rare(world):
    yield lambda ask: answer(world)


@scenario("shop.broken", users=(1,), requests=10)
async def broken(world):
    async def request(ask):
        raise KeyError("no answer")

    yield request


@scenario("shop.kept", users=(1,), requests=10)
async def kept(world):
    yield lambda ask: answer(world)


# The rehearsal asks once: it is the second request that hangs.
@scenario("shop.stuck", users=(1,), requests=2)
async def stuck(world):
    async def request(ask):
        if ask.index:
            signal.pause()

    yield request


def dear(load):
    @scenario(f"shop.dear{load}", users=(1,), requests=20)
    async def build(world):
        client = world.http.client(headers={"Authorization": "Bearer key"})
        question = {"model": "gpt-4o", "messages": [{"role": "user", "content": "How much?"}]}

        async def request(ask):
            answer = await client.post(f"{world.llm.base_url}/chat/completions", json=question)
            answer.raise_for_status()
        yield request
        await client.aclose()

    return build


dear_one, dear_two = dear(1), dear(2)
"""

VIOLATION = re.compile(r"FAIL \S+ \S+ observed=\S+ limit=\S+ interval=\S+( .*)?")
"""``FAIL benchmark metric observed=… limit=… interval=…``, and what may follow."""


@dataclass(frozen=True, kw_only=True)
class Shop:
    """The repository, and its commits: equal, and one that looks up twice."""

    root: Path
    base: str
    same: str
    worse: str


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    root = make_shop(tmp_path_factory.mktemp("codes") / "shop")
    write(root, "benchmarks/others.py", SCENARIOS)
    base = commit(root, "Promise more")
    write(root, "notes.txt", "one")
    same = commit(root, "Take a note")
    write(root, "shop_app.py", APP.replace("LOOKUPS = 1", "LOOKUPS = 2"))
    return Shop(root=root, base=base, same=same, worse=commit(root, "Look up twice"))


def compare(shop: Shop, head: str, only: str, *more: str) -> subprocess.CompletedProcess[str]:
    """Compare one scenario with the base."""
    return agent_perf(shop.root, "compare", shop.base, head, "--only", only, *more)


def test_0_pass(shop: Shop) -> None:
    """
    Nothing became worse: 0, and no line that says FAIL.
    """
    done = compare(shop, shop.same, "shop.answer")

    assert (0, "") == (done.returncode, "".join(re.findall("FAIL.*", done.stdout)))
    assert "PASS" in done.stdout


def test_1_regression(shop: Shop) -> None:
    """
    A regression: 1, and a line for each violation with what was observed, limit and interval.
    """
    done = compare(shop, shop.worse, "shop.answer@1")
    told = [line for line in done.stdout.splitlines() if VIOLATION.fullmatch(line)]

    assert 1 == done.returncode
    assert (
        "FAIL shop.answer@1 work.tool_calls observed=120->240(+100%) limit=+0% interval=exact"
        in told
    )


def test_1_target_breached(shop: Shop) -> None:
    """
    A target missed, though nothing changed: 1, and its line names the limit.
    """
    done = compare(shop, shop.same, "shop.promise")
    told = [line for line in done.stdout.splitlines() if VIOLATION.fullmatch(line)]

    assert 1 == done.returncode
    assert [line for line in told if re.search(r"latency\.p50 .* limit=1ms interval=none", line)]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("compare", "nowhere"), "no commit 'nowhere'"),
        (("compare", "--no-such-option"), "--no-such-option"),
        (("compare", "--max-cost", "-1"), "-1"),
    ],
)
def test_2_usage(shop: Shop, arguments: tuple[str, ...], said: str) -> None:
    """
    What cannot be used as given: 2, and the value is named.
    """
    done = agent_perf(shop.root, *arguments)

    assert 2 == done.returncode
    assert said in done.stderr


def test_2_configuration(tmp_path: Path) -> None:
    """
    A configuration that is not valid: 2, and the value is named.
    """
    folder = make_shop(tmp_path / "shop")
    write(folder, "agent-perf.toml", "max_cost_usd = -3\n")
    done = agent_perf(folder, "ci")

    assert 2 == done.returncode
    assert "max_cost_usd" in done.stderr
    assert "-3" in done.stderr


def test_3_broken(shop: Shop) -> None:
    """
    A benchmark that gives no value: 3, and a line with what it raised.
    """
    done = compare(shop, shop.same, "shop.broken")

    assert 3 == done.returncode
    assert re.search(r"^BROKEN shop\.broken@1 .*KeyError", done.stdout, re.MULTILINE)


@pytest.mark.slow
def test_4_undecided(shop: Shop) -> None:
    """
    A promise that ten requests cannot carry: 4; with --undecided pass, 0 and the same line.
    """
    done = compare(shop, shop.same, "shop.rare")
    passed = compare(shop, shop.same, "shop.rare", "--undecided", "pass")
    line = re.compile(r"^UNDECIDED shop\.rare@1 latency\.p99 ", re.MULTILINE)

    assert (4, 0) == (done.returncode, passed.returncode)
    assert line.search(done.stdout)
    assert line.search(passed.stdout)


def test_5_nothing_measured(shop: Shop) -> None:
    """
    Nothing to judge is no pass: 5.
    """
    done = compare(shop, shop.same, "shop.nowhere")

    assert 5 == done.returncode
    assert "NOTHING measured" in done.stdout


@pytest.mark.slow
def test_6_cost_cut_off(shop: Shop) -> None:
    """
    Model calls that cost more than they may end the measuring: 6, and a line that tells spent,
    limit and what would have gone on. What was finished is kept: the next time it goes on.
    """
    first = agent_perf(
        shop.root, "run", "--only", "shop.dear*", "--jobs", "1", "--max-cost", "0.0001"
    )
    told = re.search(r"COST spent=\$(\S+) limit=\$0.0001 left=1 next=shop.dear2@1", first.stderr)
    judged = compare(shop, "HEAD", "shop.dear*", "--max-cost", "0.0001")

    assert 6 == first.returncode
    assert told is not None
    assert float(told[1]) > 0.0001
    assert 6 == judged.returncode
    assert "COST CUT-OFF" in judged.stdout
    assert re.search(r"^COST spent=\S+ limit=\S+ left=[12] ", judged.stdout, re.MULTILINE)


@pytest.mark.slow
def test_6_of_a_load(shop: Shop) -> None:
    """
    A load sends no more requests once its model calls have cost too much: 6, on every machine
    after as many requests.
    """
    done = agent_perf(
        shop.root, "load", "shop.dear1", "--rate", "10", "--for", "60", "--max-cost", "0.01"
    )
    told = re.search(
        r"^COST spent=\$(\S+) limit=\$0.01 left=1 next=shop.dear1$", done.stderr, re.MULTILINE
    )

    assert 6 == done.returncode
    assert told is not None
    assert 0.01 < float(told[1]) < 0.02
    assert "no more requests were sent after" in f"{done.stdout}{done.stderr}"


@pytest.mark.slow
def test_130_interrupted(shop: Shop) -> None:
    """
    Ctrl-C while it measures: 130, no process is left behind, and what was finished is kept.
    """
    only = ["--only", "shop.kept", "--only", "shop.stuck", "--fresh"]
    with subprocess.Popen(
        [sys.executable, "-m", "agent_perf", "compare", shop.base, shop.same, *only],
        cwd=shop.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"},
    ) as process:
        wait_until(lambda: len(kept(shop)) == 2)
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)

    assert 130 == process.returncode
    assert children
    assert not [child for child in children if is_alive(child)]
    assert 2 == len(kept(shop))
    assert "interrupted" in said
    assert "Traceback" not in said


def kept(shop: Shop) -> list[Path]:
    """The stored runs of the scenario that is measured before the one that hangs."""
    return sorted(shop.root.glob(".agent-perf/results/**/shop.kept*"))


def is_alive(process: psutil.Process) -> bool:
    """Whether it still runs; one that nobody has buried yet does not."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_until(is_so: Callable[[], bool], *, at_most_s: float = 30.0) -> None:
    """Wait for another process; fail if it takes too long."""
    end_s = time.monotonic() + at_most_s
    while not is_so():
        assert time.monotonic() < end_s, "it takes too long"
        time.sleep(0.05)
