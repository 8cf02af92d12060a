"""
One event, and what the Pusher protocol allows in it.

Source: Pusher Channels, *HTTP API reference*, "POST event" and "POST batch events".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from agent_perf.components.errors import InvalidEventError
from agent_perf.components.events.channels import checked_channel
from agent_perf.units import KIB

BATCH_EVENTS_MAX: Final = 10
"""Events in one batch: the protocol's limit."""

DATA_BYTES_MAX: Final = 10 * KIB
"""Bytes of one event's data: the protocol's limit."""

_NAME_CHARS_MAX: Final = 200
_encode = msgspec.json.Encoder().encode


# A struct instead of a dataclass: made in a fifth of the time, and written to JSON as it is.
class Event(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """
    One event on its way to the subscribers of a channel.

    Attributes:
        channel: 1 to 164 letters, digits and any of ``-_=@,.;``.
        name: At most 200 characters.
        data: What subscribers get, as text; JSON by custom; at most 10 KiB.
        socket_id: The connection that does not get it, if any.
    """

    channel: str
    name: str
    data: str
    socket_id: str | None = None

    @property
    def size_bytes(self) -> int:
        """About how much of a batch it takes; the names around it included."""
        return len(self.data) + len(self.channel) + len(self.name) + 64


def make_event(
    channel: str, name: str, data: object, *, socket_id: str | None = None, event_id: str = ""
) -> Event:
    """
    Return an event that carries *data* as JSON, or as it is if it is text.

    Args:
        channel: Who gets it.
        name: What subscribers bind to.
        data: Anything that msgspec writes to JSON, or text.
        socket_id: The connection that does not get it, if any.
        event_id: Put into *data*, which is a mapping then, as its member ``event_id``, so
            that a subscriber can tell an event that came twice.

    Example::

        event = make_event("chat-17", "answer.done", {"tokens": 42})

    Raises:
        InvalidEventError: If the protocol does not allow the channel, the name or the size,
            or *data* is not JSON's.
    """
    if not 0 < len(name) <= _NAME_CHARS_MAX:
        raise InvalidEventError(f"event name of {len(name)} characters; want 1 to 200")
    if event_id:
        data = _with_id(data, name, event_id)
    if type(data) is str and data.isascii() and len(data) <= DATA_BYTES_MAX:
        # As many bytes as characters: nothing needs to be encoded to count them.
        return Event(checked_channel(channel), name, data, socket_id)
    try:
        content = data.encode() if isinstance(data, str) else _encode(data)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidEventError(f"data of event {name!r} cannot be sent: {error}") from error
    if len(content) > DATA_BYTES_MAX:
        raise InvalidEventError(
            f"data of event {name!r} has {len(content)} bytes, at most {DATA_BYTES_MAX} are "
            "allowed: send a reference instead, or split it"
        )
    return Event(checked_channel(channel), name, content.decode(), socket_id)


def _with_id(data: object, name: str, event_id: str) -> dict[object, object]:
    if not isinstance(data, Mapping):
        raise InvalidEventError(
            f"data of event {name!r} is a {type(data).__name__}, and an event_id needs a mapping "
            "to go into: wrap the data, or put the id into it yourself"
        )
    return {**data, "event_id": event_id}
