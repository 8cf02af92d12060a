"""
``CLIENT TRACKING`` in broadcasting mode: who is told which keys have changed.

fakeredis does not know it. Told are writes, removals and flushes; that a key has expired is not,
for there is nobody here who walks through keys to find out.

Source: Redis documentation, "Client-side caching in Redis".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from fakeredis._helpers import SimpleError, SimpleString

from agent_perf.sim.services.redis_wire import encode_push

_CHANNEL = b"__redis__:invalidate"
_OPTIONS = frozenset({b"BCAST", b"NOLOOP"})


class Listener(Protocol):
    """A client that can be told something without having asked."""

    @property
    def number(self) -> int:
        """Its ``CLIENT ID``."""
        ...

    @property
    def protocol(self) -> int:
        """2 or 3."""
        ...

    @property
    def is_subscribed(self) -> bool:
        """Whether it takes messages of channels."""
        ...

    def deliver(self, data: bytes) -> None:
        """Send it *data*."""
        ...


@dataclass(frozen=True, slots=True)
class Wish:
    """What a client wants to hear: of names with these *prefixes*, told to *redirect*."""

    prefixes: tuple[bytes, ...]
    redirect: int
    no_loop: bool


class Tracking:
    """
    Who wants to hear of what, and what has changed since they were last told.

    Example::

        tracking = Tracking()
        reply = tracking.handle(session, [b"ON", b"BCAST", b"PREFIX", b"user:"])
    """

    def __init__(self) -> None:
        self._wishes: dict[Listener, Wish] = {}
        self._clients: dict[int, Listener] = {}
        # A dict, for its order.
        self._changed: dict[bytes, None] = {}
        self._flushed = False

    def note(self, key: bytes) -> None:
        """Take note that *key* has changed."""
        if self._wishes:
            self._changed[key] = None

    def note_flush(self) -> None:
        """Take note that all is gone."""
        self._flushed = bool(self._wishes)

    def join(self, client: Listener) -> None:
        """Take note of a client, to whom others may redirect."""
        self._clients[client.number] = client

    def leave(self, client: Listener) -> None:
        """Forget *client*."""
        self._wishes.pop(client, None)
        self._clients.pop(client.number, None)

    def handle(self, client: Listener, words: Sequence[bytes]) -> SimpleString | SimpleError:
        """Do ``CLIENT TRACKING`` *words* of *client*; return the reply."""
        if [word.upper() for word in words] == [b"OFF"]:
            self._wishes.pop(client, None)
            return SimpleString(b"OK")
        wish = _wish(words)
        if isinstance(wish, SimpleError):
            return wish
        if wish.redirect and wish.redirect not in self._clients:
            return SimpleError("ERR The client ID you want redirect to does not exist")
        before = self._wishes.get(client)
        prefixes = wish.prefixes if before is None else before.prefixes + wish.prefixes
        for index, one in enumerate(prefixes):
            for other in prefixes[:index]:
                if one.startswith(other) or other.startswith(one):
                    return SimpleError(
                        f"ERR Prefix '{one.decode()}' overlaps with an existing prefix "
                        f"'{other.decode()}'. Prefixes for a single client must not overlap."
                    )
        self._wishes[client] = Wish(prefixes, wish.redirect, wish.no_loop)
        return SimpleString(b"OK")

    def tell(self, changer: Listener) -> None:
        """Tell everybody what *changer* has just changed."""
        if not self._changed and not self._flushed:
            return
        changed, self._changed = tuple(self._changed), {}
        flushed, self._flushed = self._flushed, False
        for client, wish in tuple(self._wishes.items()):
            if wish.no_loop and client is changer:
                continue
            names = [key for key in changed if key.startswith(wish.prefixes or (b"",))]
            listener = self._clients.get(wish.redirect, client) if wish.redirect else client
            if flushed:
                _send(listener, None, redirected=bool(wish.redirect))
            elif names:
                _send(listener, names, redirected=bool(wish.redirect))


def _wish(words: Sequence[bytes]) -> Wish | SimpleError:
    prefixes, redirect = [], 0
    options = set()
    rest = iter(words[1:])
    if not words or words[0].upper() != b"ON":
        return SimpleError("ERR syntax error")
    for word in rest:
        option = word.upper()
        if option in {b"PREFIX", b"REDIRECT"}:
            argument = next(rest, b"")
            if option == b"PREFIX":
                prefixes.append(argument)
            elif argument.isdigit():
                redirect = int(argument)
            else:
                return SimpleError("ERR value is not an integer or out of range")
        elif option in _OPTIONS:
            options.add(option)
        else:
            return SimpleError("ERR syntax error")
    if b"BCAST" not in options:
        return SimpleError("ERR the simulated Redis tracks in BCAST mode only")
    return Wish(tuple(prefixes), redirect, b"NOLOOP" in options)


def _send(listener: Listener, names: list[bytes] | None, *, redirected: bool) -> None:
    if listener.protocol == 3:
        listener.deliver(encode_push([b"invalidate", names], 3))
    elif redirected and listener.is_subscribed:
        listener.deliver(encode_push([b"message", _CHANNEL, names], 2))
