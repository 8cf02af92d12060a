"""The guard: nothing real is reached from a simulation, and nobody misses why."""

import _thread
import asyncio
import multiprocessing
import os
import queue
import re
import select
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from agent_perf.errors import RealWorldAccess
from agent_perf.sim import SimLoop, simulate
from tests.sim import captured


def _udp() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"x", ("127.0.0.1", 9))


def _connect() -> None:
    with socket.socket() as sock:
        sock.connect(("127.0.0.1", 9))


def _bind() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))


def _submit() -> None:
    with ThreadPoolExecutor() as pool:
        pool.submit(print)


ATTEMPTS: dict[str, tuple[Callable[[], object], str, str]] = {
    "connect": (_connect, "socket.connect", "simulated service"),
    "bind": (_bind, "socket.bind", "simulated service"),
    "udp": (_udp, "socket.sendto", "simulated service"),
    "name look-up": (
        lambda: socket.getaddrinfo("localhost", 80),
        "socket.getaddrinfo('localhost', 80)",
        "simulated service",
    ),
    "host look-up": (
        lambda: socket.gethostbyname("localhost"),
        "socket.gethostbyname",
        "simulated service",
    ),
    "subprocess": (
        lambda: subprocess.run(["true"], check=False),
        "subprocess.Popen('true'",
        "processes",
    ),
    "system": (lambda: os.system("true"), "os.system", "processes"),
    "fork": (os.fork, "os.fork", "processes"),
    "spawn": (lambda: os.spawnlp(os.P_WAIT, "true", "true"), "os.fork", "processes"),
    "posix_spawn": (
        lambda: os.posix_spawn("/bin/true", ["true"], {}),
        "os.posix_spawn('/bin/true'",
        "processes",
    ),
    "multiprocessing": (
        lambda: multiprocessing.get_context("spawn").Process(target=int).start(),
        "a process",
        "processes",
    ),
    "thread": (
        lambda: threading.Thread(target=int, name="mine").start(),
        "starting thread 'mine'",
        "to_thread",
    ),
    "bare thread": (
        lambda: _thread.start_new_thread(int, ()),
        "starting thread 'int'",
        "to_thread",
    ),
    "timer": (lambda: threading.Timer(1, int).start(), "starting thread", "to_thread"),
    "pool": (_submit, "starting thread", "to_thread"),
    "sleep": (lambda: time.sleep(0.5), "time.sleep(0.5)", "await asyncio.sleep"),
    "imported sleep": (lambda: captured.sleep(2), "time.sleep(2)", "await asyncio.sleep"),
    "wait for a thread": (
        lambda: threading.Event().wait(1),
        "waiting for another thread",
        "asyncio primitive",
    ),
    "simple queue": (
        lambda: queue.SimpleQueue().get(timeout=1),
        "waiting for another thread",
        "asyncio primitive",
    ),
    "select": (lambda: select.select([], [], [], 1), "select.select", "loop of its own"),
    "poll": (lambda: select.poll().poll(1), "select.poll", "loop of its own"),
    "epoll": (lambda: select.epoll().poll(1), "select.epoll", "loop of its own"),
    "queue": (lambda: queue.Queue().get(), "waiting for another thread", "asyncio primitive"),
}


@pytest.mark.parametrize("way", ATTEMPTS)
def test_the_real_world_is_refused_with_place_and_way_out(way: str) -> None:
    """
    The error names what was tried, the line of the caller, and what to do instead.
    """
    attempt, what, way_out = ATTEMPTS[way]

    async def main(loop: SimLoop) -> None:
        await asyncio.sleep(1)
        attempt()

    with pytest.raises(RealWorldAccess) as caught:
        simulate(main)

    message = str(caught.value)
    assert what in message
    assert way_out in message
    assert re.search(rf"at {re.escape(__file__)}:\d+ in ", message)


async def _open_connection(loop: SimLoop) -> None:
    await asyncio.open_connection("127.0.0.1", 9)


async def _start_server(loop: SimLoop) -> None:
    await asyncio.start_server(print, "127.0.0.1", 0)


async def _subprocess(loop: SimLoop) -> None:
    await asyncio.create_subprocess_exec("true")


async def _look_up(loop: SimLoop) -> None:
    await loop.getaddrinfo("localhost", 80)


