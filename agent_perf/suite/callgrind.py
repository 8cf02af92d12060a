"""
Talks to callgrind from within the process that it runs: what to count, and the counts.

Valgrind takes its requests as instructions that do nothing on a real processor. A few bytes
of machine code hold them, so that nothing has to be compiled where benchmarks are counted.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import platform
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from agent_perf.errors import BrokenError, UsageError

_REQUEST_CODE: Final = {
    # mov rax, rdi; mov rdx, rsi; rol rdi, 3; rol rdi, 13; rol rdi, 61; rol rdi, 51;
    # xchg rbx, rbx; mov rax, rdx; ret
    "x86_64": "4889f8 4889f2 48c1c703 48c1c70d 48c1c73d 48c1c733 4887db 4889d0 c3",
    # mov x3, x1; mov x4, x0; ror x12, x12, 3; 13; 51; 61; orr x10, x10, x10; mov x0, x3; ret
    "aarch64": ("e30301aa e40300aa 8c0dcc93 8c35cc93 8ccdcc93 8cf5cc93 4a010aaa e00303aa c0035fd6"),
}
"""
A function of two words, the address of a request and the answer without valgrind, by machine.

Source: VALGRIND_DO_CLIENT_REQUEST_EXPR in valgrind.h, whose licence allows any use.
"""

_RUNNING_ON_VALGRIND: Final = 0x1001
_CALLGRIND: Final = (ord("C") << 24) | (ord("T") << 16)
_DUMP, _ZERO, _START, _STOP = _CALLGRIND, _CALLGRIND + 1, _CALLGRIND + 4, _CALLGRIND + 5
"""Source: Vg_ClientRequest in valgrind.h, Vg_CallgrindClientRequest in callgrind.h."""

_TOTALS: Final = re.compile(rb"^totals: (\d+)", re.MULTILINE)
_TAIL_BYTES: Final = 4096


def is_known_machine(machine: str) -> bool:
    """Return whether requests can be made on *machine*, as platform.machine() calls it."""
    return machine in _REQUEST_CODE


class Callgrind:
    """
    The callgrind that runs this process.

    Args:
        folder: Where it was told to write its counts, into files named by the process id.

    Raises:
        UsageError: If this machine is none that requests are known for.
        BrokenError: If this process does not run under valgrind.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._dump_count = 0
        self._request = _request_function()
        self._arguments = {
            code: (ctypes.c_uint64 * 6)(code)
            for code in (_RUNNING_ON_VALGRIND, _DUMP, _ZERO, _START, _STOP)
        }
        if not self._ask(_RUNNING_ON_VALGRIND):
            raise BrokenError("this process does not run under valgrind; start it with callgrind")

    def start(self) -> None:
        """Begin to count; code runs some ten times slower from here on."""
        self._ask(_START)

    def stop(self) -> None:
        """End counting."""
        self._ask(_STOP)

    def count(self, run: Callable[[], object]) -> int:
        """
        Return the instructions of *run*, and of a call of it: some thousand, always the same.

        Raises:
            BrokenError: If callgrind wrote no count, as when the disk is full.
        """
        self._ask(_ZERO)
        run()
        self._ask(_DUMP)
        self._dump_count += 1
        path = self._folder / f"{os.getpid()}.{self._dump_count}"
        try:
            with path.open("rb") as file:
                file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
                found = _TOTALS.search(file.read())
        except OSError as error:
            raise BrokenError(f"callgrind wrote no count to {path}: {error.strerror}") from error
        if found is None:
            raise BrokenError(f"callgrind wrote no total to {path}; is the disk full?")
        path.unlink()
        return int(found[1])

    def _ask(self, code: int) -> int:
        return self._request(ctypes.addressof(self._arguments[code]), 0)


def _request_function() -> Callable[[int, int], int]:
    machine = platform.machine()
    if machine not in _REQUEST_CODE:
        raise UsageError(
            f"instructions are counted on {' and '.join(_REQUEST_CODE)}, and this is {machine}; "
            "leave --instructions out"
        )
    code = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(bytes.fromhex(_REQUEST_CODE[machine]))
    page = (ctypes.c_char * mmap.PAGESIZE).from_buffer(code)
    kind = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_void_p, ctypes.c_uint64)
    function = kind(ctypes.addressof(page))
    # The page must live as long as the function that it holds.
    function.page = page  # type: ignore[attr-defined]
    return function
