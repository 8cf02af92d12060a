from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_perf.components import (
    Agent,
    AgentPolicy,
    Answer,
    Chunk,
    ErrorCategory,
    MemoryCache,
    Message,
    Question,
    RequestError,
    Talker,
    Tool,
)
from agent_perf.errors import ConfigError
from agent_perf.sim import SimLoop, simulate
from tests.components.agent.asking import HELLO


class Writer:
    """A model that writes so many pieces, one a second, and notes how far it came."""

    def __init__(self, pieces: int, pause_s: float = 1.0, error: Exception | None = None) -> None:
        self.pieces, self.pause_s, self.error = pieces, pause_s, error
        self.written = self.calls = self.closed = 0

    async def __call__(
        self, messages: Sequence[Message], _: Sequence[Tool]
    ) -> AsyncIterator[Chunk]:
        self.calls += 1
        try:
            for number in range(self.pieces):
                await asyncio.sleep(self.pause_s)
                self.written += 1
                yield f"{number} "
            if self.error:
                raise self.error
        finally:
            self.closed += 1


def others() -> int:
    return len(asyncio.all_tasks()) - 1


def test_pieces_come_as_they_are_written_and_last_the_answer() -> None:
    """
    Each piece arrives in the second in which it is written; a hit comes in one.
    """

    async def main(loop: SimLoop) -> list[object]:
        agent = Agent(Talker(Writer(3)), cache=MemoryCache[str]())
        rows: list[object] = []
        for _ in range(2):
            async for piece in agent.stream(HELLO):
                said = piece.path if isinstance(piece, Answer) else piece
                rows.append((said, loop.time()))
        return [*rows, others()]

    assert [
        *(("0 ", 1.0), ("1 ", 2.0), ("2 ", 3.0), ("miss", 3.0)),
        *(("0 1 2 ", 3.0), ("hit", 3.0)),
        0,
    ] == simulate(main)


def test_the_model_waits_for_a_slow_reader() -> None:
    """
    With four pieces unread the model is not read further; then it goes on, and nothing is lost.
    """
    model = Writer(20, pause_s=0.0)

    async def main(_: SimLoop) -> tuple[list[int], str]:
        agent = Agent(Talker(model), cache=MemoryCache[str]())
        ahead, text = [], ""
        async for piece in agent.stream(HELLO, pieces_max=4):
            await asyncio.sleep(1)
            if isinstance(piece, str):
                text += piece
                ahead.append(model.written - len(text.split()))
        return ahead, text

    ahead, text = simulate(main)

    assert max(ahead) == 4
    assert "".join(f"{number} " for number in range(20)) == text


def test_others_do_not_wait_for_a_slow_reader() -> None:
    """
    Once somebody else waits for the same answer, the model is read at its own pace.
    """
    model = Writer(20, pause_s=0.0)

    async def main(loop: SimLoop) -> list[object]:
        agent = Agent(Talker(model), cache=MemoryCache[str]())
        slow = agent.stream(HELLO, pieces_max=2)
        first = await anext(slow)
        await asyncio.sleep(1)
        written = model.written
        answer = await agent.ask(HELLO)
        joined_s = loop.time()
        rest = [piece async for piece in slow]
        return [first, written, answer.path, joined_s, len(rest), model.calls]

    assert ["0 ", 3, "joined", 1.0, 20, 1] == simulate(main)


@pytest.mark.parametrize("cached", [True, False])
def test_closing_it_cancels_the_work(cached: bool) -> None:
    """
    Who stops reading stops the model, at once, and leaves no task behind.
    """
    model = Writer(100)

    async def main(loop: SimLoop) -> list[object]:
        agent = Agent(Talker(model), cache=MemoryCache[str]() if cached else None)
        async with aclosing(agent.stream(HELLO)) as pieces:
            async for _ in pieces:
                break
        for _ in range(3):
            await asyncio.sleep(0)
        return [loop.time(), model.written, model.closed, others(), agent.stats().cancelled]

    assert [1.0, 1, 1, 0, 1] == simulate(main)


def test_closing_it_leaves_the_work_to_others() -> None:
    """
    The reader goes, and the one who waits for the same answer gets it whole.
    """
    model = Writer(5)

    async def main(loop: SimLoop) -> list[object]:
        agent = Agent(Talker(model), cache=MemoryCache[str]())
        pieces = agent.stream(HELLO)
        await anext(pieces)
        other = asyncio.create_task(agent.ask(HELLO))
        await asyncio.sleep(0)
        await pieces.aclose()
        answer = await other
        return [answer.text, answer.path, loop.time(), model.calls, model.closed]

    assert ["0 1 2 3 4 ", "joined", 5.0, 1, 1] == simulate(main)


