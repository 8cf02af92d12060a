"""Who is let in, of workers that fail in their own ways."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
import pytest

from agent_perf.errors import BrokenError, RepositoryError
from agent_perf.fleet.assignment import Presence
from agent_perf.fleet.likeness import installation
from agent_perf.fleet.roster import Roster
from agent_perf.fleet.seats import Seats
from agent_perf.fleet.source import Source, source_of
from agent_perf.fleet.station import present

FULL = OSError(errno.ENOSPC, "No space left on device")
# As Dask tells that nobody answers: an OSError without a number.
AWAY = OSError("Timed out trying to connect to tcp://b")


@dataclass(kw_only=True)
class Workers:
    """Stands in Dask's client's place; *receiving* and *presenting* say who fails, and how."""

    names: tuple[str, ...] = ("tcp://a", "tcp://b")
    receiving: dict[str, Exception] = field(default_factory=dict)
    presenting: dict[str, Exception] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    status: str = "running"
    is_silent: bool = False

    def scheduler_info(self, n_workers: int) -> dict[str, object]:
        if self.is_silent:
            return {}
        return {
            "workers": {name: {"name": name, "host": "h", "nthreads": 1} for name in self.names}
        }

    def run(
        self, function: Callable[..., object], *_: object, workers: list[str], **options: object
    ) -> dict[str, object]:
        self.asked += [f"{function.__name__} {name}" for name in workers]
        if function is present:
            answer = msgspec.json.encode(Presence(installation=installation(), has_source=False))
            return {name: self.presenting.get(name, answer) for name in workers}
        for name in workers:
            if name in self.receiving:
                raise self.receiving[name]
        return {}


@pytest.fixture
def source(shop) -> Source:
    return source_of(shop.repository, shop.commits, shop.config)


def look(workers: Workers, source: Source, times: int = 2) -> tuple[int, list[str]]:
    """Return how many seats there are, and what was told, after some looks."""
    seats = Seats()
    said: list[str] = []
    roster = Roster(workers, source, seats, said.append)  # type: ignore[arg-type]  # A stand-in.
    for _ in range(times):
        roster.look()
    return seats.count(), said


@pytest.mark.parametrize("error", [FULL, RepositoryError("git is not installed")])
def test_who_cannot_keep_the_files_is_left_out(source, error) -> None:
    """It is told once, with the reason; it is not sent to again, and the others go on."""
    workers = Workers(receiving={"tcp://b": error})

    assert (1, [f"worker tcp://b is left out, for it cannot keep the files: {error}"]) == look(
        workers, source
    )
    assert 1 == workers.asked.count("receive tcp://b")


def test_who_was_not_reached_is_asked_again(source) -> None:
    """A worker that went away meanwhile has done nothing wrong."""
    workers = Workers(receiving={"tcp://b": AWAY}, presenting={"tcp://a": AWAY})

    assert (0, []) == look(workers, source)
    assert 2 == workers.asked.count("receive tcp://b")
    assert 2 == workers.asked.count("present tcp://a")


def test_who_cannot_say_what_it_is_is_left_out(source) -> None:
    """A full disk there is no reason to ask for ever without a word."""
    workers = Workers(presenting={"tcp://b": FULL})

    seats, said = look(workers, source)

    assert 1 == seats
    assert 1 == len(said)
    assert "worker tcp://b is left out" in said[0]
    assert "No space left on device" in said[0]


@pytest.mark.parametrize("lost", [{"is_silent": True}, {"status": "connecting"}])
def test_a_lost_connection_is_told_in_words(source, lost) -> None:
    """Dask answers with nothing while it tries again, or only much later."""
    with pytest.raises(BrokenError, match=r"the scheduler is gone \(the connection broke\)"):
        look(Workers(**lost), source)
