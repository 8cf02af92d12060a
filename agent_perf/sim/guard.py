"""
The real world, closed for as long as a simulation runs, on the simulation's thread.

Audit hooks see what C code does too, but before Python 3.13 they know nothing of
`time.sleep`, and before 3.12 nothing of threads; these functions are replaced, also
where modules have imported them by name. Other threads of the process go on as usual.
"""

from __future__ import annotations

import _posixsubprocess
import _queue
import _socket
import _thread
import queue
import select
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from threading import Thread
from typing import Any, Final

from agent_perf.sim.captured import exchanged, stand_in
from agent_perf.sim.refusal import Refusals
from agent_perf.sim.steps import function_name
from agent_perf.sim.threadpools import modelled_pools, modelling_loop, wait_on
from agent_perf.sim.workers import sleep_in_worker

_SERVICES: Final = (
    "give the client a simulated service, such as SimHttp.transport() or SimRedis.client(); in a "
    "scenario of one function httpx, redis.asyncio and SQLAlchemy need none, and other libraries "
    "are not simulated: let the scenario replace that part of the program"
)
_PROCESSES: Final = "a simulation has no processes: prepare what they give before simulate()"
_THREADS: Final = (
    "what a library starts by itself, such as telemetry, is switched off where it is set up or by "
    "@scenario(env={...}); your own: start it before simulate(), or let modelled workers run the "
    "function: asyncio.to_thread or a ThreadPoolExecutor without an initializer, and "
    'executor="inline", which @scenario(app=...) has'
)
_SLEEP: Final = "real time does not pass here: await asyncio.sleep"
_WAITING: Final = "nobody else runs meanwhile: await an asyncio primitive instead"

_DESCRIPTORS: Final = (
    "there are no files to wait for: an event loop of its own has no place here, await "
    "its coroutines on the simulation's"
)

_EVENTS: Final = {
    "socket.bind": _SERVICES,
    "socket.connect": _SERVICES,
    "socket.getaddrinfo": _SERVICES,
    "socket.gethostbyaddr": _SERVICES,
    "socket.gethostbyname": _SERVICES,
    "socket.getnameinfo": _SERVICES,
    "socket.sendmsg": _SERVICES,
    "socket.sendto": _SERVICES,
    "os.exec": _PROCESSES,
    "os.fork": _PROCESSES,
    "os.forkpty": _PROCESSES,
    "os.posix_spawn": _PROCESSES,
    "os.spawn": _PROCESSES,
    "os.system": _PROCESSES,
    "subprocess.Popen": _PROCESSES,
    "_thread.start_joinable_thread": _THREADS,
    "_thread.start_new_thread": _THREADS,
}
# Of sockets that were connected before the simulation began.
_SOCKET_METHODS: Final = ("recv", "recv_into", "recvfrom", "recvfrom_into", "send", "sendall")


class _Watch:
    """Whom the guard watches at present: nobody, or one simulation's thread."""

    def __init__(self) -> None:
        self.thread_id: int | None = None
        self.refusals = Refusals()

    def is_on(self) -> bool:
        """Return True on the thread of a running simulation."""
        return self.thread_id == threading.get_ident()


_watch = _Watch()


@contextmanager
def guarded(refusals: Refusals) -> Iterator[None]:
    """Refuse the real world to this thread while the body runs; *refusals* takes note."""
    _install_hook()
    with ExitStack() as stack:
        stack.enter_context(exchanged())
        stack.enter_context(modelled_pools())
        for owner, name, replacement in (
            (threading.Condition, "wait", _wait),
            (queue, "SimpleQueue", _SimpleQueue),
            (select, "epoll", _epoll),
        ):
            stack.callback(setattr, owner, name, getattr(owner, name))
            setattr(owner, name, replacement)
        for name in _SOCKET_METHODS:
            stack.callback(delattr, socket.socket, name)
            setattr(socket.socket, name, _closed(name))
        stack.callback(setattr, _watch, "thread_id", None)
        _watch.refusals = refusals
        _watch.thread_id = threading.get_ident()
        yield


