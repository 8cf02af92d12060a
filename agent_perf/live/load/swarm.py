"""
The processes of Locust: one master, some workers, each at the end of two pipes.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from time import monotonic
from typing import IO, BinaryIO, Final, NamedTuple, Self

import msgspec

import agent_perf
from agent_perf.live.locust.wire import Frames, Plan
from agent_perf.scrubbing import scrubbed

_ERROR_LINES: Final = 20
_READ_BYTES: Final = 1 << 16
_GONE_S: Final = 5.0

_EXCHANGE_SOCKETS: Final = (
    "from gevent import monkey; monkey.patch_all(select=False); "
    "monkey.patch_select(aggressive=False)"
)
"""
Before anything else is imported. Locust would do it by itself, and take away what `select` has
besides, which other libraries look for when they are imported.
"""


class Frame(NamedTuple):
    """
    What a process told; *kind* None: it has ended, and tells no more.
    """

    process: int
    kind: int | None
    payload: bytes


class Swarm:
    """
    Starts processes and listens to all of them; leaves none behind.

    To be used as a context manager. A process goes when its standard input ends, which is what
    happens when we do, in whichever way.

    Args:
        environ: For all processes; variables of requests are filled in from it.
        secrets: Taken out of what a process says when it fails.
    """

    def __init__(self, environ: Mapping[str, str], secrets: Sequence[str]) -> None:
        # Locust would take its options from them, and httpx-like clients a proxy.
        self._environ = {key: one for key, one in environ.items() if not key.startswith("LOCUST_")}
        self._environ["LOCUST_SKIP_MONKEY_PATCH"] = "1"
        self._secrets = secrets
        self._processes: list[subprocess.Popen[bytes]] = []
        self._errors: list[deque[str]] = []
        self._threads: list[threading.Thread] = []
        self._frames: SimpleQueue[Frame] = SimpleQueue()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.end()

    def start(self, role: str, files: Sequence[BinaryIO] = ()) -> int:
        """
        Start a ``master`` or a ``worker``; return its number, from 0.

        Args:
            role: The function of `process` that it runs.
            files: What it may read besides.
        """
        root = str(Path(agent_perf.__file__).parents[1])
        # -P: no module of the folder that we happen to be in takes the place of a library.
        code = (
            f"{_EXCHANGE_SOCKETS}; import sys; sys.path.append({root!r}); "
            f"from agent_perf.live.locust.process import {role}; {role}()"
        )
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self._environ,
            pass_fds=[file.fileno() for file in files],
            # Ctrl-C is ours alone: workers end in order, and tell what they measured.
            start_new_session=True,
        )
        number = len(self._processes)
        self._processes.append(process)
        self._errors.append(deque(maxlen=_ERROR_LINES))
        assert process.stdout is not None
        assert process.stderr is not None
        self._spawn(self._listen, number, process.stdout)
        self._spawn(self._overhear, number, process.stderr)
        return number

    def tell(self, process: int, line: str | bytes) -> None:
        """Send *line* to the process with that number, if it is still there."""
        stdin = self._processes[process].stdin
        assert stdin is not None
        data = line.encode() if isinstance(line, str) else line
        try:
            stdin.write(data + b"\n")
            stdin.flush()
        except BrokenPipeError:
            # That it has ended is told by its other pipe, with the reason.
            return

    def plan(self, process: int, plan: Plan) -> None:
        """Tell the process what to do."""
        self.tell(process, msgspec.json.encode(plan))

    def next_frame(self, within_s: float) -> Frame | None:
        """Return what a process tells next, None if none does within *within_s* seconds."""
        try:
            return self._frames.get(timeout=max(0.0, within_s))
        except Empty:
            return None

    def last_words(self, process: int) -> str:
        """Return how a process ended, and the end of what it said, without secrets."""
        code = self._processes[process].wait(_GONE_S)
        lines = [line for line in self._errors[process] if line.strip()]
        said = scrubbed(lines[-1], self._secrets) if lines else "and said nothing"
        return f"ended with {code}: {said}"

    def end(self) -> None:
        """Let all processes go, and see that they are gone."""
        for process in self._processes:
            assert process.stdin is not None
            try:
                process.stdin.close()
            except BrokenPipeError:
                continue
        deadline_s = monotonic() + _GONE_S
        for process in self._processes:
            try:
                process.wait(max(0.0, deadline_s - monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for thread in self._threads:
            thread.join(_GONE_S)
        for process in self._processes:
            for pipe in (process.stdout, process.stderr):
                assert pipe is not None
                pipe.close()

    def _spawn(self, work: object, number: int, pipe: IO[bytes]) -> None:
        assert callable(work)
        thread = threading.Thread(target=work, args=(number, pipe), daemon=True)
        self._threads.append(thread)
        thread.start()

    def _listen(self, number: int, pipe: IO[bytes]) -> None:
        frames = Frames()
        # read1: what is there now, not a full buffer.
        while data := pipe.read1(_READ_BYTES):  # type: ignore[attr-defined]  # of a BufferedReader
            for kind, payload in frames.feed(data):
                self._frames.put(Frame(number, kind, payload))
        self._frames.put(Frame(number, None, b""))

    def _overhear(self, number: int, pipe: IO[bytes]) -> None:
        for line in pipe:
            self._errors[number].append(line.decode("utf-8", "replace").rstrip()[:1000])
