"""
Requests that somebody wrote down: replayed at the instants at which they came.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from agent_perf.errors import ConfigError
from agent_perf.load.arrivals import Arrival, Dice
from agent_perf.units import NS

_WEIGHT_MAX: Final = 100_000
_LINE_CHARS_MAX: Final = 2**20
_MONTHS: Final = "JanFebMarAprMayJunJulAugSepOctNovDec"

_COMMON: Final = re.compile(
    r"(?P<user>\S+) \S+ \S+ \[(?P<d>\d\d)/(?P<mon>[A-Z][a-z]{2})/(?P<y>\d{4})"
    r":(?P<time>\d\d:\d\d:\d\d) (?P<zone>[+-]\d{4})\] "
    r'"(?P<text>[A-Z]+ [^" ]+)[^"]*" \d{3} '
)
"""Common and combined log format: Apache's `mod_log_config`, nginx's `combined`."""

_UVICORN: Final = re.compile(
    r"(?P<time>\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?)\D.*?"
    r'(?P<user>[0-9a-fA-F.:\[\]]+):\d+ - "(?P<text>[A-Z]+ [^" ]+)[^"]*" \d{3}'
)
"""A line of uvicorn's access log with a time before it: `%(asctime)s` in its format."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """
    A load that was recorded.

    Attributes:
        name: Where it came from, for people.
        requests: Ascending by time, at least one; the first at 0 or later.
        speed: 2 replays it in half the time; > 0.
        skipped_count: Lines of the source that were no requests.
    """

    name: str
    requests: tuple[Arrival, ...]
    speed: float = 1.0
    skipped_count: int = 0

    def __post_init__(self) -> None:
        if not self.requests:
            raise ConfigError(f"{self.name} holds no request; want at least one")
        if not 1e-6 <= self.speed <= 1e6:
            raise ConfigError(f"speed={self.speed}; want a factor from 0.000001 to 1,000,000")
        before_ns = 0
        for number, request in enumerate(self.requests, start=1):
            if request.at_ns < before_ns:
                raise ConfigError(
                    f"{self.name}: request {number} is at {request.at_ns / NS:g} s, before "
                    f"{before_ns / NS:g} s; want times from 0 on, in ascending order"
                )
            before_ns = request.at_ns

    @property
    def length_s(self) -> float:
        """When the last request arrives, in seconds; at least a millisecond."""
        return max(0.001, self._scaled(self.requests[-1].at_ns) / NS)

    @property
    def expected_count(self) -> int:
        """How many requests, exactly."""
        return len(self.requests)

    @property
    def users(self) -> int:
        """How many users the trace names; 0 if none."""
        return len({request.user for request in self.requests} - {None})

    def arrivals(self, dice: Dice) -> Iterator[Arrival]:
        """Yield the requests in order of their arrival."""
        for request in self.requests:
            yield request._replace(at_ns=self._scaled(request.at_ns))

    def describe(self) -> str:
        """Return the load in words."""
        faster = "" if self.speed == 1 else f", {self.speed:g} times as fast"
        return f"trace {self.name}{faster}"

    def _scaled(self, at_ns: int) -> int:
        return at_ns * 1_000_000 // round(self.speed * 1_000_000)


def read_trace(path: Path, *, speed: float = 1.0) -> Trace:
    """
    Return the trace in a file of JSON lines.

    Each line is an object with ``at_s``, seconds from the begin, and optionally ``path``
    (given to the scenario as ``ask.text``), ``user`` (a name or number), and ``weight``
    (so many such requests at that instant). Lines are in order of time.

    Raises:
        ConfigError: If a line is not that, with its number; if there is none.
    """
    requests: list[Arrival] = []
    users: dict[str, int] = {}
    for number, line in enumerate(_lines(path), start=1):
        if line.strip():
            arrival, weight = _parsed(line, f"{path.name}, line {number}", users)
            requests += [arrival] * weight
    return Trace(name=path.name, requests=tuple(requests), speed=speed)


def read_access_log(path: Path, *, speed: float = 1.0) -> Trace:
    """
    Return the requests in an access log, from its first one on.

    Common and combined log format as of nginx and Apache, and uvicorn's with a time before
    each line. Clients are the users, method and path are what is asked. Lines are written
    when an answer is sent: they are put in order of time. The requests of one second are
    spread over it evenly if the log tells no fractions.

    Raises:
        ConfigError: If no line is a request, with the first that is none.
    """
    stamped: list[tuple[int, str, str]] = []
    users: dict[str, int] = {}
    strange = ""
    skipped_count = 0
    for line in _lines(path):
        found = _from_common(line) or _from_uvicorn(line)
        if found is None:
            skipped_count += bool(line.strip())
            strange = strange or line.strip()
        else:
            stamped.append(found)
    if not stamped:
        raise ConfigError(
            f"{path.name} holds no request with a time"
            + (f"; its first line is {strange[:120]!r}" if strange else "")
            + "; want common or combined log format, or uvicorn's with `%(asctime)s` before it"
        )
    stamped.sort(key=lambda request: request[0])
    begin_ns = stamped[0][0]
    requests = tuple(
        Arrival(at_ns - begin_ns, users.setdefault(user, len(users)), text)
        for at_ns, user, text in _spread(stamped)
    )
    return Trace(name=path.name, requests=requests, speed=speed, skipped_count=skipped_count)


def _lines(path: Path) -> Iterator[str]:
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            while line := file.readline(_LINE_CHARS_MAX + 1):
                if len(line) > _LINE_CHARS_MAX:
                    raise ConfigError(
                        f"{path} has a line of more than {_LINE_CHARS_MAX:,} bytes; is it a trace?"
                    )
                yield line
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error


def _parsed(line: str, where: str, users: dict[str, int]) -> tuple[Arrival, int]:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{where} is no JSON ({error}): {line.strip()[:80]!r}") from error
    if not isinstance(entry, dict):
        raise ConfigError(f'{where}: {entry!r}; want an object, as {{"at_s": 0.5}}')
    unknown = sorted(set(entry) - {"at_s", "path", "user", "weight"})
    if unknown:
        raise ConfigError(f"{where}: unknown {unknown}; want at_s, path, user, weight")
    at_s = _want(entry, "at_s", where, _is_time, "seconds >= 0")
    text = _want(entry, "path", where, lambda value: isinstance(value, str), "a string", "")
    weight = _want(entry, "weight", where, _is_weight, f"a whole number, 1 to {_WEIGHT_MAX:,}", 1)
    named = _want(entry, "user", where, _is_user, "a string or a whole number", None)
    user = None if named is None else users.setdefault(str(named), len(users))
    assert isinstance(at_s, int | float)
    assert isinstance(weight, int)
    return Arrival(round(at_s * NS), user, str(text)), weight


def _want(
    entry: dict[str, object],
    key: str,
    where: str,
    fits: Callable[[object], bool],
    wanted: str,
    *default: object,
) -> object:
    if key not in entry and default:
        return default[0]
    value = entry.get(key)
    if not fits(value):
        raise ConfigError(f"{where}: {key}={value!r}; want {wanted}")
    return value


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1e9


def _is_weight(value: object) -> bool:
    return type(value) is int and 1 <= value <= _WEIGHT_MAX


def _is_user(value: object) -> bool:
    return isinstance(value, str) or type(value) is int


def _from_common(line: str) -> tuple[int, str, str] | None:
    found = _COMMON.match(line)
    if found is None:
        return None
    # Month names are English whatever the locale, so strptime would not do.
    month, zone = _MONTHS.find(found["mon"]) // 3 + 1, found["zone"]
    day = f"{found['y']}-{month:02}-{found['d']}"
    try:
        at = datetime.fromisoformat(f"{day}T{found['time']}{zone[:3]}:{zone[3:]}")
    except ValueError:
        return None
    return round(at.timestamp()) * NS, found["user"], found["text"]


def _from_uvicorn(line: str) -> tuple[int, str, str] | None:
    found = _UVICORN.search(line)
    if found is None:
        return None
    whole, _, fraction = found["time"].replace(",", ".").partition(".")
    try:
        # Only differences count, so any zone will do.
        at = datetime.fromisoformat(f"{whole}+00:00")
    except ValueError:
        return None
    at_ns = round(at.timestamp()) * NS + int(fraction.ljust(9, "0") or "0")
    return at_ns, found["user"], found["text"]


def _spread(stamped: list[tuple[int, str, str]]) -> Iterable[tuple[int, str, str]]:
    if any(at_ns % NS for at_ns, _, _ in stamped):
        return stamped
    sizes: dict[int, int] = {}
    for at_ns, _, _ in stamped:
        sizes[at_ns] = sizes.get(at_ns, 0) + 1
    taken: dict[int, int] = {}
    spread = []
    for at_ns, user, text in stamped:
        place = taken[at_ns] = taken.get(at_ns, -1) + 1
        spread.append((at_ns + place * NS // sizes[at_ns], user, text))
    return spread
