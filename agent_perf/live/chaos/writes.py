"""
Whether what a service has acknowledged is there afterwards.
"""

from __future__ import annotations

import asyncio
import re
import shlex
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from agent_perf.config import ChaosWrites
from agent_perf.errors import BrokenError, ConfigError
from agent_perf.live.asking import Answer, Asker
from agent_perf.live.chaos.plan import filled
from agent_perf.live.request import ReadyRequest
from agent_perf.records import CheckResult
from agent_perf.scrubbing import scrubbed

NUMBER: Final = "{n}"
_RUN: Final = "{run}"
_LOOK_EVERY_S: Final = 0.25
_AT_ONCE: Final = 16
_COMMAND_S: Final = 60.0
_OUTPUT_BYTES_MAX: Final = 64 << 20
_SHOWN: Final = 5
_BUSY: Final = 429
_SICK: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """
    What was read back.

    Attributes:
        times: Number of a write to how often it is there.
        problem: Why it could not be read; else empty.
    """

    times: Mapping[int, int]
    problem: str = ""


class NoWrites:
    """Requests that leave nothing behind."""

    def numbered(self, request: ReadyRequest, index: int) -> ReadyRequest:
        """Return *request*, as all others are."""
        del index
        return request

    def note(self, answer: Answer, index: int) -> None:
        """Forget it."""


class Ledger:
    """
    Gives each write an id, and remembers which were acknowledged.

    Args:
        said: What the configuration says.
        write: The request that writes.
        run: What all ids begin with, as no other run's do.
        count: Of all requests.

    Raises:
        ConfigError: If the request has no place for an id.
    """

    def __init__(self, said: ChaosWrites, write: ReadyRequest, run: str, count: int) -> None:
        if NUMBER not in write.path and NUMBER.encode() not in write.content:
            raise ConfigError(
                f"writes.request = {said.request!r} has no {NUMBER} in its path or body: no "
                "write could be told from another one"
            )
        self.run = run
        self._name = write.name
        # 0: not a write, or never answered; 1: in doubt; 2: acknowledged.
        self._states = bytearray(count)

    def numbered(self, request: ReadyRequest, index: int) -> ReadyRequest:
        """Return *request* with the id of number *index*, if it is the one that writes."""
        return with_id(request, self.id_of(index)) if request.name == self._name else request

    def note(self, answer: Answer, index: int) -> None:
        """Take note whether write number *index* was acknowledged."""
        if answer.name == self._name:
            self._states[index] = 2 if answer.is_good else 1

    def id_of(self, index: int) -> str:
        """Return the id of write number *index*."""
        return f"{self.run}-{index:07d}"

    @property
    def acknowledged(self) -> list[int]:
        """Numbers of the writes that were acknowledged."""
        return [index for index, state in enumerate(self._states) if state == 2]

    @property
    def in_doubt(self) -> list[int]:
        """Numbers of those that failed: they may have been carried out, or not."""
        return [index for index, state in enumerate(self._states) if state == 1]

    def numbers_in(self, text: bytes) -> Counter[int]:
        """Return number to how often its id is in *text*."""
        found = re.findall(re.escape(self.run.encode()) + rb"-(\d{7})(?!\d)", text)
        return Counter(int(number) for number in found)


def with_id(request: ReadyRequest, identity: str) -> ReadyRequest:
    """Return *request* with *identity* for ``{n}``."""
    return replace(
        request,
        path=request.path.replace(NUMBER, identity),
        content=request.content.replace(NUMBER.encode(), identity.encode()),
    )


async def read_back(
    ledger: Ledger,
    said: ChaosWrites,
    asker: Asker,
    read: ReadyRequest | None,
    addresses: Mapping[str, str],
) -> Found:
    """
    Return what is there, as soon as nothing is missing, or when the time for that is over.

    Args:
        ledger: What should be.
        said: What the configuration says.
        asker: Of the service; it keeps what it is answered.
        read: The request that reads; None: the command does.
        addresses: Name of a proxy to its address, for the command.
    """
    wanted = ledger.acknowledged
    loop = asyncio.get_running_loop()
    until_s = loop.time() + said.within_s
    while True:
        try:
            if read is not None:
                found = Found(times=await _asked(ledger, asker, read, wanted))
            else:
                found = Found(times=await _told(ledger, said.command, addresses))
        except BrokenError as error:
            found = Found(times={}, problem=str(error))
        if not found.problem and all(found.times.get(one) for one in wanted):
            return found
        if loop.time() >= until_s:
            return found
        await asyncio.sleep(_LOOK_EVERY_S)


