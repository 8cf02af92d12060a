import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from agent_perf.config import ChaosWorker
from agent_perf.errors import BrokenError, ConfigError, UsageError
from agent_perf.live.chaos.foreign_worker import ForeignWorker
from agent_perf.live.chaos.kept_process import KeptProcess
from agent_perf.live.chaos.worker import Worker
from tests.live.chaos.upstreams import free_port

_FAMILY = (
    "import os, subprocess, sys, time\n"
    "one = subprocess.Popen(['sleep', '60'])\n"
    "two = subprocess.Popen(['sleep', '60'], start_new_session=True)\n"
    "print(os.getpid(), one.pid, two.pid, flush=True)\n"
    "time.sleep(60)\n"
)


def _is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _soon(what: Callable[[], bool], within_s: float = 10.0) -> bool:
    until_s = time.monotonic() + within_s
    while time.monotonic() < until_s:
        if what():
            return True
        time.sleep(0.01)
    return False


def _family(log: Path) -> list[int]:
    assert _soon(lambda: len(log.read_text().split()) == 3)
    return [int(word) for word in log.read_text().split()]


def test_a_killed_process_leaves_nobody(tmp_path: Path) -> None:
    """
    With a process go its children, also those that have left its group.
    """
    log = tmp_path / "log"

    async def story() -> tuple[int, list[int]]:
        kept = await KeptProcess.launch([sys.executable, "-S", "-c", _FAMILY], os.environ, log)
        family = await asyncio.to_thread(_family, log)
        kept.kill()
        return await kept.ended(), family

    status, family = asyncio.run(story())
    assert -signal.SIGKILL == status
    assert all(_soon(lambda pid=pid: _is_gone(pid)) for pid in family)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_nothing_is_left_when_we_are_killed(tmp_path: Path, number: int) -> None:
    """
    Even if whoever makes the experiment is killed, all that it started ends.
    """
    log = tmp_path / "log"
    program = (
        "import asyncio, os, sys\n"
        "from pathlib import Path\n"
        "from agent_perf.live.chaos.kept_process import KeptProcess\n"
        "async def main():\n"
        f"    kept = await KeptProcess.launch([sys.executable, '-c', {_FAMILY!r}], os.environ,\n"
        f"        Path({str(log)!r}))\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    log.touch()
    ours = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.DEVNULL)
    family = _family(log)
    ours.send_signal(number)
    ours.wait()

    assert all(_soon(lambda pid=pid: _is_gone(pid)) for pid in family)


def test_what_cannot_be_started_is_told(tmp_path: Path) -> None:
    """
    A program that is not there is a mistake of usage, with the system's reason.
    """
    with pytest.raises(UsageError, match=r"cannot start 'no-such-program': No such file"):
        asyncio.run(KeptProcess.launch(["no-such-program"], os.environ, tmp_path / "log"))


_SERVER = (
    "import http.server, sys; "
    "http.server.HTTPServer(('127.0.0.1', int(sys.argv[1])), "
    "http.server.SimpleHTTPRequestHandler).serve_forever()"
)


@pytest.mark.slow
def test_a_worker_comes_back(tmp_path: Path) -> None:
    """
    A worker that is killed is away for as long as was said, then started again, then ready.
    """
    port = free_port()
    said = ChaosWorker(
        command=f'{sys.executable} -c "{_SERVER}" {port}', ready=f"http://127.0.0.1:{port}/"
    )

    async def story() -> list[tuple[float, str]]:
        async with Worker("api", said, {}, tmp_path / "log") as worker:
            worker.kill(0.3)
            while len(worker.states) < 3:  # noqa: ASYNC110 (nobody rings)
                await asyncio.sleep(0.01)
            return worker.states

    states = asyncio.run(asyncio.wait_for(story(), 30))
    assert ["ready", "down", "ready"] == [state for _, state in states]
    assert 0.3 <= states[2][0] - states[1][0]


@pytest.mark.slow
def test_a_stopped_worker_is_silent(tmp_path: Path) -> None:
    """
    A stopped worker keeps its port and says nothing; when it goes on, it answers.
    """
    port = free_port()
    said = ChaosWorker(
        command=f'{sys.executable} -c "{_SERVER}" {port}', ready=f"tcp:127.0.0.1:{port}"
    )

    async def hears(within_s: float) -> bool:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        try:
            async with asyncio.timeout(within_s):
                return bool(await reader.read(1))
        except TimeoutError:
            return False
        finally:
            writer.close()

    async def story() -> tuple[bool, bool]:
        async with Worker("api", said, {}, tmp_path / "log") as worker:
            worker.stop()
            await asyncio.sleep(0.2)
            stopped = await hears(0.3)
            worker.go_on()
            return stopped, await hears(20)

    assert (False, True) == asyncio.run(story())


