"""
When a batch of events goes out.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from agent_perf.components.events.event import BATCH_EVENTS_MAX
from agent_perf.errors import ConfigError
from agent_perf.units import KIB


class Overflow(Enum):
    """
    What becomes of an event that is published while the queue is full.

    Attributes:
        REFUSE: Its publisher gets a QueueFullError.
        DROP_OLDEST: It is accepted; the event that has waited longest is given up for it. But
            while somebody waits in ``publish_when_room``, it is given up itself: it must not
            overtake.
        DROP_NEWEST: It is given up itself.
    """

    REFUSE = "refuse"
    DROP_OLDEST = "drop oldest"
    DROP_NEWEST = "drop newest"


@dataclass(frozen=True, slots=True, kw_only=True)
class FlushPolicy:
    """
    When a batch goes out.

    Attributes:
        events_max: Events in a batch, 1 to 10, the protocol's limit.
        bytes_max: Bytes in a batch, >= 1; one event goes out whatever its size.
        delay_s_max: Longest wait of an event for company, >= 0.
        queue_max: Events that wait at most, >= 1.
        overflow: What becomes of further ones. To wait for room see
            ``EventBatcher.publish_when_room``.
        senders_max: Batches on their way at once, >= 1.
    """

    events_max: int = BATCH_EVENTS_MAX
    bytes_max: int = 64 * KIB
    delay_s_max: float = 0.05
    queue_max: int = 10_000
    overflow: Overflow = Overflow.REFUSE
    senders_max: int = 5

    def __post_init__(self) -> None:
        if not 1 <= self.events_max <= BATCH_EVENTS_MAX:
            raise ConfigError(f"events_max={self.events_max}; want 1 to {BATCH_EVENTS_MAX}")
        if self.bytes_max < 1 or self.queue_max < 1 or self.senders_max < 1:
            raise ConfigError(
                f"bytes_max={self.bytes_max}, queue_max={self.queue_max}, "
                f"senders_max={self.senders_max}; want >= 1"
            )
        if not self.delay_s_max >= 0:
            raise ConfigError(f"delay_s_max={self.delay_s_max}; want >= 0")


def flush_count(
    ready_count: int, ready_bytes: int, oldest_s: float, now_s: float, policy: FlushPolicy
) -> int:
    """
    Return how many events to send at *now_s*; 0 means wait.

    Args:
        ready_count: Events that could be sent, >= 0.
        ready_bytes: Their size, >= 0.
        oldest_s: When the first of them was published; of no meaning if there is none.
        now_s: On the same clock.
        policy: The limits.
    """
    if ready_count >= policy.events_max or ready_bytes >= policy.bytes_max:
        return min(ready_count, policy.events_max)
    if ready_count and now_s >= oldest_s + policy.delay_s_max:
        return ready_count
    return 0
