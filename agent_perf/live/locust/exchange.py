"""
One request of a worker, over Locust's fast client: what `live.Asker` does, with its words.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import gevent
from geventhttpclient.response import HTTPConnectionClosed, HTTPSocketResponse
from geventhttpclient.useragent import CompatResponse
from locust.contrib.fasthttp import FAILURE_EXCEPTIONS, LocustUserAgent

from agent_perf.live.asking import ANSWER_BYTES_MAX, NO_EVENT
from agent_perf.live.event_stream import EventStream
from agent_perf.live.locust.bounded import TooLongError
from agent_perf.live.locust.clock import now_ns
from agent_perf.live.request import ReadyRequest
from agent_perf.live.unpacking import CUT, Unpacker, UnpackingError
from agent_perf.scrubbing import scrubbed

_PIECE_BYTES: Final = 1 << 16


class Told(NamedTuple):
    """What became of a request; as in `live.Answer`, times on the clock of now_ns."""

    error: str
    detail: str
    size_bytes: int = 0
    events: int = 0
    first_ns: int = -1


class _TooLate(Exception):
    """The whole answer did not come in time."""


def exchange(agent: LocustUserAgent, base: str, request: ReadyRequest) -> Told:
    """
    Return what becomes of *request*; what the service does wrong is an answer, too.

    Args:
        agent: Of one user, or of all on this worker.
        base: What comes before the request's path.
        request: To be sent.
    """
    try:
        # Not a gevent.Timeout itself, which the agent would take for one of the network's.
        with gevent.Timeout(request.timeout_s, _TooLate):
            return _exchange(agent, base, request)
    except _TooLate:
        return Told("timeout", f"no whole answer within {request.timeout_s:g} s")
    except TooLongError:
        return Told("too_long", f"more than {ANSWER_BYTES_MAX:,} bytes")
    except UnpackingError as failure:
        return Told("content", scrubbed(str(failure), request.secrets))
    except FAILURE_EXCEPTIONS as failure:
        cause = getattr(failure, "original", None) or failure
        told = scrubbed(str(cause), request.secrets)
        return Told("network", f"{type(cause).__name__}: {told}".rstrip(": "))


def _exchange(agent: LocustUserAgent, base: str, request: ReadyRequest) -> Told:
    headers = dict(request.headers)
    # Compressed, a stream's events come when the compressor has enough of them.
    headers.setdefault("accept-encoding", "identity" if request.stream else "gzip, deflate")
    response = agent.urlopen(
        base + request.path,
        method=request.method,
        headers=headers,
        payload=request.content or None,
        max_redirects=0,
    )
    heard = _Heard()
    if request.stream and not _encoding(response):
        _read_stream(response.stream, heard)
    else:
        _read_whole(response, heard)
    content = heard.content
    size, events = len(content), heard.events.count
    status = response.status_code
    if not request.accepts(status):
        begin = scrubbed(content[:200].decode("utf-8", "replace"), request.secrets)
        detail = f"{status}: {' '.join(begin.split())}".rstrip(": ")
        return Told("status", detail, size, 0, heard.first_ns)
    if request.contains not in content:
        detail = f"{request.contains.decode()!r} is not in the answer"
        return Told("content", detail, size, 0, heard.first_ns)
    if request.lacks_event(status, events):
        return Told("content", NO_EVENT, size, 0, heard.first_ns)
    return Told("", "", size, events if request.stream else 0, heard.first_ns)


class _Heard:
    """What has been heard of an answer so far."""

    __slots__ = ("content", "events", "first_ns")

    def __init__(self) -> None:
        self.content = bytearray()
        self.events = EventStream()
        self.first_ns = -1


def _read_stream(raw: HTTPSocketResponse, heard: _Heard) -> None:
    while piece := _arrived(raw):
        heard.content += piece
        heard.events.feed(piece)
        if heard.first_ns < 0 and heard.events.count:
            heard.first_ns = now_ns()
        if len(heard.content) > ANSWER_BYTES_MAX:
            raw.release()
            raise TooLongError


def _arrived(raw: HTTPSocketResponse) -> bytes:
    """Return what has arrived of a body, waiting for something; empty at its end."""
    # As its readline does: to read a number of bytes waits until so many are there, which would
    # time the answer's end where its first event is meant, and lines of streams may end with CR.
    while not raw._body_buffer and not raw.message_complete:
        if raw._sock is None:
            raise HTTPConnectionClosed("connection closed.")
        try:
            raw.feed(raw._sock.recv(raw.block_size))
        except BaseException:
            raw.release()
            raise
    piece = bytes(raw._body_buffer)
    del raw._body_buffer[:]
    return piece


def _read_whole(response: CompatResponse, heard: _Heard) -> None:
    raw = response.stream
    unpacker = Unpacker(_encoding(response))
    try:
        while piece := raw.read(_PIECE_BYTES):
            for plain in unpacker.pieces(bytes(piece)):
                heard.content += plain
                heard.events.feed(plain)
                if len(heard.content) > ANSWER_BYTES_MAX:
                    raise TooLongError
    finally:
        raw.release()
    if unpacker.is_cut:
        raise ConnectionError(CUT)


def _encoding(response: CompatResponse) -> str:
    """Return how the body is packed; empty if it is not."""
    packed = response.headers.get("content-encoding")
    return packed if isinstance(packed, str) and packed.lower() != "identity" else ""
