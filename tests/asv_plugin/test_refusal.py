from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from types import SimpleNamespace

import asv_runner.benchmarks
import pytest
from asv_runner.discovery import _get_benchmark

from agent_perf.asv_plugin import register
from agent_perf.errors import ConfigError

MODULE = SimpleNamespace(__name__="benchmarks.shop")


@pytest.fixture(autouse=True)
def _asv_s_own_types() -> Iterator[None]:
    before = list(asv_runner.benchmarks.benchmark_types)
    # Another test of this process may have imported a package that registers.
    asv_runner.benchmarks.benchmark_types[:] = [
        next(base for base in kind.__mro__ if base.__module__.startswith("asv_runner."))
        for kind in before
    ]
    yield
    asv_runner.benchmarks.benchmark_types[:] = before


class Fine:
    def setup(self) -> None: ...

    def time_sync(self) -> None: ...

    def track_sync(self) -> float:
        return 1.0


class Coroutine:
    async def time_async(self) -> None: ...

    async def track_async(self) -> float:
        return 1.0

    async def peakmem_async(self) -> None: ...


class Generator:
    async def time_generator(self) -> AsyncIterator[None]:
        yield


class Hooks:
    async def setup(self) -> None: ...

    def time_with_setup(self) -> None: ...


def discover(kind: type[object], name: str) -> object:
    """Do what asv does with a method that it found."""
    return _get_benchmark(name, MODULE, kind, getattr(kind, name))


def test_stock_asv_is_content_with_coroutines() -> None:
    """
    Without us asv takes a coroutine function for a benchmark: the reason for all this.
    """
    assert discover(Coroutine, "time_async") is not None


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (Coroutine, "time_async"),
        (Coroutine, "track_async"),
        (Coroutine, "peakmem_async"),
        (Generator, "time_generator"),
        (Hooks, "time_with_setup"),
    ],
)
def test_async_is_refused(kind: type[object], name: str) -> None:
    """
    Coroutine functions, asynchronous generators and asynchronous set-ups are refused with
    the benchmark's name, its place and the way out.
    """
    register()

    with pytest.raises(ConfigError, match=rf"shop\.{kind.__name__}\.{name}.*test_refusal\.py:\d+"):
        discover(kind, name)


def test_the_rest_is_as_before() -> None:
    """
    Other benchmarks keep asv's own type, by name and by inheritance.
    """
    plain = {name: discover(Fine, name) for name in ("time_sync", "track_sync")}
    register()

    for name, benchmark in plain.items():
        assert type(benchmark).__name__ == type(discover(Fine, name)).__name__
        assert isinstance(discover(Fine, name), type(benchmark))


def test_types_are_wrapped_once() -> None:
    """
    Registering again wraps nothing again.
    """
    register()
    once = list(asv_runner.benchmarks.benchmark_types)
    register()

    assert once == asv_runner.benchmarks.benchmark_types
