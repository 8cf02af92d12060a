from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from agent_perf.components.events.rota import Rota
from agent_perf.sim import SimLoop, simulate
from tests.components.fakes import Hands


def make_rota(clock: Hands, clients: str = "abc", requests_max: int = 2) -> Rota[str]:
    return Rota(clients, requests_max=requests_max, failures_max=2, rest_s=10.0, clock=clock)


def test_the_least_busy_is_next() -> None:
    """
    Six claims go round all three clients twice; the seventh waits for who is back first.
    """

    async def main(_: SimLoop) -> tuple[str, str, int]:
        rota = make_rota(Hands())
        members = [await rota.claim() for _ in range(6)]
        seventh = asyncio.create_task(rota.claim())
        await asyncio.sleep(1)
        waiting = rota.waiting
        rota.release(members[4])
        return "".join(member.client for member in members), (await seventh).client, waiting

    assert ("abcabc", "b", 1) == simulate(main)


def test_who_fails_rests_and_is_tried_with_one_request() -> None:
    """
    After two failures in a row a client gets nothing for 10 s, then one request; if that
    fails it rests again, if not it is as before.
    """

    async def main(_: SimLoop) -> list[object]:
        clock = Hands()
        rota = make_rota(clock, "ab", requests_max=9)
        seen: list[object] = []
        bad = await rota.claim()
        rota.note_failure(bad)
        rota.note_failure(bad)
        rota.note_failure(bad)
        rota.release(bad)
        seen.append((rota.resting, rota.rests))
        for now_s in (1.0, 10.0):
            clock.now_s = now_s
            members = [await rota.claim() for _ in range(3)]
            seen.append("".join(member.client for member in members))
            if now_s == 10.0:
                rota.note_failure(bad)
            for member in members:
                rota.release(member)
        seen.append((rota.resting, rota.rests))
        clock.now_s = 20.0
        rota.note_answer(bad)
        seen.append("".join([(await rota.claim()).client for _ in range(4)]))
        return seen

    assert [(1, 1), "bbb", "abb", (1, 2), "abab"] == simulate(main)


def test_if_all_rest_somebody_works() -> None:
    """
    When every client rests they are used as if none did; but nobody who was turned away by
    one is sent on to another that rests.
    """

    async def main(_: SimLoop) -> tuple[str, object]:
        rota = make_rota(Hands(), "ab")
        members = [await rota.claim() for _ in range(2)]
        for member in members:
            rota.note_failure(member)
            rota.note_failure(member)
            rota.release(member)
        first = await rota.claim()
        return first.client, rota.claim_other([first])

    assert ("a", None) == simulate(main)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 3),
            st.integers(0, 4),
            st.one_of(st.none(), st.integers(0, 12)),
            st.booleans(),
        ),
        max_size=40,
    )
)
def test_room_is_never_exceeded_nor_lost(
    script: list[tuple[int, int, int | None, bool]],
) -> None:
    """
    However claims come, work, fail and give up, no client has more than its requests, and at
    the end nobody waits and nothing is on its way.
    """

    async def main(loop: SimLoop) -> None:
        rota = Rota("abc", requests_max=2, failures_max=2, rest_s=0.003, clock=loop.time)

        async def request(work_ms: int, fails: bool) -> None:
            member = await rota.claim()
            try:
                assert member.in_flight <= 2
                await asyncio.sleep(work_ms / 1000)
                (rota.note_failure if fails else rota.note_answer)(member)
            finally:
                rota.release(member)

        tasks = []
        for pause_ms, work_ms, cancel_ms, fails in script:
            await asyncio.sleep(pause_ms / 1000)
            task = asyncio.create_task(request(work_ms, fails))
            tasks.append(task)
            if cancel_ms is not None:
                loop.call_later(cancel_ms / 1000, task.cancel)
        results = await asyncio.gather(*tasks, return_exceptions=True)

        assert {type(result) for result in results} <= {type(None), asyncio.CancelledError}
        assert (0, 0) == (rota.waiting, rota.in_flight)

    simulate(main)
