"""
How an answer runs in time: when each piece is due, and where it breaks off.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from agent_perf.sim.services.llm.stream import BrokenStream, TokenStream
from agent_perf.sim.services.llm.turns import Break
from agent_perf.sim.services.reply import BrokenOff
from agent_perf.units import NS


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """
    The times of one answer's pieces.

    Attributes:
        first_ns: Until the first piece.
        gaps_ns: Before each piece after the one before; the first is 0.
        sizes: How many tokens each has.
        cut_index: The first piece that does not come; None: all do.
        broken: How it breaks off there.
    """

    first_ns: int
    gaps_ns: tuple[int, ...]
    sizes: tuple[int, ...]
    cut_index: int | None = None
    broken: Break | None = None

    def until_cut_ns(self) -> int:
        """Return how long it goes on after the first piece."""
        return sum(self.gaps_ns[: self.cut_index])


def course_of(
    first_ns: int, gaps_ns: Sequence[int], sizes: Sequence[int], broken: Break | None
) -> Course:
    """
    Return the course of an answer.

    Args:
        first_ns: Until the first piece.
        gaps_ns: Before each piece; the first is 0.
        sizes: How many tokens each has.
        broken: Where it breaks off; a shorter answer is whole.
    """
    course = Course(first_ns=first_ns, gaps_ns=tuple(gaps_ns), sizes=tuple(sizes))
    if broken is None:
        return course
    ends = enumerate(accumulate(sizes))
    index = next((at for at, sent in ends if sent > broken.after_tokens), None)
    if index is None:
        return course
    if broken.resumes_after_s is None:
        return replace(course, cut_index=index, broken=broken)
    late_ns = round(broken.resumes_after_s * NS)
    if index == 0:
        return replace(course, first_ns=first_ns + late_ns)
    late = [gap + late_ns * (at == index) for at, gap in enumerate(gaps_ns)]
    return replace(course, gaps_ns=tuple(late))


def stream_of(
    course: Course,
    chunks: Sequence[bytes],
    ended: Callable[[int], None],
    work: Callable[[int], None] | None = None,
) -> TokenStream | BrokenStream:
    """
    Return the body that sends *chunks*, one for each piece; the first is due at once.

    Args:
        course: When.
        chunks: What.
        ended: Called once with the number of tokens sent, when the body was read to its end
            or closed before.
        work: As of TokenStream.
    """
    cut = course.cut_index
    if cut is None:
        return TokenStream(chunks, course.gaps_ns, course.sizes, ended, work)
    assert course.broken is not None
    assert cut > 0
    broken = course.broken
    rest = chunks[cut][: len(chunks[cut]) // 2] if broken.mid_event else b""
    begun = TokenStream(chunks[:cut], course.gaps_ns[:cut], course.sizes[:cut], ended, work)
    return BrokenStream(begun, rest, lambda: break_off(broken))


async def break_off(broken: Break) -> None:
    """
    Do what happens where an answer ends too early: nothing, if it ends in good order.

    Raises:
        BrokenOff: If the connection drops.
    """
    if not broken.drops:
        await asyncio.get_running_loop().create_future()
    if not broken.cleanly:
        raise BrokenOff("simulated: the model's host closed the connection mid-answer")
