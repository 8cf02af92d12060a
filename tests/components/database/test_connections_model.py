from __future__ import annotations

import asyncio
from collections.abc import Callable

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from agent_perf.components.errors import DatabaseUnavailableError
from tests.components.database.connecting import FakeConnection, Harbour


class PoolMachine(RuleBasedStateMachine):
    """
    Whatever callers, servers and networks do, the pool does as a page of arithmetic says.

    The model has lists: free, in use, in line. Beside it stand the promises: never more
    connections than the bound, nobody waits beside a free one, first come first served.
    """

    @initialize(size=st.integers(1, 3), overflow=st.integers(0, 2))
    def begin(self, size: int, overflow: int) -> None:
        self.loop = asyncio.new_event_loop()
        self.size, self.bound = size, size + overflow
        self.harbour = Harbour(size=size, overflow_max=overflow)
        self.asked = 0
        self.tasks: dict[int, asyncio.Task[FakeConnection]] = {}
        self.line: list[int] = []
        self.held: dict[int, int] = {}
        self.free: list[int] = []
        self.opening = 0
        self.opened = 0
        self.dead: set[int] = set()
        self.settling: list[int] = []
        self.served: list[int] = []
        self.failed: list[int] = []

    def teardown(self) -> None:
        if not hasattr(self, "loop"):
            return
        # In the end everything comes home, and nobody is left behind.
        while self.line or self.held or self.settling or self.harbour.attempts:
            if self.harbour.attempts:
                self.let_in()
            elif self.settling:
                self.put_right(True)
            else:
                self.give_back(0)
            self.agrees()
        self.loop.run_until_complete(self.harbour.pool.aclose())
        assert 0 == self.harbour.open_count
        self.loop.close()

    # -- What happens

    @rule()
    def ask(self) -> None:
        caller = self.asked
        self.asked += 1
        self.tasks[caller] = self.loop.create_task(self.harbour.pool.take())
        while self.free and self.free[-1] in self.dead:
            self.free.pop()
        if self.free:
            self._serve(caller, self.free.pop())
        else:
            self.line.append(caller)
            self._open_more()
        self._spin()

    @precondition(lambda self: self.line)
    @rule(index=st.integers(0, 20))
    def leave(self, index: int) -> None:
        caller = self.line.pop(index % len(self.line))
        self.tasks.pop(caller).cancel()
        self._spin()

    @precondition(lambda self: self.line and self.held)
    @rule(index=st.integers(0, 20))
    def leave_when_it_is_ones_turn(self, index: int) -> None:
        """The connection comes and the caller goes in one instant."""
        holder = list(self.held)[index % len(self.held)]
        connection = self.held.pop(holder)
        if connection in self.dead:
            self.held[holder] = connection
            return
        caller = self.line[0]
        self._do(self.harbour.pool.give_back, self.tasks.pop(holder).result())
        self._do(self.tasks.pop(caller).cancel)
        self.line.pop(0)
        self._pass_on(connection)
        self._spin()

    @precondition(lambda self: self.harbour.attempts)
    @rule()
    def let_in(self) -> None:
        self.harbour.let_in()
        self.opening -= 1
        self.opened += 1
        self._pass_on(self.opened - 1)
        self._spin()

    @precondition(lambda self: self.harbour.attempts)
    @rule()
    def refuse(self) -> None:
        self.harbour.refuse()
        self.opening -= 1
        if self.line:
            self.failed.append(self.line.pop(0))
        self._open_more()
        self._spin()

    @precondition(lambda self: self.held)
    @rule(index=st.integers(0, 20))
    def give_back(self, index: int) -> None:
        holder = list(self.held)[index % len(self.held)]
        connection = self.held.pop(holder)
        self._do(self.harbour.pool.give_back, self.tasks.pop(holder).result())
        if connection in self.dead:
            self._open_more()
        else:
            self._pass_on(connection)
        self._spin()

    @precondition(lambda self: self.held)
    @rule(index=st.integers(0, 20))
    def cut_short(self, index: int) -> None:
        holder = list(self.held)[index % len(self.held)]
        self.settling.append(self.held.pop(holder))
        self._do(self.harbour.pool.give_up, self.tasks.pop(holder).result())
        self._spin()

    @precondition(lambda self: self.settling)
    @rule(well=st.booleans())
    def put_right(self, well: bool) -> None:
        connection = self.settling.pop(0)
        settles = self.harbour.all[connection].settles
        assert settles is not None
        settles.set_result(well)
        if well and connection not in self.dead:
            self._pass_on(connection)
        else:
            self._open_more()
        self._spin()

    @precondition(lambda self: self.held or self.free)
    @rule(index=st.integers(0, 20))
    def die(self, index: int) -> None:
        alive = [*self.held.values(), *self.free]
        connection = alive[index % len(alive)]
        self.dead.add(connection)
        self.harbour.all[connection].is_alive = False

    # -- The model

    def _serve(self, caller: int, connection: int) -> None:
        self.held[caller] = connection
        self.served.append(caller)

    def _pass_on(self, connection: int) -> None:
        if self.line:
            self._serve(self.line.pop(0), connection)
        elif len(self.free) < self.size:
            self.free.append(connection)

    def _open_more(self) -> None:
        while self.opening < len(self.line) and self._count() < self.bound:
            self.opening += 1

    def _count(self) -> int:
        return len(self.held) + len(self.free) + len(self.settling) + self.opening

    def _do(self, act: Callable[..., object], *arguments: object) -> None:
        # In the loop, at its next step, and all of one step at one instant.
        self.loop.call_soon(act, *arguments)

    def _spin(self) -> None:
        for _ in range(12):
            self.loop.run_until_complete(asyncio.sleep(0))

    # -- What must hold

    @invariant()
    def agrees(self) -> None:
        if not hasattr(self, "loop"):
            return
        stats = self.harbour.pool.stats()
        assert (len(self.held), len(self.free), self.opening, len(self.settling), len(self.line)) == (
            stats.in_use, stats.idle, stats.opening, stats.settling, stats.waiting,
        )  # fmt: skip
        assert len(self.harbour.attempts) == self.opening
        for caller, connection in self.held.items():
            assert connection == self.tasks[caller].result().number
        for caller in self.line:
            assert not self.tasks[caller].done()
        for caller in self.failed:
            if caller in self.tasks:
                assert isinstance(self.tasks.pop(caller).exception(), DatabaseUnavailableError)

    @invariant()
    def keeps_its_promises(self) -> None:
        if not hasattr(self, "loop"):
            return
        stats = self.harbour.pool.stats()
        assert stats.in_use + stats.idle + stats.opening + stats.settling <= self.bound
        assert stats.open_max <= self.bound
        assert len(set(self.held.values())) == len(self.held)
        if self.line:
            assert 0 == stats.idle
        assert self.served == sorted(self.served)


TestPool = PoolMachine.TestCase
TestPool.settings = settings(max_examples=50, stateful_step_count=40, deadline=None)