@cache
def _install_hook() -> None:
    # An audit hook stays for the life of the process; off duty it is one dict look-up.
    sys.addaudithook(_audit)


def _audit(event: str, args: tuple[object, ...]) -> None:
    if event in _EVENTS and _watch.is_on():
        if event.startswith("_thread."):
            what = _starting(args[0])
        else:
            # The first two tell what; later ones hold environments, and so secrets.
            told = [repr(arg) for arg in args if not isinstance(arg, socket.socket)][:2]
            what = f"{event}({', '.join(told)[:200]})"
        _watch.refusals.refuse(what, _EVENTS[event])


def _starting(function: object) -> str:
    thread = getattr(function, "__self__", None)
    name = thread.name if isinstance(thread, Thread) else function_name(function)
    return f"starting thread {name!r}"


# Replacements. They stay behind in modules that are imported during a simulation, so off
# duty, and on other threads, they do what the original does.

_real_sleep = time.sleep
_real_start_thread = _thread.start_new_thread
_real_fork_exec = _posixsubprocess.fork_exec
_real_wait = threading.Condition.wait
_real_select = select.select
_real_poll = select.poll
_real_epoll = select.epoll


def _sleep(seconds: float, /) -> None:
    if not _watch.is_on():
        _real_sleep(seconds)
    elif not sleep_in_worker(seconds):
        _watch.refusals.refuse(f"time.sleep({seconds!r})", _SLEEP)


def _start_thread(function: Callable[..., object], /, *args: Any, **kwargs: Any) -> int:
    if _watch.is_on():
        _watch.refusals.refuse(_starting(function), _THREADS)
    return _real_start_thread(function, *args, **kwargs)


def _fork_exec(*args: Any) -> int:
    if _watch.is_on():
        _watch.refusals.refuse(f"a process {args[0]!r}"[:200], _PROCESSES)
    return _real_fork_exec(*args)


def _wait(self: threading.Condition, timeout: float | None = None) -> bool:
    # A time-out of zero only looks.
    if (timeout is None or timeout > 0) and _watch.is_on():
        loop = modelling_loop()
        if loop is not None:
            return wait_on(loop, self, timeout)
        _watch.refusals.refuse("waiting for another thread", _WAITING)
    return _real_wait(self, timeout)


class _SimpleQueue(_queue.SimpleQueue[Any]):
    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        if block and self.empty() and (timeout is None or timeout > 0) and _watch.is_on():
            _watch.refusals.refuse("waiting for another thread", _WAITING)
        return super().get(block, timeout)


def _select(*args: Any) -> Any:
    # A time-out of zero only looks.
    if _watch.is_on() and (len(args) < 4 or args[3] is None or args[3] > 0):
        _watch.refusals.refuse("select.select", _DESCRIPTORS)
    return _real_select(*args)


def _poll() -> Any:
    return _Poll() if _watch.is_on() else _real_poll()


class _Poll:
    """A poll object that looks, as HTTP clients do at idle connections, and never waits."""

    def __init__(self) -> None:
        poll = _real_poll()
        self.register, self.modify, self.unregister = poll.register, poll.modify, poll.unregister
        self._look = poll.poll

    def poll(self, timeout: float | None = None, /) -> list[tuple[int, int]]:
        if timeout != 0:
            _watch.refusals.refuse("select.poll", _DESCRIPTORS)
        return self._look(0)


def _epoll(*args: Any, **kwargs: Any) -> Any:
    if _watch.is_on():
        _watch.refusals.refuse("select.epoll", _DESCRIPTORS)
    return _real_epoll(*args, **kwargs)


def _closed(name: str) -> Callable[..., Any]:
    original = getattr(_socket.socket, name)

    def method(self: socket.socket, *args: Any) -> Any:
        if _watch.is_on():
            _watch.refusals.refuse(f"socket.{name}", _SERVICES)
        return original(self, *args)

    return method


for _original, _replacement in (
    (_real_sleep, _sleep),
    (_real_start_thread, _start_thread),
    (_real_fork_exec, _fork_exec),
    (_real_select, _select),
    (_real_poll, _poll),
):
    stand_in(_original, _replacement)
