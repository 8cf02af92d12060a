"""
What of a request and of an answer a cassette keeps, without secrets.

Of headers, only those are kept that clients act upon and that hold no secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from agent_perf.scrubbing import scrubbed

_KEPT: Final = re.compile(
    r"content-type|retry-after(-ms)?|(x|anthropic)-ratelimit-(limit-|remaining-|reset-)?"
    r"(requests|tokens|input-tokens|output-tokens)(-limit|-remaining|-reset)?"
)


def kept_headers(headers: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Return those of an answer's *headers* that a cassette keeps."""
    return tuple((name, value) for name, value in headers if _KEPT.fullmatch(name.lower()))


def comparable_path(path: str) -> str:
    """Return *path* as it is compared: without its query, from ``/v1/`` on."""
    bare = path.partition("?")[0]
    return scrubbed(bare[max(0, bare.rfind("/v1/")) :])


def comparable_body(content: bytes, ignore: Iterable[str] = (), secrets: Sequence[str] = ()) -> str:
    """
    Return a request's body as it is compared.

    Args:
        content: As it was sent.
        ignore: Names of its fields that do not matter.
        secrets: To be taken out, with what looks like one.
    """
    try:
        value = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return scrubbed(content.decode("utf-8", "replace"), secrets)
    if isinstance(value, dict):
        value = {name: value[name] for name in value if name not in set(ignore)}
    return scrubbed(_encoder.encode(value).decode(), secrets)


_encoder: Final = msgspec.json.Encoder(order="sorted")
