"""
Files that are read whole, unless they are larger than anybody's memory should bear.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Final

BYTES_MAX: Final = 256 * 2**20
"""Results of a project's whole history are a tenth of it."""


def read_whole(path: Path, most: int = BYTES_MAX) -> bytes:
    """
    Return the content of *path*.

    Args:
        path: A file, or a pipe.
        most: The largest content, in bytes.

    Raises:
        OSError: If it cannot be read, or holds more: a hole or a device may hold terabytes.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        # The size of a pipe or a device is 0, whatever it holds.
        data = b"" if size > most else file.read() if size else file.read(most + 1)
    if max(size, len(data)) > most:
        raise OSError(errno.EFBIG, f"more than {most:,} bytes", str(path))
    return data
