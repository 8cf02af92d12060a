"""
The items of a response, and the events in which a stream sends them.

Source: OpenAI API reference, "Streaming events".
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import msgspec

from agent_perf.sim.services.llm.speech import Piece, Spoken, pieces_of
from agent_perf.sim.services.llm.turns import Finish

ID: Final = b"\x00"
"""Stands for the response's id in what is kept between answers: JSON has no raw NUL."""


def event(kind: str, number: int, fields: bytes) -> bytes:
    """Return the event *kind* with its sequence *number*, from 0."""
    name = kind.encode()
    return b'event: %b\ndata: {"type":"%b","sequence_number":%d,%b}\n\n' % (
        name,
        name,
        number,
        fields,
    )


@lru_cache(maxsize=256)
def items_of(spoken: Spoken) -> tuple[bytes, ...]:
    """Return the output of an answer, JSON with ID for the response's id."""
    status = b"incomplete" if spoken.finish is Finish.LENGTH else b"completed"
    items = [_message(status, _part(spoken, spoken.content))] if _has_text(spoken) else []
    calls = enumerate(spoken.calls)
    return (*items, *(_call(spoken, i, b"completed", call.arguments) for i, call in calls))


@lru_cache(maxsize=256)
def events_of(spoken: Spoken) -> tuple[tuple[bytes, ...], int]:
    """
    Return the events of the output, one item for each piece, and the next number.

    Numbers begin at 2: two events open the stream.
    """
    writer = _Writer(spoken)
    for piece in pieces_of(spoken):
        writer.add(piece)
    return writer.end()


class _Writer:
    def __init__(self, spoken: Spoken) -> None:
        self._spoken = spoken
        self._items = items_of(spoken)
        self._chunks: list[bytes] = []
        self._number = 2
        self._open: Piece | None = None
        self._first_call = 1 if _has_text(spoken) else 0

    def add(self, piece: Piece) -> None:
        before = self._open
        if before is None or before.call_index != piece.call_index:
            if before is not None:
                self._chunks[-1] += self._close(before)
            chunk = self._begin(piece)
        else:
            chunk = b""
        self._open = piece
        if not piece.opens:
            chunk += self._delta(piece)
        self._chunks.append(chunk)

    def end(self) -> tuple[tuple[bytes, ...], int]:
        assert self._open is not None
        self._chunks[-1] += self._close(self._open)
        return tuple(self._chunks), self._number

    def _begin(self, piece: Piece) -> bytes:
        index = piece.call_index
        if index is not None:
            item = _call(self._spoken, index, b"in_progress", "")
            return self._event("response.output_item.added", piece, b'"item":%b' % item)
        message = _message(b"in_progress", b"")
        added = self._event("response.output_item.added", piece, b'"item":%b' % message)
        part = b'%b,"part":%b' % (_place(piece), _part(self._spoken, ""))
        return added + self._event("response.content_part.added", piece, part)

    def _delta(self, piece: Piece) -> bytes:
        fields = b'%b,"delta":%b' % (_place(piece), _json(piece.text))
        if piece.call_index is not None:
            return self._event("response.function_call_arguments.delta", piece, fields)
        if self._spoken.finish is Finish.REFUSAL:
            return self._event("response.refusal.delta", piece, fields)
        return self._event("response.output_text.delta", piece, fields + b',"logprobs":[]')

    def _close(self, piece: Piece) -> bytes:
        item = self._items[self._output_index(piece)]
        done = b'"item":%b' % item
        spoken, place, index = self._spoken, _place(piece), piece.call_index
        if index is not None:
            call = spoken.calls[index]
            told = b'%b,"name":%b,"arguments":%b' % (place, _json(call.name), _json(call.arguments))
            closing = self._event("response.function_call_arguments.done", piece, told)
            return closing + self._event("response.output_item.done", piece, done)
        said = _json(spoken.content)
        if spoken.finish is Finish.REFUSAL:
            closing = self._event(
                "response.refusal.done", piece, b'%b,"refusal":%b' % (place, said)
            )
        else:
            text = b'%b,"text":%b,"logprobs":[]' % (place, said)
            closing = self._event("response.output_text.done", piece, text)
        part = b'%b,"part":%b' % (place, _part(spoken, spoken.content))
        closing += self._event("response.content_part.done", piece, part)
        return closing + self._event("response.output_item.done", piece, done)

    def _output_index(self, piece: Piece) -> int:
        return 0 if piece.call_index is None else self._first_call + piece.call_index

    def _event(self, kind: str, piece: Piece, fields: bytes) -> bytes:
        index = self._output_index(piece)
        line = event(kind, self._number, b'"output_index":%d,%b' % (index, fields))
        self._number += 1
        return line


def _has_text(spoken: Spoken) -> bool:
    return bool(spoken.content or not spoken.calls)


def _place(piece: Piece) -> bytes:
    if piece.call_index is None:
        return b'"item_id":"msg_%b","content_index":0' % ID
    return b'"item_id":"fc_%b%d"' % (ID, piece.call_index)


def _message(status: bytes, part: bytes) -> bytes:
    return b'{"id":"msg_%b","type":"message","status":"%b","role":"assistant","content":[%b]}' % (
        ID,
        status,
        part,
    )


def _part(spoken: Spoken, content: str) -> bytes:
    if spoken.finish is Finish.REFUSAL:
        return b'{"type":"refusal","refusal":%b}' % _json(content)
    return b'{"type":"output_text","text":%b,"annotations":[],"logprobs":[]}' % _json(content)


def _call(spoken: Spoken, index: int, status: bytes, arguments: str) -> bytes:
    return (
        b'{"id":"fc_%b%d","type":"function_call","status":"%b","call_id":"call_%b%d","name":%b,'
        b'"arguments":%b}'
        % (ID, index, status, ID, index, _json(spoken.calls[index].name), _json(arguments))
    )


_json: Final = msgspec.json.Encoder().encode
