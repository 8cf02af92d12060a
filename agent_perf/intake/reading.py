"""
Which tool wrote a file, found by what is in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from agent_perf import codec
from agent_perf.errors import StoreError
from agent_perf.intake import pytest_benchmark
from agent_perf.records import TimingFile


@dataclass(frozen=True, slots=True, kw_only=True)
class _Format:
    """A tool's files: *recognises* looks at the top level, *parse* reads the whole."""

    name: str
    recognises: Callable[[Mapping[str, object]], bool]
    parse: Callable[[bytes, str], TimingFile]


_FORMATS: Final = (
    _Format(
        name="pytest-benchmark 3 to 5 (--benchmark-json)",
        recognises=pytest_benchmark.recognises,
        parse=pytest_benchmark.parse,
    ),
)


def read_timings(path: Path) -> TimingFile:
    """
    Return what the file at *path* holds, whichever tool wrote it.

    Raises:
        StoreError: If it cannot be read, is cut, or of no format that is known.
        SampleError: If it holds a time that is none.
    """
    content = codec.read_file(path)
    try:
        top = msgspec.json.decode(content, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise StoreError(
            f"{path} is no whole JSON object ({error}; {len(content):,} bytes): "
            "write it again, nothing was read"
        ) from error
    for one in _FORMATS:
        if one.recognises(top):
            return one.parse(content, str(path))
    raise StoreError(
        f"{path} is of no format that is known, its keys are {', '.join(sorted(top)) or 'none'}; "
        f"want a file of {' or '.join(one.name for one in _FORMATS)}"
    )
