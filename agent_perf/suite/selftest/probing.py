"""
Starts workers in given surroundings, and reads what they report.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Final

import msgspec

from agent_perf.decoding import decoder_of
from agent_perf.errors import BrokenError
from agent_perf.records import Tier
from agent_perf.sim import CpuMode
from agent_perf.suite.lines import Lines
from agent_perf.suite.selftest.surroundings import (
    Surroundings,
    busy_cores,
    command,
    environ,
    folder,
)
from agent_perf.suite.selftest.worker import Order, Report
from agent_perf.suite.tree import Tree

_GRACE_S: Final = 10.0
_STDERR_CHARS: Final = 2000


@dataclass(slots=True, kw_only=True)
class Prober:
    """
    Runs scenarios of one tree, in a fresh process each time.

    Attributes:
        tree: From lay_out.
        package: The benchmark package, relative to the tree's root.
        time_limit_s: Real seconds for one benchmark.
        tier: How much of the real code runs.
        cpu: What CPU time is charged for; None: as each scenario says.
        loads: How many loads of each scenario, the largest first; 0: all.
        imports: Modules that scenarios import late, once a worker has told.
    """

    tree: Tree
    package: str
    time_limit_s: float
    tier: Tier = Tier.CLIENT
    cpu: CpuMode | None = None
    loads: int = 0
    imports: tuple[str, ...] = ()

    def probe(
        self,
        around: Surroundings,
        only: Sequence[str] = (),
        *,
        keep: tuple[int, int] = (0, 0),
        tie_seed: int | None = None,
    ) -> dict[str, Report]:
        """
        Return a report per benchmark, from a process in *around*.

        Args:
            around: How the process is set up.
            only: Patterns of benchmark or scenario names; empty: all.
            keep: Stretch of the log to bring.
            tie_seed: As in simulate().

        Raises:
            BrokenError: If the process as a whole failed.
        """
        order = Order(
            root=str(self.tree.root),
            package=self.package,
            only=tuple(only),
            # Who names benchmarks wants those.
            loads=0 if any("@" in pattern for pattern in only) else self.loads,
            imports=self.imports,
            time_limit_s=self.time_limit_s,
            tier=self.tier,
            cpu=self.cpu,
            junk_seed=around.junk_seed,
            gc_threshold=around.gc_threshold,
            keep=keep,
            tie_seed=tie_seed,
        )
        with (
            tempfile.TemporaryDirectory(prefix="agent-perf-") as scratch,
            tempfile.TemporaryFile() as stderr,
            busy_cores(around),
            self._start(around, Path(scratch), stderr) as process,
        ):
            try:
                assert process.stdin is not None
                process.stdin.write(msgspec.json.encode(order))
                process.stdin.close()
                return self._reports(process, stderr)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def one(
        self, around: Surroundings, benchmark: str, *, keep: tuple[int, int] = (0, 0)
    ) -> Report:
        """Return the report of *benchmark* from a process in *around*; see `probe`."""
        reports = self.probe(replace(around, busy=False), (benchmark,), keep=keep)
        return reports[benchmark]

    def both(
        self,
        arounds: tuple[Surroundings, Surroundings],
        benchmark: str,
        *,
        keep: tuple[int, int] = (0, 0),
    ) -> tuple[Report, Report]:
        """Return the reports of *benchmark* from processes in both surroundings at once."""
        with ThreadPoolExecutor(max_workers=2) as pool:
            one, other = pool.map(lambda around: self.one(around, benchmark, keep=keep), arounds)
        return one, other

    def _start(
        self, around: Surroundings, scratch: Path, stderr: IO[bytes]
    ) -> subprocess.Popen[bytes]:
        harness = str(Path(__file__).parents[3])
        path = os.pathsep.join([*(str(place) for place in self.tree.path), harness])
        return subprocess.Popen(
            command(around, "agent_perf.suite.selftest.worker"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            cwd=folder(around, self.tree.root, scratch),
            env=environ(around, path),
            start_new_session=True,
        )

    def _reports(self, process: subprocess.Popen[bytes], stderr: IO[bytes]) -> dict[str, Report]:
        assert process.stdout is not None
        lines = Lines(process.stdout.fileno())
        found: dict[str, Report] = {}
        complete = False
        while line := lines.next(self.time_limit_s + _GRACE_S):
            report = decoder_of(Report).decode(line)
            if report.benchmark:
                found[report.benchmark] = report
                continue
            if report.error:
                raise BrokenError(report.error)
            self.imports = self.imports or report.imports
            complete = True
        if not complete or line is None or process.wait():
            stderr.seek(0)
            said = stderr.read().decode("utf-8", "replace")[-_STDERR_CHARS:]
            raise BrokenError(f"the self-test's process hung or crashed:\n{said}")
        return found
