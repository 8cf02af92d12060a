"""
Telling where a program asks the machine for what differs between processes.

What a simulation makes reproducible is not told: `time`, `random`, `os.urandom`. What is
left are CPU clocks, process ids, the kernel's entropy and files of the system.
"""

from __future__ import annotations

import os
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import Any, Final

from agent_perf.suite.selftest.log import StepLog
from agent_perf.suite.selftest.places import calling_place

# Nothing that time-machine exchanges, as clock_gettime: it would take what stands there for a
# builtin, and write into our memory.
_ASKED: Final[tuple[tuple[ModuleType, str], ...]] = (
    (os, "getpid"),
    (os, "getppid"),
    (os, "getrandom"),
    (os, "times"),
    (os, "getloadavg"),
    (os, "cpu_count"),
    (ssl, "RAND_bytes"),
    (threading, "get_native_id"),
    (time, "process_time"),
    (time, "process_time_ns"),
    (time, "thread_time"),
    (time, "thread_time_ns"),
)
_SYSTEM_FILES: Final = ("/dev/", "/proc/", "/sys/")


@contextmanager
def told_of_asking(log: StepLog) -> Iterator[None]:
    """
    Tell *log* where the body asks for the machine's own state.

    References that were taken before are not seen. Files are watched by an audit hook,
    which stays: call this in a process that ends soon.
    """
    open_now = True

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        if not open_now or event != "open":
            return
        path = str(arguments[0])
        if path.startswith(_SYSTEM_FILES) and path != os.devnull:
            log.ask(f"open({path!r})", calling_place())

    sys.addaudithook(audit)
    with ExitStack() as stack:
        for module, name in _ASKED:
            real = getattr(module, name, None)
            if real is not None:
                stack.callback(setattr, module, name, real)
                setattr(module, name, _telling(f"{module.__name__}.{name}()", real, log))
        yield
    open_now = False


def _telling(what: str, real: Callable[..., Any], log: StepLog) -> Callable[..., Any]:
    def telling(*args: Any, **kwargs: Any) -> Any:
        log.ask(what, calling_place())
        return real(*args, **kwargs)

    return telling