def writes_checks(ledger: Ledger, said: ChaosWrites, found: Found) -> tuple[CheckResult, ...]:
    """Return whether nothing acknowledged is lost, and nothing there too often."""
    wanted, doubted = ledger.acknowledged, ledger.in_doubt
    name = f"check.lost.{said.request}"
    if found.problem or not wanted:
        text = found.problem or "not one write was acknowledged"
        return (_check(name, None, None, 0, text),)
    lost = [one for one in wanted if not found.times.get(one)]
    twice = [one for one, times in found.times.items() if times > 1]
    shown = ", ".join(ledger.id_of(one) for one in lost[:_SHOWN])
    text = (
        f"{len(wanted):,} acknowledged, {len(lost):,} lost{f' ({shown})' if lost else ''}; "
        f"{len(doubted):,} in doubt, of which {sum(one in found.times for one in doubted):,} are "
        f"there; {len(twice):,} there more than once"
    )
    results = [_check(name, not lost, len(lost), 0, text)]
    if said.duplicates_max is not None:
        most = said.duplicates_max
        shown = ", ".join(ledger.id_of(one) for one in twice[:_SHOWN])
        told = f"{len(twice):,} there more than once{f' ({shown})' if twice else ''}"
        name = f"check.duplicates.{said.request}"
        results.append(_check(name, len(twice) <= most, len(twice), most, told))
    return tuple(results)


async def _asked(
    ledger: Ledger, asker: Asker, read: ReadyRequest, wanted: list[int]
) -> dict[int, int]:
    read = replace(
        read,
        path=read.path.replace(_RUN, ledger.run),
        content=read.content.replace(_RUN.encode(), ledger.run.encode()),
    )
    if NUMBER not in read.path and NUMBER.encode() not in read.content:
        answer = await asker.ask(read)
        if not answer.is_good:
            raise BrokenError(f"{read.name} cannot be read: {answer.error}: {answer.detail}")
        return dict(ledger.numbers_in(answer.content))
    turns = asyncio.Semaphore(_AT_ONCE)

    async def is_there(index: int) -> bool:
        async with turns:
            answer = await asker.ask(with_id(read, ledger.id_of(index)))
        if not _tells(answer):
            raise BrokenError(f"{read.name} cannot be read: {answer.error}: {answer.detail}")
        return answer.is_good

    try:
        async with asyncio.TaskGroup() as group:
            asked = {index: group.create_task(is_there(index)) for index in wanted}
    except ExceptionGroup as errors:
        # The first has ended all of them; in a group nobody would know it for what it is.
        raise errors.exceptions[0] from None
    return {index: 1 for index, task in asked.items() if task.result()}


def _tells(answer: Answer) -> bool:
    """Return whether *answer* says if a write is there; that of a sick service does not."""
    if answer.error not in {"", "status", "content"}:
        return False
    return answer.is_good or not (answer.status == _BUSY or (answer.status or 0) >= _SICK)


async def _told(ledger: Ledger, command: str, addresses: Mapping[str, str]) -> dict[int, int]:
    words = shlex.split(filled(command, {**addresses, "run": ledger.run}, "writes.command"))
    try:
        process = await asyncio.create_subprocess_exec(
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
    except OSError as error:
        raise BrokenError(f"cannot start {words[0]!r}: {error.strerror}") from error
    assert process.stdout is not None
    text = b""
    try:
        async with asyncio.timeout(_COMMAND_S):
            while piece := await process.stdout.read(1 << 16):
                text += piece
                if len(text) > _OUTPUT_BYTES_MAX:
                    raise BrokenError(f"{words[0]!r} said more than {_OUTPUT_BYTES_MAX:,} bytes")
            code = await process.wait()
    except TimeoutError:
        raise BrokenError(f"{words[0]!r} did not end in {_COMMAND_S:g} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if code:
        said = scrubbed(text[-300:].decode("utf-8", "replace"))
        raise BrokenError(f"{words[0]!r} ended with {code}: {' '.join(said.split())}")
    return dict(ledger.numbers_in(text))


def _check(
    name: str, passed: bool | None, observed: float | None, limit: float, text: str
) -> CheckResult:
    return CheckResult(
        name=name, passed=passed, observed=observed, limit=limit, unit="count", text=text
    )
