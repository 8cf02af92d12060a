"""
Names from outside as names of files.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

_BYTES_MAX: Final = 200
"""File systems take 255; the rest is for what is put before and behind."""

_UNFIT: Final = re.compile(r"^\.|[^\w.+@=,-]")


def file_name(name: str) -> str:
    """
    Return *name* so that it can be a file's, in no other folder: without separators, not hidden.

    Signs that have a meaning in a path, a shell or a URL are escaped as in URLs; what is too long
    is cut, and what is empty is ``%``.
    """
    text = _UNFIT.sub(lambda match: _escaped(match[0]), name)
    return text.encode()[:_BYTES_MAX].decode(errors="ignore") or "%"


def _escaped(sign: str) -> str:
    return "%2E" if sign == "." else quote(sign, safe="", errors="backslashreplace")