def test_a_worker_that_is_not_ready_is_told(tmp_path: Path) -> None:
    """
    Who is not ready in time is ended, and what he said is in the message, without his secrets.
    """
    said = ChaosWorker(
        command="sh -c 'echo no database at $TOKEN; sleep 60'",
        env={"TOKEN": "hunter2-hunter2"},
        ready=f"tcp:127.0.0.1:{free_port()}",
        ready_within_s=0.3,
    )

    async def story() -> None:
        async with Worker("api", said, {}, tmp_path / "log"):
            raise AssertionError

    with pytest.raises(BrokenError, match=r"not ready in 0\.3 s .*no database at \[redacted\]"):
        asyncio.run(story())


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (ChaosWorker(command=""), "is empty"),
        (ChaosWorker(command="a 'b"), "No closing quotation"),
        (ChaosWorker(command="a {redsi}"), "did you mean 'redis'"),
        (ChaosWorker(command="a", ready="6379"), "want http://HOST:PORT/health"),
    ],
)
def test_workers_that_cannot_be_are_refused(
    tmp_path: Path, said: ChaosWorker, message: str
) -> None:
    """
    A command or a probe that makes no sense is refused.
    """

    async def story() -> None:
        Worker("api", said, {"redis": "127.0.0.1:1"}, tmp_path / "log")

    with pytest.raises(ConfigError, match=message):
        asyncio.run(story())


_SUPERVISOR = """
import os, subprocess, sys
while True:
    child = subprocess.Popen([sys.executable, "-c", sys.argv[2], sys.argv[3]])
    with open(sys.argv[1] + ".new", "w") as file:
        file.write(str(child.pid))
    os.replace(sys.argv[1] + ".new", sys.argv[1])
    child.wait()
"""


@pytest.mark.slow
def test_somebody_elses_worker_is_killed_and_left_running(tmp_path: Path) -> None:
    """
    A process with a supervisor of its own is killed by its file, seen to be ready again, and
    runs on when the experiment is over.
    """
    port, file = free_port(), tmp_path / "pid"
    theirs = [sys.executable, "-c", _SUPERVISOR, str(file), _SERVER, str(port)]
    said = ChaosWorker(pid_file=str(file), ready=f"http://127.0.0.1:{port}/")

    async def story() -> tuple[list[str], bytes, bytes]:
        kept = await KeptProcess.launch(theirs, os.environ, tmp_path / "log")
        await asyncio.to_thread(_soon, file.exists)
        async with ForeignWorker("api", said, {}) as worker:
            first = file.read_bytes()
            worker.kill(0.0)
            while len(worker.states) < 3:  # noqa: ASYNC110 (nobody rings)
                await asyncio.sleep(0.01)
            worker.stop()
        second = file.read_bytes()
        assert not _is_gone(int(second))
        assert psutil.STATUS_STOPPED != psutil.Process(int(second)).status()
        await kept.end()
        return [state for _, state in worker.states], first, second

    states, first, second = asyncio.run(asyncio.wait_for(story(), 40))
    assert ["ready", "down", "ready"] == states
    assert first != second


def test_somebody_elses_worker_is_killed_twice(tmp_path: Path) -> None:
    """
    Killed again before it is ready, it is waited for once, and nobody is left waiting.
    """
    file = tmp_path / "pid"
    lives = [subprocess.Popen([sys.executable, "-S", "-c", "input()"], stdin=subprocess.PIPE)
             for _ in range(3)]  # fmt: skip

    def next_life() -> None:
        file.write_text(str(lives[next(numbers)].pid))

    async def story() -> list[str]:
        server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        said = ChaosWorker(pid_file=str(file), ready=f"tcp:127.0.0.1:{port}")
        next_life()
        async with server, ForeignWorker("api", said, {}) as worker:
            worker.kill(0.0)
            next_life()
            worker.kill(0.0)
            next_life()
            while len(worker.states) < 4:  # noqa: ASYNC110 (nobody rings)
                await asyncio.sleep(0.01)
            # A second watch would tell of it a moment later.
            await asyncio.sleep(0.1)
        waiting = [task.get_name() for task in asyncio.all_tasks() if "_await_other" in repr(task)]
        assert [] == waiting
        return [state for _, state in worker.states]

    numbers = iter(range(3))
    try:
        states = asyncio.run(asyncio.wait_for(story(), 20))
    finally:
        for life in lives:
            life.kill()
            life.communicate()
    assert ["ready", "down", "down", "ready"] == states


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "names no process that runs"),
        ("no number", "names no process that runs"),
        ("999999999", "names no process that runs"),
        # Ours began long after the file was written, as its time says.
        ("OURS", "began after the file was written: it is another one, and was left alone"),
    ],
)
def test_a_stale_file_kills_nobody(tmp_path: Path, content: str, message: str) -> None:
    """
    A file that names nobody, or somebody else by now, is told; nobody gets a signal.
    """
    file = tmp_path / "pid"
    file.write_text(content.replace("OURS", str(os.getpid())))
    os.utime(file, (1, 1))

    async def story() -> None:
        async with ForeignWorker("api", ChaosWorker(pid_file=str(file), ready="tcp::9"), {}):
            raise AssertionError

    with pytest.raises(BrokenError, match=message):
        asyncio.run(story())


def test_nobody_passes_for_a_worker(tmp_path: Path) -> None:
    """
    A server that was left running at the worker's port is told, and the worker is not started.
    """

    async def story() -> None:
        server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            said = ChaosWorker(command="sleep 60", ready=f"tcp:127.0.0.1:{port}")
            async with Worker("api", said, {}, tmp_path / "log"):
                raise AssertionError

    with pytest.raises(BrokenError, match=r"tcp:127.0.0.1:\d+ is answered before the worker"):
        asyncio.run(story())
    assert not (tmp_path / "log").exists()
