"""
Log records as JSON, one line each: who asked, in which trace, and no secrets.
"""

from __future__ import annotations

import json
import logging
import math
import re
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Final, TypeAlias

Plain: TypeAlias = "str | int | float | bool | list[Plain] | dict[str, Plain] | None"

_fields: ContextVar[Mapping[str, object] | None] = ContextVar("log_fields", default=None)

_SECRET_NAME: Final = re.compile(
    r"(password|passwd|pwd|passphrase|secret|token|api[_-]?key|access[_-]?key|secret[_-]?key"
    r"|authorization|cookie|credentials?|private[_-]?key)$",
    re.IGNORECASE,
)
_HIDDEN: Final = "***"
_SECRETS: Final = (
    # scheme://user:password@host, with whoever forgot to quote an @ in it
    (re.compile(r"(\b\w{1,20}://[^\s:/@]*:)[^\s/]+(?=@)"), rf"\1{_HIDDEN}"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{6,}"), rf"\1 {_HIDDEN}"),
    (re.compile(r"\b(sk|pk|rk|ghp|gho|xox[abp])[-_][\w-]{8,}"), _HIDDEN),
    (
        re.compile(
            r"(?i)\b(\w*(?:password|passwd|pwd|secret|token|api[_-]?key|authorization)"
            r"[\"']?\s*[=:]\s*[\"']?)(?!bearer |basic )[^\s\"',;&)}]+"
        ),
        rf"\1{_HIDDEN}",
    ),
)
_STANDARD: Final = frozenset(
    vars(logging.makeLogRecord({})).keys() | {"message", "asctime", "taskName"}
)
_DEPTH_MAX: Final = 6
_ITEMS_MAX: Final = 100
_CHARS_MAX: Final = 20_000


@contextmanager
def log_fields(**fields: object) -> Iterator[None]:
    """
    Add *fields* to all records that are logged within, by tasks started there as well.

    Example::

        with log_fields(request_id="r-17", agent="support"):
            answer = await agent.ask(question)
    """
    token = _fields.set({**(_fields.get() or {}), **fields})
    try:
        yield
    finally:
        _fields.reset(token)


class JsonFormatter(logging.Formatter):
    """
    Writes a record as one line of JSON; never raises, whatever is in it.

    Fields: ``time`` (UTC), ``level``, ``logger``, ``message``, those of log_fields, ``trace_id``
    and ``span_id`` within a span of OpenTelemetry, those given as *extra*, and of an exception
    ``error.type``, ``error.message``, ``error.stack``. Values under names such as ``password``
    are hidden, and what looks like a secret in texts; that is a net, not a licence to log them.

    Example::

        handler = logging.StreamHandler()
        handler.setFormatter(JsonFormatter())
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return *record* as JSON without line breaks."""
        at = datetime.fromtimestamp(record.created, UTC)
        told: dict[str, Plain] = {
            "time": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": _clean(_message(record)),
        }
        extra = {key: value for key, value in vars(record).items() if key not in _STANDARD}
        for key, value in {**(_fields.get() or {}), **_trace(), **extra, **_error(record)}.items():
            # A field must not pass for the record's own.
            name = key if key not in told else f"{key}_"
            told[name] = _HIDDEN if _SECRET_NAME.search(key) else _plain(value, _DEPTH_MAX)
        return json.dumps(told, separators=(",", ":"))


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception as error:  # noqa: BLE001  # A wrong argument must not lose the line.
        return f"{_text(record.msg)} [not formatted: {type(error).__name__}]"


def _error(record: logging.LogRecord) -> dict[str, object]:
    if not record.exc_info or record.exc_info[1] is None:
        return {"error.stack": record.exc_text} if record.exc_text else {}
    error = record.exc_info[1]
    try:
        stack = "".join(traceback.format_exception(error))
    except Exception:  # noqa: BLE001  # An exception whose text raises.
        stack = "".join(traceback.format_tb(error.__traceback__))
    return {
        "error.type": type(error).__qualname__,
        "error.message": _text(error),
        "error.stack": stack,
    }


def _trace() -> dict[str, object]:
    # Where nobody imported it nobody is in a span.
    if "opentelemetry.trace" not in sys.modules:
        return {}
    from opentelemetry import trace

    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return {}
    return {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}


def _plain(value: object, depth: int) -> Plain:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (int, float)) and type(value) in {int, float}:
        # JSON has no NaN; and a number that is too long to print raises.
        odd = not math.isfinite(value) if isinstance(value, float) else value.bit_length() > 1024
        return _text(value) if odd else value
    if isinstance(value, str):
        return _clean(_text(value))
    if depth and isinstance(value, Mapping):
        return _plain_mapping(value, depth)
    if depth and isinstance(value, (list, tuple, set, frozenset)):
        try:
            items = [item for item, _ in zip(value, range(_ITEMS_MAX), strict=False)]
        except Exception:  # noqa: BLE001  # Somebody's own, or changed by a thread meanwhile.
            return _clean(_text(value))
        return [_plain(item, depth - 1) for item in items]
    return _clean(_text(value))


def _plain_mapping(value: Mapping[object, object], depth: int) -> Plain:
    try:
        pairs = [pair for pair, _ in zip(value.items(), range(_ITEMS_MAX), strict=False)]
    except Exception:  # noqa: BLE001  # A mapping of somebody's own.
        return _clean(_text(value))
    told: dict[str, Plain] = {}
    for key, content in pairs:
        name = _text(key)
        told[name] = _HIDDEN if _SECRET_NAME.search(name) else _plain(content, depth - 1)
    return told


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception as error:  # noqa: BLE001  # Not even its text.
        return f"<{type(value).__name__}: {type(error).__name__}>"


def _clean(text: str) -> str:
    if len(text) > _CHARS_MAX:
        text = f"{text[:_CHARS_MAX]}... ({len(text)} characters)"
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text
