import asyncio
import shlex
import sys
from dataclasses import replace

import httpx
import pytest

from agent_perf.config import ChaosWrites, NamedRequest
from agent_perf.errors import ConfigError
from agent_perf.live import Answer, Asker, ready
from agent_perf.live.chaos.writes import Found, Ledger, read_back, writes_checks
from agent_perf.live.request import ReadyRequest

WRITE = ready("order", NamedRequest(path="/orders", json={"id": "{n}", "of": "{n}"}), {})
SAID = ChaosWrites(request="order", read="list", within_s=0)
GOOD = Answer(
    name="order",
    begin_s=0,
    latency_s=0.1,
    first_s=None,
    status=200,
    size_bytes=0,
    error="",
    detail="",
)
BAD = replace(GOOD, status=None, error="timeout", detail="no whole answer within 1 s")


def _ledger(acknowledged: int = 4, doubted: int = 2) -> Ledger:
    """Return one of which the first writes were acknowledged, and the next ones failed."""
    ledger = Ledger(SAID, WRITE, "run1", 10)
    for index in range(acknowledged + doubted):
        ledger.note(GOOD if index < acknowledged else BAD, index)
    return ledger


def _read(ledger: Ledger, said: ChaosWrites, read: ReadyRequest | None, body: object) -> Found:
    async def main() -> Found:
        transport = httpx.MockTransport(body)  # type: ignore[arg-type]
        async with Asker("http://x", keep_content=True, transport=transport) as asker:
            return await read_back(ledger, said, asker, read, {})

    return asyncio.run(main())


def test_each_write_has_its_own_id() -> None:
    """
    {n} becomes an id of the run and the request's number; other requests stay as they are.
    """
    ledger = _ledger()
    other = replace(WRITE, name="get")

    assert b'{"id":"run1-0000007","of":"run1-0000007"}' == ledger.numbered(WRITE, 7).content
    assert other is ledger.numbered(other, 7)
    assert [0, 1, 2, 3] == ledger.acknowledged
    assert [4, 5] == ledger.in_doubt


def test_a_write_without_a_place_is_refused() -> None:
    """
    Writes that could not be told apart are no measure of what is lost.
    """
    with pytest.raises(ConfigError, match=r"no \{n\} in its path or body"):
        Ledger(SAID, replace(WRITE, content=b"{}"), "run1", 10)


@pytest.mark.parametrize(
    ("body", "passed", "observed", "text"),
    [
        ("run1-0000000 run1-0000001 run1-0000002 run1-0000003", True, 0, "4 acknowledged, 0 lost;"),
        ("run1-0000000 run1-0000001 run1-0000002", False, 1, "1 lost (run1-0000003);"),
        # Those of another run, and longer numbers, are not ours.
        ("run2-0000000 run1-00000001", False, 4, "4 lost"),
        (
            "run1-0000000 run1-0000000 run1-0000001 run1-0000002 run1-0000003 run1-0000005",
            True,
            0,
            "2 in doubt, of which 1 are there; 1 there more than once",
        ),
    ],
)
def test_what_is_lost_is_counted(body: str, passed: bool, observed: int, text: str) -> None:
    """
    Lost is what was acknowledged and is not there; what is in doubt may be there or not.
    """
    ledger = _ledger()
    read = ready("list", NamedRequest(path="/list?of={run}"), {})
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(200, text=body)

    (check,) = writes_checks(ledger, SAID, _read(ledger, SAID, read, answer))
    assert (passed, observed) == (check.passed, check.observed)
    assert text in check.text
    assert "http://x/list?of=run1" == asked[0]


def test_duplicates_have_a_limit_of_their_own() -> None:
    """
    With duplicates_max, what is there more than once is a promise as well.
    """
    ledger = _ledger()
    said = ChaosWrites(request="order", read="list", within_s=0, duplicates_max=1)
    times = {0: 2, 1: 1, 2: 3, 3: 1}

    lost, duplicates = writes_checks(ledger, said, Found(times=times))
    assert (True, 0) == (lost.passed, lost.observed)
    assert (False, 2, 1) == (duplicates.passed, duplicates.observed, duplicates.limit)
    assert "2 there more than once (run1-0000000, run1-0000002)" == duplicates.text


def test_each_id_may_be_asked_for() -> None:
    """
    A read with {n} in it is asked for each acknowledged id; a good answer says that it is there.
    """
    ledger = _ledger()
    read = ready("one", NamedRequest(path="/orders/{n}"), {})
    found = _read(
        ledger,
        SAID,
        read,
        lambda request: httpx.Response(404 if request.url.path.endswith("2") else 200),
    )

    assert {0: 1, 1: 1, 3: 1} == found.times


def test_a_program_may_tell() -> None:
    """
    Instead of a request, a program's output holds the ids; {run} is what they begin with.
    """
    program = "print(*('{}-%07d' % n for n in range(4)))"
    command = shlex.join([sys.executable, "-S", "-c", program.replace("{}", "{run}")])
    said = ChaosWrites(request="order", command=command, within_s=0)

    assert {0: 1, 1: 1, 2: 1, 3: 1} == _read(_ledger(), said, None, None).times


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ("no-such-program", "cannot start 'no-such-program': No such file"),
        ("sh -c 'echo no database; exit 3'", "'sh' ended with 3: no database"),
    ],
)
def test_a_program_that_fails_tells_nothing(command: str, problem: str) -> None:
    """
    What cannot be read back is not lost: it is undecided, with the reason.
    """
    ledger = _ledger()
    said = ChaosWrites(request="order", command=command, within_s=0)
    (check,) = writes_checks(ledger, said, _read(ledger, said, None, None))

    assert (None, None) == (check.passed, check.observed)
    assert problem in check.text


def test_a_sick_service_tells_nothing() -> None:
    """
    A service that answers the read with an error leaves it undecided.
    """
    ledger = _ledger()
    read = ready("list", NamedRequest(path="/list"), {})
    found = _read(ledger, SAID, read, lambda _: httpx.Response(503, text="down"))

    assert "list cannot be read: status: 503: down" == found.problem


@pytest.mark.parametrize("status", [429, 503])
def test_a_service_that_is_sick_has_lost_nothing(status: int) -> None:
    """
    Asked for each id, too: an error is no word that a write is not there.
    """
    ledger = _ledger()
    read = ready("one", NamedRequest(path="/orders/{n}"), {})
    found = _read(ledger, SAID, read, lambda _: httpx.Response(status, text="down"))

    assert f"one cannot be read: status: {status}: down" == found.problem


def test_a_service_that_is_not_there_yet_is_asked_again() -> None:
    """
    Asked for each id, too: nobody at the address is a reason, and no crash.
    """
    ledger = _ledger()
    read = ready("one", NamedRequest(path="/orders/{n}"), {})
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        if len(asked) <= 4:
            raise httpx.ConnectError("refused")
        return httpx.Response(200)

    assert "network" in _read(ledger, SAID, read, answer).problem
    asked.clear()
    said = ChaosWrites(request="order", read="one", within_s=30)
    assert [0, 1, 2, 3] == sorted(_read(ledger, said, read, answer).times)


def test_late_writes_are_waited_for() -> None:
    """
    What is not there yet is asked for again, until it is or the time for that is over.
    """
    ledger = _ledger()
    said = ChaosWrites(request="order", read="list", within_s=30)
    bodies = iter(["run1-0000000", " ".join(ledger.id_of(n) for n in range(4))])
    read = ready("list", NamedRequest(path="/list"), {})
    found = _read(ledger, said, read, lambda _: httpx.Response(200, text=next(bodies)))

    assert [0, 1, 2, 3] == sorted(found.times)
