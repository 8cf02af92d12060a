"""
One request of a worker, over Locust's fast client: what `live.Asker` does, with its words.
"""

from __future__ import annotations

import zlib
from typing import Final, NamedTuple

import gevent
from geventhttpclient.response import HTTPSocketResponse
from geventhttpclient.useragent import CompatResponse
from locust.contrib.fasthttp import FAILURE_EXCEPTIONS, LocustUserAgent

from agent_perf.live.asking import ANSWER_BYTES_MAX
from agent_perf.live.locust.bounded import TooLongError
from agent_perf.live.locust.clock import now_ns
from agent_perf.live.request import ReadyRequest
from agent_perf.scrubbing import scrubbed

_PIECE_BYTES: Final = 1 << 16
_ANY_WINDOW: Final = zlib.MAX_WBITS | 32
"""What zlib wants to hear to tell gzip from deflate by itself."""


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
        _read_stream(response.stream, request, heard)
    else:
        _read_whole(response, heard)
    content = heard.content
    size, events = len(content), content.count(b"\ndata:") + content.startswith(b"data:")
    status = response.status_code
    if not request.accepts(status):
        begin = scrubbed(content[:200].decode("utf-8", "replace"), request.secrets)
        detail = f"{status}: {' '.join(begin.split())}".rstrip(": ")
        return Told("status", detail, size, 0, heard.first_ns)
    if request.contains not in content:
        detail = f"{request.contains.decode()!r} is not in the answer"
        return Told("content", detail, size, 0, heard.first_ns)
    return Told("", "", size, events if request.stream else 0, heard.first_ns)


class _Heard:
    """What has been heard of an answer so far."""

    __slots__ = ("content", "first_ns")

    def __init__(self) -> None:
        self.content = bytearray()
        self.first_ns = -1


def _read_stream(raw: HTTPSocketResponse, request: ReadyRequest, heard: _Heard) -> None:
    # Line by line: to read a number of bytes waits until so many are there, which would
    # time the answer's end where its first event is meant.
    has_data = False
    while line := raw.readline(b"\n"):
        heard.content += line
        has_data = has_data or line.startswith(b"data:")
        if heard.first_ns < 0 and has_data and not line.strip():
            heard.first_ns = now_ns()
        if len(heard.content) > ANSWER_BYTES_MAX:
            raw.release()
            raise TooLongError
    heard.content += raw.read()


def _read_whole(response: CompatResponse, heard: _Heard) -> None:
    raw = response.stream
    content = bytearray()
    while piece := raw.read(_PIECE_BYTES):
        content += piece
        if len(content) > ANSWER_BYTES_MAX:
            raw.release()
            raise TooLongError
    raw.release()
    if _encoding(response):
        content = _unpacked(bytes(content))
    heard.content = content


def _unpacked(packed: bytes) -> bytearray:
    unpacker = zlib.decompressobj(_ANY_WINDOW)
    content = bytearray(unpacker.decompress(packed, ANSWER_BYTES_MAX + 1))
    if len(content) > ANSWER_BYTES_MAX:
        raise TooLongError
    if packed and not unpacker.eof:
        raise zlib.error("the compressed answer ends before its end")
    return content


def _encoding(response: CompatResponse) -> str:
    """Return how the body is packed; empty: it is not, or in no way that we asked for."""
    packed = response.headers.get("content-encoding")
    return packed if isinstance(packed, str) and packed.lower() in {"gzip", "deflate"} else ""
