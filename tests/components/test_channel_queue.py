from __future__ import annotations

from dataclasses import dataclass
from math import inf

from hypothesis import given
from hypothesis import strategies as st

from agent_perf.components.channel_queue import ChannelQueue


@dataclass(frozen=True)
class Note:
    channel: str
    number: int
    size_bytes: int = 1


steps = st.lists(
    st.one_of(
        st.tuples(st.just("push"), st.sampled_from("abcd"), st.integers(1, 9)),
        st.tuples(st.just("take"), st.integers(1, 4), st.integers(1, 20)),
        st.tuples(st.just("release"), st.integers(0, 3)),
    ),
    max_size=80,
)


@given(steps)
def test_nothing_is_lost_doubled_or_overtaken(script: list[tuple]) -> None:
    """
    However pushes, batches and their ends come, each event leaves once, in the order of
    its channel, never while an earlier one of its channel is on its way, and the counts
    are those of a count by hand.
    """
    queue: ChannelQueue[Note] = ChannelQueue()
    held: list[Note] = []
    under_way: list[tuple[Note, ...]] = []
    left: list[Note] = []
    for now, step in enumerate(script):
        match step:
            case "push", channel, size:
                note = Note(channel, now, size)
                queue.push(note, float(now))
                held.append(note)
            case "take", count_max, bytes_max:
                batch = queue.take(count_max, bytes_max)
                busy = {note.channel for other in under_way for note in other}
                ready = [note for note in held if note.channel not in busy]
                assert bool(ready) == bool(batch)
                assert len(batch) <= count_max
                assert len(batch) == 1 or sum(note.size_bytes for note in batch) <= bytes_max
                if batch:
                    assert ready[0] == batch[0]
                    under_way.append(batch)
                for note in batch:
                    assert note.channel not in busy
                    held.remove(note)
                left += batch
            case "release", index if under_way:
                queue.release(under_way.pop(index % len(under_way)))
        busy = {note.channel for other in under_way for note in other}
        ready = [note for note in held if note.channel not in busy]
        assert len(held) == queue.total
        assert (len(ready), sum(note.size_bytes for note in ready)) == (
            queue.ready_count,
            queue.ready_bytes,
        )
        assert (ready[0].number if ready else inf) == queue.oldest_s

    for channel in "abcd":
        order = [note.number for note in left if note.channel == channel]
        assert sorted(order) == order


def test_a_batch_fills_up_from_several_channels() -> None:
    """
    A batch takes the oldest channel's events, then the next one's, up to its size.
    """
    queue: ChannelQueue[Note] = ChannelQueue()
    for number, channel in enumerate("aabab"):
        queue.push(Note(channel, number), number)

    assert ["a0", "a1", "a3", "b2"] == [
        f"{note.channel}{note.number}" for note in queue.take(4, 100)
    ]


def test_a_hot_channel_does_not_starve_the_others() -> None:
    """
    While a flood on one channel waits for its batch, the next batch is the others'.
    """
    queue: ChannelQueue[Note] = ChannelQueue()
    for number in range(100):
        queue.push(Note("hot", number), 0.0)
    queue.push(Note("cold", 100), 1.0)

    assert {"hot"} == {note.channel for note in queue.take(10, 1000)}
    assert ["cold"] == [note.channel for note in queue.take(10, 1000)]


def test_one_large_event_still_goes() -> None:
    """
    An event larger than a batch may be goes alone.
    """
    queue: ChannelQueue[Note] = ChannelQueue()
    queue.push(Note("a", 0, 500), 0.0)
    queue.push(Note("b", 1, 1), 0.0)

    assert [500] == [note.size_bytes for note in queue.take(10, 100)]
