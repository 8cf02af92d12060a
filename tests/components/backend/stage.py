"""Parts that do as they are told, and a record of what was asked of them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from agent_perf.components import Backend
from agent_perf.sim import SimLoop, simulate


@dataclass
class Script:
    """
    What a part does: how long it takes to start and to stop, and how that ends.

    Attributes:
        failures: Starts that fail before one succeeds.
        stop: ``ok``, ``raise``, ``hang``, or ``deaf``: it does not notice cancellations.
    """

    start_s: float = 0.0
    failures: int = 0
    stop_s: float = 0.0
    stop: str = "ok"


@dataclass
class Stage:
    """Adds scripted parts to a backend, and writes down what happens to them, and when."""

    log: list[tuple[float, str, str]] = field(default_factory=list)

    def add(self, backend: Backend, name: str, script: Script, **options: object) -> None:
        attempts = 0

        async def start() -> None:
            nonlocal attempts
            attempts += 1
            self.note("start", name)
            await asyncio.sleep(script.start_s)
            if attempts <= script.failures:
                self.note("failed", name)
                raise ConnectionError(f"{name} is away")
            self.note("started", name)

        async def stop() -> None:
            self.note("stop", name)
            await asyncio.sleep(script.stop_s)
            if script.stop == "raise":
                raise OSError(f"{name} is stuck")
            if script.stop == "hang":
                await asyncio.sleep(1e6)
            # Deaf to the backend; the end of the simulation it does notice.
            for _ in range(2 if script.stop == "deaf" else 0):
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.sleep(1e6)

        backend.part(name, start=start, stop=stop, **options)  # type: ignore[arg-type]

    def note(self, what: str, name: str) -> None:
        self.log.append((round(asyncio.get_running_loop().time(), 9), what, name))

    def names(self, what: str) -> list[str]:
        return [name for _, kind, name in self.log if kind == what]

    def times(self, what: str) -> dict[str, float]:
        return {name: at_s for at_s, kind, name in self.log if kind == what}


def tell(story: Callable[[Stage], Awaitable[object]]) -> object:
    """Run *story* in virtual time."""

    async def main(_: SimLoop) -> object:
        return await story(Stage())

    return simulate(main)
