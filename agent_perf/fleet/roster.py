"""
Lets workers in: those that are alike, once they have the files to measure.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

from agent_perf.decoding import decoder_of
from agent_perf.errors import AgentPerfError, BrokenError
from agent_perf.fleet.assignment import Presence
from agent_perf.fleet.likeness import differences, installation
from agent_perf.fleet.seats import Seats
from agent_perf.fleet.source import Source, parcel
from agent_perf.fleet.station import present, receive

if TYPE_CHECKING:
    from distributed import Client

_TICK_S: Final = 0.5
"""How soon it is noticed that a worker came or went."""
_DESERTED_S: Final = 60.0
"""How long nobody may be there: a machine in a cloud takes about as long to come back."""
_PART_BYTES: Final = 8 << 20
"""A message that passes the scheduler beside those of others."""


class Roster:
    """
    Follows who is there, in a thread of its own.

    Args:
        client: Connected.
        source: What they are to measure.
        seats: Where workers are welcomed and dismissed.
        tell: Told who is left out, and why.
        deserted_s: Seconds without any seat after which it is given up.
    """

    def __init__(
        self,
        client: Client,
        source: Source,
        seats: Seats,
        tell: Callable[[str], None],
        *,
        deserted_s: float = _DESERTED_S,
    ) -> None:
        self._client = client
        self._source = source
        self._seats = seats
        self._tell = tell
        self._deserted_s = deserted_s
        self._known: set[str] = set()
        self._parcel: bytes | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="agent-perf-roster", daemon=True)

    def start(self) -> None:
        """Follow from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Follow no more."""
        self._over.set()
        self._thread.join()

    def look(self) -> None:
        """
        Welcome who came and dismiss who went since the last look.

        Raises:
            UsageError: If what has to be sent is too large.
            BrokenError: If the scheduler is gone.
        """
        try:
            self._update()
        except AgentPerfError:
            raise
        except Exception as error:
            raise _lost(f"{type(error).__name__}: {error}") from error

    def _update(self) -> None:
        # While it tries to connect again, Dask answers after half a minute, or with nothing. What
        # this client had asked for is forgotten by a scheduler that comes back.
        info = self._client.scheduler_info(n_workers=-1) if self._is_connected() else {}
        if "workers" not in info:
            raise _lost("the connection broke")
        there: Mapping[str, Mapping[str, Any]] = info["workers"]
        for address in self._known - there.keys():
            self._known.discard(address)
            self._seats.dismiss(address)
        new = [address for address in there if address not in self._known]
        for address, answer in self._ask(new).items():
            # Who went away while it was asked is seen to be gone, or asked again.
            if isinstance(answer, Exception) and _is_away(answer):
                continue
            self._known.add(address)
            told = there[address]
            name = f"{told['name']} ({told['host']})" if told["name"] != address else address
            if reason := self._refusal(answer):
                self._tell(f"worker {name} is left out, for its results would differ: {reason}")
            elif self._supply(address, name, answer):
                self._seats.welcome(address, name, int(told["nthreads"]))

    def _is_connected(self) -> bool:
        return self._client.status == "running"

    def _ask(self, addresses: list[str]) -> dict[str, Presence | Exception]:
        if not addresses:
            return {}
        answers = self._client.run(
            present, msgspec.json.encode(self._source), workers=addresses, on_error="return"
        )
        return {
            address: decoder_of(Presence).decode(answer) if isinstance(answer, bytes) else answer
            for address, answer in answers.items()
        }

    @staticmethod
    def _refusal(answer: Presence | Exception) -> str:
        if isinstance(answer, Presence):
            return differences(installation(), answer.installation)
        return (
            f"it cannot say what it is ({type(answer).__name__}: {answer}); install "
            "agent-perf[fleet] where it runs"
        )

    def _supply(self, address: str, name: str, answer: Presence | Exception) -> bool:
        """Send the files to the worker at *address* if it needs them; return if it has them."""
        assert isinstance(answer, Presence)
        if answer.has_source:
            return True
        if self._parcel is None:
            self._parcel = parcel(self._source)
        source = msgspec.json.encode(self._source)
        parts = range(0, len(self._parcel), _PART_BYTES)
        for start in parts:
            try:
                self._client.run(
                    receive,
                    source,
                    self._parcel[start : start + _PART_BYTES],
                    start == 0,
                    start == parts[-1],
                    workers=[address],
                )
            except Exception as error:  # noqa: BLE001 (told, and no reason to stop the others)
                if _is_away(error):
                    self._known.discard(address)
                else:
                    self._tell(f"worker {name} is left out, for it cannot keep the files: {error}")
                return False
        return True

    def _follow(self) -> None:
        deserted_s = 0.0
        while not self._over.wait(_TICK_S):
            try:
                self.look()
            except AgentPerfError as error:
                if not self._over.is_set():
                    self._seats.fail(error)
                return
            deserted_s = 0.0 if self._seats.count() else deserted_s + _TICK_S
            if deserted_s >= self._deserted_s:
                self._seats.fail(
                    BrokenError(
                        f"no worker has been there for {self._deserted_s:g} s; what was finished "
                        "is stored: start workers, and run it again"
                    )
                )
                return


def _is_away(error: Exception) -> bool:
    """Return whether *error* says that a worker was not reached, not that it failed there."""
    # Dask's own are OSErrors without a number; a worker's, of a full disk say, have one.
    return isinstance(error, OSError) and error.errno is None


def _lost(reason: str) -> AgentPerfError:
    return BrokenError(
        f"the scheduler is gone ({reason}); what was finished is stored: run it again"
    )