def test_a_reader_who_leaves_unread_pieces_does_not_stop_others() -> None:
    """
    The first reader, with whom the work began, leaves at once; the second gets it all.
    """

    async def main(loop: SimLoop) -> list[object]:
        agent = Agent(Talker(Writer(4)), cache=MemoryCache[str]())
        first = agent.stream(HELLO, pieces_max=1)
        reading = asyncio.ensure_future(anext(first))
        await asyncio.sleep(0.5)
        second = asyncio.create_task(agent.ask(HELLO))
        await asyncio.sleep(0.1)
        reading.cancel()
        await asyncio.wait([reading])
        await first.aclose()
        return [(await second).text, loop.time(), others()]

    assert ["0 1 2 3 ", 4.0, 0] == simulate(main)


def test_a_reader_that_is_forgotten_is_closed() -> None:
    """
    An iterator that nobody closes is ended when it is collected.
    """
    model = Writer(100)

    async def main(_: SimLoop) -> list[object]:
        agent = Agent(Talker(model))
        pieces = agent.stream(HELLO)
        await anext(pieces)
        del pieces
        gc.collect()
        await asyncio.sleep(2)
        return [model.written, model.closed, others()]

    assert [1, 1, 0] == simulate(main)


def test_failures_come_after_what_was_written() -> None:
    """
    A stream that breaks gives what came, and then the error with its category; so does one
    whose reader is too slow for the deadline.
    """
    broken, endless = Writer(2, error=ConnectionResetError()), Writer(100)

    async def read(agent: Agent, pause_s: float) -> list[object]:
        seen: list[object] = []
        try:
            async for piece in agent.stream(HELLO, pieces_max=2):
                seen.append(piece)
                await asyncio.sleep(pause_s)
        except RequestError as error:
            seen.append(error.category)
        return seen

    async def main(_: SimLoop) -> list[object]:
        slow = Agent(Talker(endless), policy=AgentPolicy(deadline_s=5.5))
        return [await read(Agent(Talker(broken)), 0.0), await read(slow, 3.0), others()]

    assert [
        ["0 ", "1 ", ErrorCategory.MODEL],
        ["0 ", "1 ", "2 ", "3 ", ErrorCategory.TIMEOUT],
        0,
    ] == simulate(main)


def test_bad_questions_fail_like_any() -> None:
    """
    A question that no encoder takes is a validation error here too; no piece may be none.
    """

    async def main(_: SimLoop) -> ErrorCategory:
        agent = Agent(Talker(Writer(1)), cache=MemoryCache[str]())
        with pytest.raises(ConfigError):
            await anext(agent.stream(HELLO, pieces_max=0))
        with pytest.raises(RequestError) as caught:
            await anext(agent.stream(Question(text="\ud800")))
        return caught.value.category

    assert ErrorCategory.VALIDATION is simulate(main)


@settings(max_examples=100)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 8), st.sampled_from(["ask", "stream"]), st.none() | st.integers(0, 12)
        ),
        min_size=1,
        max_size=6,
    ),
    st.integers(1, 3),
)
def test_readers_come_and_go(readers: list[tuple[int, str, int | None]], pieces_max: int) -> None:
    """
    Whoever asks or reads the same question when, and leaves when: those who stay get the
    whole answer, the model is asked again only when all had left, and no task remains.
    """
    model = Writer(4)
    whole = "0 1 2 3 "

    async def main(_: SimLoop) -> tuple[list[str | None], int]:
        agent = Agent(Talker(model), cache=MemoryCache[str]())

        async def read() -> str:
            pieces = [piece async for piece in agent.stream(HELLO, pieces_max=pieces_max)]
            assert isinstance(pieces[-1], Answer)
            return "".join(piece for piece in pieces if isinstance(piece, str))

        async def one(come_s: int, how: str, leave_s: int | None) -> str | None:
            await asyncio.sleep(come_s)
            try:
                async with asyncio.timeout(leave_s):
                    return await read() if how == "stream" else (await agent.ask(HELLO)).text
            except TimeoutError:
                return None

        texts = await asyncio.gather(*(one(*reader) for reader in readers))
        await asyncio.sleep(0)
        return list(texts), others()

    texts, tasks = simulate(main)

    assert 0 == tasks
    assert {whole, None} >= set(texts)
    assert model.calls == model.closed
    if all(leave_s is None for _, _, leave_s in readers):
        assert ([whole] * len(readers), 1) == (texts, model.calls)
