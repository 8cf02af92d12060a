"""
Work spread over processes, results in order.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Final, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")

_TASKS_MIN: Final = 4
"""With fewer, starting processes costs more than it saves."""


def map_in_processes(
    work: Callable[[Task], Result], tasks: Sequence[Task], jobs: int | None = None
) -> Iterator[Result]:
    """
    Yield what *work* returns for each of *tasks*, in their order.

    Args:
        work: A function of a module: other processes import it.
        tasks: What it is called with; worth a tenth of a second each, or more.
        jobs: Processes at most; the cores that this process may use if None.
    """
    count = min(jobs or _core_count(), len(tasks))
    if count <= 1 or len(tasks) < _TASKS_MIN:
        yield from map(work, tasks)
        return
    # Fresh processes, not forks: whoever calls us may have threads.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(count, mp_context=context) as pool:
        yield from pool.map(work, tasks)


def _core_count() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
