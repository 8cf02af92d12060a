import os
import signal
import threading
import time

from agent_perf.errors import SampleError
from agent_perf.suite.fork import Broken, run_in_fork


def test_result_comes_back() -> None:
    """Bytes come back as they were, also more than a pipe holds."""
    data = bytes(range(256)) * 4096

    assert data == run_in_fork(lambda: data, time_limit_s=30)


def test_what_is_raised_comes_back_with_its_traceback() -> None:
    """An exception is told by category, message and traceback."""

    def fail() -> bytes:
        raise ValueError("no such thing")

    broken = run_in_fork(fail, time_limit_s=30)

    assert isinstance(broken, Broken)
    assert ("raised", "ValueError: no such thing") == (broken.category, broken.message)
    assert "in fail" in broken.traceback


def test_not_a_number_has_its_own_category() -> None:
    """Samples that give no statistic are told apart from code that raised."""

    def fail() -> bytes:
        raise SampleError("NaN")

    broken = run_in_fork(fail, time_limit_s=30)

    assert isinstance(broken, Broken)
    assert "not a number" == broken.category


def test_a_hang_is_ended_with_its_children() -> None:
    """At the time limit the process and what it started are gone."""
    read_fd, write_fd = os.pipe()

    def hang() -> bytes:
        os.write(write_fd, str(os.fork() or os.getpid()).encode())
        while True:
            signal.pause()

    start_s = time.monotonic()
    broken = run_in_fork(hang, time_limit_s=0.3)
    os.close(write_fd)

    assert isinstance(broken, Broken)
    assert "time limit" == broken.category
    assert "still running after 0.3 s" in broken.message
    assert "in hang" in broken.traceback
    assert time.monotonic() - start_s < 10
    # The write end is closed in all of them: what reads sees the end, and does not wait.
    while os.read(read_fd, 100):
        pass
    os.close(read_fd)


def test_where_a_lock_is_waited_for_is_told() -> None:
    """Code that waits in C for what never comes is told with its line."""

    def wait_for_myself() -> bytes:
        lock = threading.Lock()
        with lock:
            lock.acquire()
        return b""

    broken = run_in_fork(wait_for_myself, time_limit_s=0.3)

    assert isinstance(broken, Broken)
    assert "in wait_for_myself" in broken.traceback


def test_a_crash_is_told() -> None:
    """A process that dies without a word does not take the caller along."""
    broken = run_in_fork(lambda: os._exit(7), time_limit_s=30)

    assert isinstance(broken, Broken)
    assert "crashed" == broken.category


def test_exit_inside_is_told() -> None:
    """A benchmark that calls sys.exit has raised, and nothing else happens."""

    def leave() -> bytes:
        raise SystemExit(0)

    broken = run_in_fork(leave, time_limit_s=30)

    assert isinstance(broken, Broken)
    assert "SystemExit: 0" == broken.message
