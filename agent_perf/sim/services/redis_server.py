"""
The server that a simulated Redis is: fakeredis, driven command by command.

fakeredis knows the commands; this file gives it what a simulation needs besides:
an order that hangs on no address and no hash seed, blocked clients that are served
first come, first served, and clients whose end is noticed.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any, Final

import redis.asyncio
from fakeredis import FakeServer
from fakeredis._helpers import NoResponse, SimpleError, SimpleString
from fakeredis.aioredis import AsyncFakeSocket

from agent_perf.sim.services.redis_dice import dice, is_chancy
from agent_perf.sim.services.redis_short_cuts import SHORT_CUTS, set_plainly
from agent_perf.sim.services.redis_tracking import Tracking
from agent_perf.sim.services.redis_wire import encode, encode_push, lookups

SERVER_VERSION: Final = (8, 0)

# fakeredis keeps the members of a set in a Python set of bytes on their way out.
_UNORDERED: Final = frozenset({"sdiff", "sinter", "smembers", "sunion"})


class RedisServer(FakeServer):
    """
    The data, and the clients that wait for some of it.

    Args:
        draw: Gives the next draw for an operation of the running request; by these the
            server picks at random. None: by the module `random`.
    """

    def __init__(self, draw: Callable[[str], int] | None = None) -> None:
        super().__init__(version=SERVER_VERSION)
        self.draw = draw
        self.tracking = Tracking()
        databases: Any = self.dbs
        make_database = databases.default_factory
        self.dbs = defaultdict(lambda: self._watched(make_database()))
        # A dict, because its order is that in which the clients began to wait.
        self.blocked: dict[RedisSession, None] = {}
        self.changed = False
        # Set once somebody restricts users or silences replies: no short cuts from then on.
        self.has_rules = False

    def serve_blocked(self) -> None:
        """Answer the clients whose data has come, longest wait first, as Redis does."""
        while self.changed and self.blocked:
            self.changed = False
            for session in list(self.blocked):
                session.retry()

    def _watched(self, database: Any) -> Any:
        database.add_change_callback(self._note_change)
        notify = database.notify_watch

        def note(key: bytes) -> None:
            notify(key)
            self.tracking.note(key)

        database.notify_watch = note
        return database

    def _note_change(self) -> None:
        self.changed = True


class RedisSession(AsyncFakeSocket):
    """
    One client of the server.

    Args:
        number: Of the client, unique within the server.
        on_lookups: Called with a command's name and how many values it found and missed.
        on_unblocked: Called when a command that waited has been answered.
        on_push: Called when a message has arrived that no command asked for.
    """

    def __init__(
        self,
        server: RedisServer,
        number: int,
        *,
        on_lookups: Callable[[str, int, int], None],
        on_unblocked: Callable[[], None],
        on_push: Callable[[bytes], None],
    ) -> None:
        self._number = number
        super().__init__(server, 0, client_class=redis.asyncio.Redis)
        self._hub = server
        self._on_lookups = on_lookups
        self._on_unblocked = on_unblocked
        self._on_push = on_push
        self._replies: list[bytes] = []
        self._name = ""
        self._queued: list[str] = []
        self._answering = False
        self._executing = False
        self._attempt: Callable[[bool], Any] | None = None
        self._shape: Callable[[Any], Any] | None = None
        self._deadline: asyncio.TimerHandle | None = None
        server.tracking.join(self)

    def __hash__(self) -> int:
        # Subscribers and watchers are kept in sets: by address their order would differ
        # from run to run.
        return self._number

    def __eq__(self, other: object) -> bool:
        return self is other

    def waits(self) -> bool:
        """Return True while a blocking command has no answer yet."""
        return self._attempt is not None

    def execute(self, name: str, fields: list[bytes]) -> None:
        """Run the command *name*, and serve the clients that waited for its effect."""
        self._name = name
        hub = self._hub
        if not (name in SHORT_CUTS and self._execute_quickly(name, fields)):
            self._execute_fully(name, fields)
        if hub.changed:
            hub.serve_blocked()
            hub.tracking.tell(self)

    def _execute_fully(self, name: str, fields: list[bytes]) -> None:
        hub = self._hub
        if name == "BLMOVE" and self._transaction is None:
            # fakeredis answers BLMOVE at once if the list is empty; its BLMOVEM waits.
            fields = [b"BLMOVEM", *fields[1:]]
        if name.startswith(("ACL", "CLIENT REPLY")):
            hub.has_rules = True
        self._executing = True
        if name == "CLIENT MAINT_NOTIFICATIONS":
            # Announced upgrades are a feature of Redis Enterprise and Cloud; the open
            # server refuses, and the client then does without.
            self._answering = True
            self.put_response(SimpleError("ERR unknown subcommand 'MAINT_NOTIFICATIONS'."))
        elif name == "CLIENT TRACKING":
            self._answering = True
            self.put_response(hub.tracking.handle(self, fields[2:]))
        elif is_chancy(name, self._queued):
            with dice(hub.draw):
                self._process_command(fields)
        else:
            self._process_command(fields)
        self._executing = self._answering = False
        if name in {"FLUSHALL", "FLUSHDB"}:
            hub.changed = True
            hub.tracking.note_flush()

    def _execute_quickly(self, name: str, fields: list[bytes]) -> bool:
        """Run a GET or SET without fakeredis' machinery, if nothing special holds; tell if so."""
        if self._transaction is not None or self._pubsub or self._hub.has_rules:
            return False
        database = self._db
        database.time = time.time()
        if name == "GET":
            return len(fields) == 2 and self._execute_get(database.get(fields[1]))
        # Somebody may have subscribed to what happens to keys.
        if self._hub.subscribers or self._hub.psubscribers:
            return False
        with self._hub.lock:
            if not set_plainly(database, fields):
                return False
        self._replies.append(b"+OK\r\n")
        return True

    def _execute_get(self, item: Any) -> bool:
        value = None if item is None else item.value
        if value is not None and type(value) is not bytes:
            return False
        self._on_lookups("GET", value is not None, value is None)
        self._replies.append(encode(value, self._client_info.protocol_version))
        return True

    def take_replies(self) -> bytes:
        """Return the replies made since the last call."""
        replies = b"".join(self._replies)
        self._replies.clear()
        return replies

    @property
    def number(self) -> int:
        """Its ``CLIENT ID``."""
        return int(self._client_info.get("id", 0))

    @property
    def protocol(self) -> int:
        """2 or 3."""
        return int(self._client_info.protocol_version)

    @property
    def is_subscribed(self) -> bool:
        """Whether it takes messages of channels."""
        return bool(self._pubsub)

    def deliver(self, data: bytes) -> None:
        """Send what no command asked for: after the replies to those that are executed now."""
        if self._replies:
            self._replies.append(data)
        else:
            self._on_push(data)

    def close(self) -> None:
        """Leave the server: subscriptions, watches and waits end."""
        self._hub.tracking.leave(self)
        self._stop_waiting()
        if self in self._hub.sockets:
            self._hub.sockets.remove(self)
        self._cleanup(self._hub)
        for subscribers in self._hub.ssubscribers.values():
            subscribers.discard(self)

    # -- What fakeredis calls

    def put_response(self, msg: Any) -> None:
        """Take a reply, or a message to a subscriber."""
        protocol = self._client_info.protocol_version
        if not self._answering and isinstance(msg, list):
            data = encode_push(msg, protocol)
            if self._executing:
                self._replies.append(data)
            else:
                self._on_push(data)
            return
        self._note_lookups(msg)
        self._replies.append(encode(msg, protocol))

    def _decode_result(self, result: Any) -> Any:
        # Called last before a command's own reply is put; everything put before is a push.
        self._answering = True
        return result

    def _run_command(self, func: Any, sig: Any, args: Any, from_script: bool) -> Any:
        result = super()._run_command(func, sig, args, from_script)
        if sig.name in _UNORDERED and isinstance(result, list):
            result.sort()
        return result

    def _blocking(
        self,
        timeout: float | None,
        func: Callable[[bool], Any],
        shape: Callable[[Any], Any] | None = None,
    ) -> Any:
        if self._name == "BLMOVE":
            func = _first_of(func)
        elif self._name == "XREADGROUP":
            func = _something_of(func)
        found = func(True)
        if found is not None or self._in_transaction:
            return found if shape is None else shape(found)
        self._attempt, self._shape, self._blocked = func, shape, True
        self._hub.blocked[self] = None
        if timeout:
            self._deadline = asyncio.get_running_loop().call_later(timeout, self._give_up)
        return NoResponse()

    # -- Waiting

    def retry(self) -> None:
        """Answer the command that waits, if what it waits for has come."""
        attempt = self._attempt
        # One that was answered a moment ago may have served this one already.
        if attempt is None:
            return
        with self._hub.lock:
            try:
                if self._unblock_reason is not None:
                    self._take_unblock_reason()
                    found = self._empty()
                else:
                    found = attempt(False)
                    if found is None:
                        return
                    found = found if self._shape is None else self._shape(found)
            except SimpleError as error:
                found = error
        self._resume_with(found)

    def _give_up(self) -> None:
        self._resume_with(self._empty())

    def _empty(self) -> Any:
        return None if self._shape is None else self._shape(None)

    def _resume_with(self, reply: Any) -> None:
        self._stop_waiting()
        self._replies.append(encode(reply, self._client_info.protocol_version))
        self._on_unblocked()

    def _stop_waiting(self) -> None:
        self._attempt = self._shape = None
        self._blocked = False
        self._unblock_reason = None
        self._hub.blocked.pop(self, None)
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _note_lookups(self, reply: Any) -> None:
        name = self._name
        if name == "MULTI":
            self._queued = []
        elif name == "EXEC":
            if isinstance(reply, list):
                for queued, item in zip(self._queued, reply, strict=False):
                    self._add_lookups(queued, item)
            self._queued = []
        elif isinstance(reply, SimpleString) and reply.value == b"QUEUED":
            self._queued.append(name)
        else:
            self._add_lookups(name, reply)

    def _add_lookups(self, name: str, reply: Any) -> None:
        hits, misses = lookups(name, reply)
        if hits or misses:
            self._on_lookups(name, hits, misses)


def _something_of(read: Callable[[bool], Any]) -> Callable[[bool], Any]:
    # To fakeredis, no entry is an answer; and what a first pass without COUNT takes, it forgets.
    def attempt(first_pass: bool) -> Any:
        return read(False) or None

    return attempt


def _first_of(move: Callable[[bool], Any]) -> Callable[[bool], Any]:
    def attempt(first_pass: bool) -> Any:
        moved = move(first_pass)
        return moved[0] if moved else None

    return attempt
