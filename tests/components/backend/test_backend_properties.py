from __future__ import annotations

import asyncio
import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st

from agent_perf.components import Backend, BackendError, BackendState
from tests.components.backend.stage import Script, Stage, tell

MOMENTS = st.integers(0, 8).map(lambda number: number / 2)


@st.composite
def casts(draw: st.DrawFn) -> list[tuple[Script, bool, list[int]]]:
    """Parts that need only parts before them; critical ones need only critical ones."""
    parts: list[tuple[Script, bool, list[int]]] = []
    for number in range(draw(st.integers(1, 6))):
        critical = draw(st.booleans())
        allowed = [n for n in range(number) if parts[n][1] or not critical]
        needs = draw(st.lists(st.sampled_from(allowed), unique=True)) if allowed else []
        script = Script(
            start_s=draw(MOMENTS),
            failures=draw(st.integers(0, 2)) if draw(st.booleans()) else 0,
            stop_s=draw(MOMENTS),
            stop=draw(st.sampled_from(["ok", "ok", "raise", "hang", "deaf"])),
        )
        parts.append((script, critical, needs))
    return parts


@settings(max_examples=100)
@given(
    casts(),
    st.integers(0, 20).map(lambda number: number / 2),
    st.sampled_from(["leave", "cancel", "close", "raise"]),
)
def test_what_was_started_is_stopped_once_in_reverse(
    cast: list[tuple[Script, bool, list[int]]], end_s: float, way: str
) -> None:
    """
    Whatever parts fail, hang or are slow, and whenever and however it ends: each part that
    started is stopped exactly once, the last first, none before what it needs was up, none
    that is needed before who needs it is stopped, and nothing goes on afterwards.
    """

    async def story(stage: Stage) -> None:
        backend = Backend(restart_s_first=0.5, restart_s_max=2.0)
        for number, (script, critical, needs) in enumerate(cast):
            stage.add(
                backend,
                str(number),
                script,
                critical=critical,
                needs=[str(need) for need in needs],
                timeout_s=3.0,
            )
        await live(backend, end_s, way)
        assert BackendState.STOPPED is backend.state
        before = list(stage.log)
        await asyncio.sleep(1000)
        assert before == stage.log
        deaf = sum(script.stop == "deaf" for script, *_ in cast)
        assert len(asyncio.all_tasks()) - 1 <= deaf
        assert backend.stats().stops == len(stage.names("stop"))
        check_order(stage, {str(n): [str(need) for need in cast[n][2]] for n in range(len(cast))})

    tell(story)


async def live(backend: Backend, end_s: float, way: str) -> None:
    """Have *backend* for *end_s*, and end it in one of several ways."""

    async def inside() -> None:
        async with backend:
            await asyncio.sleep(end_s)
            if way == "raise":
                raise ZeroDivisionError

    living = asyncio.create_task(inside())
    expected = (BackendError, ZeroDivisionError, asyncio.CancelledError)
    with contextlib.suppress(*expected):
        if way in {"cancel", "close"}:
            await asyncio.sleep(end_s)
        if way == "cancel":
            living.cancel()
        if way == "close":
            await backend.aclose()
    with contextlib.suppress(*expected):
        await living


def check_order(stage: Stage, needs: dict[str, list[str]]) -> None:
    """What the log must say of parts with these *needs*."""
    started, stopped = stage.names("started"), stage.names("stop")
    assert started[::-1] == stopped
    assert len(set(started)) == len(started)
    events = [(what, name) for _, what, name in stage.log]
    for name, needed in needs.items():
        for need in needed:
            if ("start", name) in events:
                assert events.index(("started", need)) < events.index(("start", name))
            if name in stopped:
                assert stopped.index(name) < stopped.index(need)