@pytest.mark.parametrize(
    ("attempt", "what"),
    [
        (_open_connection, "loop.create_connection"),
        (_start_server, "loop.create_server"),
        (_subprocess, "loop.subprocess_exec"),
        (_look_up, "loop.getaddrinfo('localhost', 80)"),
    ],
)
def test_the_loop_has_no_network(attempt: Callable[[SimLoop], object], what: str) -> None:
    """
    asyncio's own I/O is refused by name, before it reaches a socket.
    """
    with pytest.raises(RealWorldAccess, match=re.escape(what)) as caught:
        simulate(attempt)  # type: ignore[arg-type]

    assert f"at {__file__}:" in str(caught.value)


def test_connected_sockets_are_closed_to_a_simulation() -> None:
    """
    A connection made before the simulation cannot be used in it; afterwards it can.
    """
    ours, theirs = socket.socketpair()
    with ours, theirs:

        async def main(loop: SimLoop) -> None:
            ours.sendall(b"x")

        with pytest.raises(RealWorldAccess, match=r"socket\.sendall"):
            simulate(main)

        ours.sendall(b"y")
        assert b"y" == theirs.recv(1)


@pytest.fixture
def other_thread() -> Iterator[tuple[list[str], threading.Event]]:
    """A thread that sleeps, waits, starts threads and uses sockets all the time."""
    seen: list[str] = []
    done = threading.Event()

    def live() -> None:
        while not done.is_set():
            ours, theirs = socket.socketpair()
            with ours, theirs:
                time.sleep(1e-6)
                threading.Event().wait(1e-6)
                ours.send(b"x")
                inner = threading.Thread(target=seen.append, args=("alive",))
                inner.start()
                inner.join()

    thread = threading.Thread(target=live)
    thread.start()
    yield seen, done
    done.set()
    thread.join()


def test_other_threads_live_on(other_thread: tuple[list[str], threading.Event]) -> None:
    """
    What other threads of the process do is none of a simulation's business.
    """
    seen, _ = other_thread

    async def main(loop: SimLoop) -> bool:
        count = len(seen)
        while len(seen) < count + 20:
            pass
        return True

    assert simulate(main)


def test_a_call_from_another_thread_is_refused() -> None:
    """
    Another thread that schedules on the loop gets an error that names it.
    """
    loops: list[SimLoop] = []
    errors: list[BaseException] = []

    def interfere() -> None:
        while not loops:
            pass
        try:
            loops[0].call_soon_threadsafe(print)
        except RealWorldAccess as error:
            errors.append(error)

    async def main(loop: SimLoop) -> None:
        loops.append(loop)
        while not errors:
            pass

    thread = threading.Thread(target=interfere, name="outsider")
    thread.start()
    with pytest.raises(RealWorldAccess, match="from thread 'outsider'"):
        simulate(main)
    thread.join()

    assert 1 == len(errors)


@pytest.mark.parametrize("end", [None, ValueError, KeyboardInterrupt])
def test_everything_is_open_again_afterwards(end: type[BaseException] | None) -> None:
    """
    After a simulation, however it ended, threads, sleep, sockets and processes work.
    """
    originals = (time.sleep, captured.sleep, threading.Condition.wait, _thread.start_new_thread)

    async def main(loop: SimLoop) -> None:
        assert time.sleep is not originals[0]
        if end is not None:
            raise end

    if end is None:
        simulate(main)
    else:
        with pytest.raises(end):
            simulate(main)

    now = (time.sleep, captured.sleep, threading.Condition.wait, _thread.start_new_thread)
    assert originals == now
    assert not {"recv", "send", "sendall"} & vars(socket.socket).keys()
    _udp()
    assert 0 == subprocess.run(["true"], check=False).returncode
    thread = threading.Thread(target=time.sleep, args=(0,))
    thread.start()
    thread.join()


def test_sleep_that_was_imported_during_a_simulation_works_afterwards() -> None:
    """
    A module that takes `time.sleep` by name in a simulation keeps a working function.
    """
    taken: list[Callable[[float], None]] = []

    async def main(loop: SimLoop) -> None:
        taken.append(time.sleep)

    simulate(main)

    taken[0](0)
    with pytest.raises(ValueError, match="non-negative"):
        taken[0](-1)


def test_looking_at_a_descriptor_is_no_waiting() -> None:
    """
    A poll with a time-out of zero, by which HTTP clients look at idle connections, answers.
    """

    async def main(loop: SimLoop) -> list[tuple[int, int]]:
        reading, writing = os.pipe()
        try:
            poll = select.poll()
            poll.register(reading, select.POLLIN)
            silent = poll.poll(0)
            os.write(writing, b"x")
            return silent + poll.poll(0)
        finally:
            os.close(reading)
            os.close(writing)

    [(_, event)] = simulate(main)

    assert select.POLLIN == event
