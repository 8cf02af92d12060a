"""
Values as Python source, laid out as people would.
"""

from __future__ import annotations

from typing import Any

_WIDTH = 92


def source_of(value: Any, *, column: int = 0, indent: int = 0) -> str:
    """
    Return *value*, of JSON, as source that begins at *column* of a line *indent* deep.
    """
    flat = _flat(value)
    if column + len(flat) <= _WIDTH or not isinstance(value, dict | list) or not value:
        return flat
    inner = " " * (indent + 4)
    if isinstance(value, dict):
        lines = [
            f"{inner}{_flat(key)}: "
            + source_of(one, column=indent + 6 + len(_flat(key)), indent=indent + 4)
            for key, one in value.items()
        ]
        first, last = "{", "}"
    else:
        lines = [inner + source_of(one, column=indent + 4, indent=indent + 4) for one in value]
        first, last = "[", "]"
    return "\n".join([first, *(f"{line}," for line in lines), " " * indent + last])


def in_one_line(text: str) -> str:
    """Return *text* for a comment, which a line end would close: what is not printed, escaped."""
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


def _flat(value: Any) -> str:
    """Return *value* in one line, with double quotes where that needs no escapes."""
    if isinstance(value, str):
        return f'"{value}"' if value.isprintable() and not set('"\\') & set(value) else repr(value)
    if isinstance(value, dict):
        inner = ", ".join(f"{_flat(key)}: {_flat(one)}" for key, one in value.items())
        return f"{{{inner}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_flat, value))}]"
    return repr(value)
