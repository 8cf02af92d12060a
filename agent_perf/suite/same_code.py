"""
Which micro-benchmarks run the same code on base and head: those need no measuring.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Sequence
from typing import Final

import msgspec

from agent_perf.suite.code_use_worker import UseOrder
from agent_perf.suite.lanes import Item
from agent_perf.suite.side import start_worker
from agent_perf.suite.tree import Tree
from agent_perf.suite.tree_difference import tree_changes

_HASH_SEED: Final = 0


def same_code(
    base: Tree, head: Tree, package: str, items: Sequence[Item], *, time_limit_s: float
) -> frozenset[str]:
    """
    Return the names of those *items* that read no file that differs between the trees.

    If no file differs, these are all. Else each is run on either side, and the interpreter
    tells which files it opens: source, data, extensions, whether it imports them at once or
    late. A benchmark that begins a process, or fails, counts as reading what differs. Both
    sides run in one environment, so that libraries cannot differ.

    Args:
        base: Tree of the base.
        head: Tree of the head.
        package: The benchmark package.
        items: Benchmarks that both trees have.
        time_limit_s: Real seconds for one benchmark.
    """
    names = frozenset(item.name for item in items)
    if not names:
        return names
    changes = tree_changes(base, head)
    if not any(side.paths for side in changes):
        return names
    workers: list[subprocess.Popen[bytes]] = []
    try:
        for tree, side in zip((base, head), changes, strict=True):
            worker = start_worker(
                tree, "agent_perf.suite.code_use_worker", _HASH_SEED, subprocess.DEVNULL
            )
            workers.append(worker)
            order = UseOrder(
                root=str(tree.root),
                package=package,
                items=tuple(items),
                paths=side.paths,
                folders=side.folders,
                time_limit_s=time_limit_s,
            )
            assert worker.stdin is not None
            # Who has crashed by now gives no answer either.
            with contextlib.suppress(BrokenPipeError):
                worker.stdin.write(msgspec.json.encode(order))
                worker.stdin.close()
        return names.difference(*(_users(worker, names) for worker in workers))
    finally:
        for worker in workers:
            with worker, contextlib.suppress(ProcessLookupError):
                os.killpg(worker.pid, signal.SIGKILL)


def _users(worker: subprocess.Popen[bytes], names: frozenset[str]) -> frozenset[str]:
    """Return what *worker* found; all *names* if it has no answer."""
    assert worker.stdout is not None
    answer = worker.stdout.read()
    return msgspec.json.decode(answer, type=frozenset[str]) if answer else names
