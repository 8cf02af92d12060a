"""
The door to pytest: the fixture ``world``, the markers ``targets`` and ``world``, options.

pytest imports this file in every project that has agent-perf installed: nothing heavy is
imported before a test asks for the fixture, and without that nothing happens.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator
from typing import Any

import pytest

from agent_perf.pytest_plugin.bench import Bench, place_of
from agent_perf.pytest_plugin.session import NAME, Session

__all__ = ["Bench"]

_BENCH: pytest.StashKey[Bench] = pytest.StashKey()

_WORLD_OPTIONS = ("seed", "tier", "tables", "faults", "cpu", "executor")
"""What can be said of the world of a test; what a scenario has besides belongs to its requests."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of a session."""
    group = parser.getgroup("agent-perf", "performance in virtual time (agent-perf)")
    group.addoption(
        "--agent-perf-compare",
        metavar="BASE",
        default="",
        help="Judge what tests measure against the stored runs of a commit, or baseline:NAME.",
    )
    group.addoption(
        "--agent-perf-save",
        metavar="NAME",
        default="",
        help="Keep what tests measure as baseline NAME, which must not be there yet.",
    )
    group.addoption(
        "--agent-perf-json", metavar="FILE", default="", help="Write the results as JSON."
    )
    group.addoption(
        "--agent-perf-report",
        metavar="FOLDER",
        default="",
        help="Write the report: HTML, Markdown, JSON, JUnit.",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Tell pytest of the markers, and collect what tests measure."""
    config.addinivalue_line(
        "markers",
        "targets(metrics=None, /, **limits): what each run of the test's `world` promises, as "
        "p95='150ms', max_llm_calls=2, or {'latency.hit.p95': '20ms'}",
    )
    config.addinivalue_line(
        "markers",
        f"world(**options): the world of an async test with `world`: {', '.join(_WORLD_OPTIONS)}",
    )
    session = Session(config)
    session.check_options()
    config.pluginmanager.register(session, NAME)


@pytest.fixture
def world(request: pytest.FixtureRequest) -> Bench:
    """Measure scenarios and functions in virtual time; see agent-perf's docs/pytest.md."""
    node = request.node
    session = _session(request.config)
    options = _world_options(node)
    test = node.nodeid.partition("::")[2] or node.name
    bench = Bench(
        place=place_of(node.nodeid.partition("::")[0], test),
        source=node.path,
        ground=session.ground,
        options=options,
    )
    node.stash[_BENCH] = bench
    # What the marker says wrong is told before the test takes its time.
    session.targets_of(node)
    return bench


def _world_options(node: pytest.Item) -> dict[str, Any]:
    """Return what the markers ``world`` of *node* say; the test fails if they cannot be meant."""
    options: dict[str, Any] = {}
    for marker in reversed(list(node.iter_markers("world"))):
        if marker.args:
            pytest.fail(
                f"@pytest.mark.world{marker.args!r}: want options by name, as seed=2", pytrace=False
            )
        for name in marker.kwargs:
            if name not in _WORLD_OPTIONS:
                pytest.fail(
                    f"@pytest.mark.world({name}=...): a world has {', '.join(_WORLD_OPTIONS)}; the "
                    "rest is said where requests are made, as world.measure(f, users=50)",
                    pytrace=False,
                )
        options |= marker.kwargs
    if options and isinstance(node, pytest.Function) and _async_test(node) is None:
        pytest.fail(
            "@pytest.mark.world is for async tests, which are in a world; in this one say it to "
            f"world.run(f, {next(iter(options))}=...)",
            pytrace=False,
        )
    return options


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Run an async test in its world, and judge what a test has measured."""
    bench = pyfuncitem.stash.get(_BENCH, None)
    if bench is None:
        return (yield)
    original = pyfuncitem.obj
    test = _async_test(pyfuncitem)
    if test is not None:
        # A plain function to whoever runs tests: plugins for async ones leave it alone.
        pyfuncitem.obj = bench.in_world(test)
    try:
        result = yield
    finally:
        pyfuncitem.obj = original
    lines = _session(pyfuncitem.config).failures(pyfuncitem, bench)
    if lines:
        pytest.fail("\n".join(lines), pytrace=False)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Attach what a test has measured: for the summary, and to what it shows if it fails."""
    report = yield
    bench = item.stash.get(_BENCH, None)
    if bench is not None and bench.runs and call.when == "call":
        _session(item.config).attach(item, report, bench.runs)
    return report


def _session(config: pytest.Config) -> Session:
    session = config.pluginmanager.get_plugin(NAME)
    assert isinstance(session, Session)
    return session


def _async_test(item: pytest.Function) -> Callable[..., Any] | None:
    """Return the async function of *item*, which other plugins may have wrapped; None if none."""
    function: Any = item.obj
    while type(item) is not pytest.Function and hasattr(function, "__wrapped__"):
        if inspect.iscoroutinefunction(function):
            break
        function = function.__wrapped__
    return function if inspect.iscoroutinefunction(function) else None
