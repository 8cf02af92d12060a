"""
What a test session knows: its options, its project, and all that its tests have measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import pytest

from agent_perf.errors import AgentPerfError

if TYPE_CHECKING:
    from agent_perf.pytest_plugin.bench import Bench
    from agent_perf.pytest_plugin.ground import Ground
    from agent_perf.pytest_plugin.judging import Kept
    from agent_perf.records import Run

NAME: Final = "agent-perf-session"

_ATTACHED: Final = "agent_perf"
"""Attribute of a report that carries a test's runs, from a worker of pytest-xdist too."""


class Session:
    """
    Collects what the tests of one session have measured, and concludes it.

    Args:
        config: Of pytest.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._ground: Ground | None = None
        self._attached: list[Mapping[str, Any]] = []

    @property
    def _is_worker(self) -> bool:
        return hasattr(self._config, "workerinput")

    def check_options(self) -> None:
        """
        Return if what the options name is there.

        Raises:
            pytest.UsageError: If not.
        """
        if self._option("compare") or self._option("save"):
            try:
                ground = self.ground()
                if self._option("save") and not self._is_worker:
                    ground.baselines.check_free(self._option("save"), replace=False)
            except AgentPerfError as error:
                raise pytest.UsageError(f"agent-perf: {error}") from error

    def ground(self) -> Ground:
        """Return what runs are judged on; errors as in find_ground."""
        if self._ground is None:
            from agent_perf.pytest_plugin.ground import find_ground

            self._ground = find_ground(self._config.rootpath, self._option("compare"))
        return self._ground

    def targets_of(self, item: pytest.Item) -> dict[str, float]:
        """Return what the markers of *item* promise; it fails if one of them is not valid."""
        from agent_perf.pytest_plugin.promises import marked_targets

        found: dict[str, float] = {}
        wrong = ""
        for marker in reversed(list(item.iter_markers("targets"))):
            try:
                found |= marked_targets(marker.args, marker.kwargs)
            except AgentPerfError as error:
                wrong = str(error)
        if wrong:
            # Not within the except: pytest would show how we came to know it.
            pytest.fail(wrong, pytrace=False)
        return found

    def failures(self, item: pytest.Item, bench: Bench) -> tuple[str, ...]:
        """Return a line for each thing for which *item* fails, which has measured by *bench*."""
        from agent_perf.pytest_plugin.judging import command_lines, failure_lines

        targets = self.targets_of(item)
        if targets and not (bench.runs or bench.commands):
            told = "want world.run(...), or world.measure(...), awaited in an async test"
            return (f"ERROR this test has targets and measured nothing: {told}",)
        return (
            *failure_lines(self._kept(item, bench.runs), self.ground()),
            *command_lines(bench.commands, targets, self.ground()),
        )

    def attach(self, item: pytest.Item, report: pytest.TestReport, runs: Sequence[Run]) -> None:
        """Let *report* carry *runs*, and show them if the test failed."""
        from agent_perf import codec
        from agent_perf.pytest_plugin.explanation import explain_runs

        kept = self._kept(item, runs)
        carried = {
            "test": item.nodeid,
            "failed": report.failed,
            "runs": [codec.dump_run(one.run).decode() for one in kept],
            "targets": [dict(one.targets) for one in kept],
        }
        setattr(report, _ATTACHED, carried)
        if report.failed:
            report.sections.append((f"agent-perf: {item.name}", explain_runs(runs)))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take in what a test has measured, wherever it ran."""
        attached = getattr(report, _ATTACHED, None)
        if attached is not None:
            self._attached.append(attached)

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Tell what was measured, the verdict first, and write what was asked for."""
        if self._is_worker:
            return
        if not self._attached:
            if self._option("save") or self._option("json") or self._option("report"):
                terminalreporter.write_line(
                    "agent-perf: no test has measured anything", yellow=True
                )
            return
        from agent_perf.pytest_plugin.conclusion import conclude

        try:
            conclude(
                self._taken(),
                self.ground(),
                terminalreporter,
                options={key: self._option(key) for key in ("save", "json", "report")},
                folder=self._config.invocation_params.dir,
            )
        except AgentPerfError as error:
            # A summary that raises would hide all that follows it.
            terminalreporter.write_line(f"ERROR agent-perf: {error}", red=True)
            self._fail(terminalreporter)

    def _fail(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Let pytest end with a failure: what it was asked for is not there."""
        session = terminalreporter._session
        if session is not None and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _taken(self) -> list[Kept]:
        from agent_perf import codec
        from agent_perf.pytest_plugin.judging import Kept

        return [
            Kept(run=codec.load_run(text.encode(), str(one["test"])), targets=targets)
            for one in self._attached
            for text, targets in zip(one["runs"], one["targets"], strict=True)
        ]

    def _kept(self, item: pytest.Item, runs: Sequence[Run]) -> list[Kept]:
        from agent_perf.pytest_plugin.judging import Kept

        promised = self.targets_of(item)
        return [Kept(run=run, targets=promised) for run in runs]

    def _option(self, name: str) -> str:
        return str(self._config.getoption(f"agent_perf_{name}"))
