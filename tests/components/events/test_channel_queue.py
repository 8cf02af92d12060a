from __future__ import annotations

from dataclasses import dataclass
from math import inf

from hypothesis import given
from hypothesis import strategies as st

from agent_perf.components.events.channel_queue import Batch, ChannelQueue


@dataclass(frozen=True)
class Note:
    channel: str
    number: int
    size_bytes: int = 1


steps = st.lists(
    st.one_of(
        st.tuples(st.just("push"), st.sampled_from("abcd"), st.integers(1, 9)),
        st.tuples(st.just("take"), st.integers(1, 4), st.integers(1, 20)),
        st.tuples(st.just("end"), st.integers(0, 3), st.sampled_from([0, 1, 2, 9])),
        st.tuples(st.just("drop")),
    ),
    max_size=80,
)


class Model:
    """The queue by hand: what it holds, what is on its way, and what has left."""

    def __init__(self) -> None:
        self.queue: ChannelQueue[Note] = ChannelQueue()
        self.held: list[Note] = []
        self.under_way: list[Batch[Note]] = []
        self.left: list[Note] = []

    @property
    def ready(self) -> list[Note]:
        busy = {note.channel for other in self.under_way for note in other.events}
        return [note for note in self.held if note.channel not in busy]

    def push(self, note: Note) -> None:
        self.queue.push(note, float(note.number))
        self.held.append(note)

    def take(self, count_max: int, bytes_max: int) -> None:
        ready, batch = self.ready, self.queue.take(count_max, bytes_max)
        assert bool(ready) == (batch is not None)
        if batch is None:
            return
        sizes = [note.size_bytes for note in batch.events]
        assert len(sizes) == 1 or (len(sizes) <= count_max and sum(sizes) <= bytes_max)
        assert ready[0] == batch.events[0]
        for note in batch.events:
            assert note in ready
            self.held.remove(note)
        self.under_way.append(batch)

    def end(self, index: int, done: int) -> None:
        """Release a batch of which only the first *done* went out."""
        if not self.under_way:
            return
        batch = self.under_way.pop(index % len(self.under_way))
        batch.done = min(done, len(batch.events))
        self.left += batch.events[: batch.done]
        back = batch.events[batch.done :]
        if back:
            self.held = sorted([*self.held, *back], key=lambda note: note.number)
            self.queue.put_back(batch)
        self.queue.release(batch)

    def drop(self) -> None:
        if self.held:
            assert self.held.pop(0) == self.queue.drop_oldest()[3]


@given(steps)
def test_nothing_is_lost_doubled_or_overtaken(script: list[tuple]) -> None:
    """
    However pushes, batches, their ends, returns and drops come, each event leaves once, in
    the order of its channel, never while an earlier one of its channel is on its way, what is
    dropped is the oldest, and the counts are those of a count by hand.
    """
    model = Model()
    queue = model.queue
    for now, step in enumerate(script):
        match step:
            case "push", channel, size:
                model.push(Note(channel, now, size))
            case "take", count_max, bytes_max:
                model.take(count_max, bytes_max)
            case "end", index, done:
                model.end(index, done)
            case _:
                model.drop()
        ready = model.ready
        assert len(model.held) == queue.total
        assert (len(ready), sum(note.size_bytes for note in ready)) == (
            queue.ready_count,
            queue.ready_bytes,
        )
        assert (ready[0].number if ready else inf) == queue.oldest_s

    for channel in "abcd":
        order = [note.number for note in model.left if note.channel == channel]
        assert sorted(order) == order
    assert model.held == [entry[3] for entry in queue.clear()]
    assert (0, 0, 0, inf) == (queue.total, queue.ready_count, queue.ready_bytes, queue.oldest_s)
    for batch in model.under_way:
        queue.release(batch)
    assert queue.take(1, 1) is None


def test_a_batch_fills_up_from_several_channels() -> None:
    """
    A batch takes the oldest channel's events, then the next one's, up to its size.
    """
    queue: ChannelQueue[Note] = ChannelQueue()
    for number, channel in enumerate("aabab"):
        queue.push(Note(channel, number), number)

    assert ["a0", "a1", "a3", "b2"] == [
        f"{note.channel}{note.number}" for note in queue.take(4, 100).events
    ]


def test_a_hot_channel_does_not_starve_the_others() -> None:
    """
    While a flood on one channel waits for its batch, the next batch is the others'.
    """
    queue: ChannelQueue[Note] = ChannelQueue()
    for number in range(100):
        queue.push(Note("hot", number), 0.0)
    queue.push(Note("cold", 100), 1.0)

    assert {"hot"} == {note.channel for note in queue.take(10, 1000).events}
    assert ["cold"] == [note.channel for note in queue.take(10, 1000).events]


def test_one_large_event_still_goes() -> None:
    """
    An event larger than a batch may be goes alone.
    """
    queue: ChannelQueue[Note] = ChannelQueue()
    queue.push(Note("a", 0, 500), 0.0)
    queue.push(Note("b", 1, 1), 0.0)

    assert [500] == [note.size_bytes for note in queue.take(10, 100).events]
