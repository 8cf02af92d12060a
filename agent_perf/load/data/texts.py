"""
Texts of exact sizes, and any number of questions, made as they are taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b, shake_128
from typing import Final

from agent_perf.errors import ConfigError
from agent_perf.load.data.cases import edge_cases

SIZE_BYTES_MAX: Final = 64 << 20

# Plain words of all lengths; together they compress about as English does.
_TEXT: Final = """
a the my your of to in on is it not when where how why what order refund price ship return
parcel invoice account password address delivery broken late missing wrong customer
support please answer change cancel subscription monthly payment card bank receipt
discount warranty repair exchange store quickly tomorrow yesterday week
"""
_WORDS: Final = tuple(_TEXT.split())
_OPENINGS: Final = ("How do I", "Why can I not", "When will you", "Where do I", "Can you")


def number(seed: int, name: str, index: int, count: int) -> int:
    """Return a number from 0 to *count* - 1 that depends on the arguments alone."""
    digest = blake2b(f"{seed}:{name}:{index}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") * count >> 64


def random_bytes(size_bytes: int, *, seed: int = 1) -> bytes:
    """Return *size_bytes* bytes that do not compress."""
    _want_size(size_bytes)
    return shake_128(f"{seed}".encode()).digest(size_bytes)


def prose(size_bytes: int, *, seed: int = 1) -> str:
    """Return *size_bytes* ASCII characters of words, which compress as text does."""
    _want_size(size_bytes)
    words, length, index = [], 0, 0
    while length < size_bytes + 1:
        word = _WORDS[number(seed, "word", index, len(_WORDS))]
        words.append(word)
        length += len(word) + 1
        index += 1
    return " ".join(words)[:size_bytes]


def json_payload(size_bytes: int, *, seed: int = 1) -> bytes:
    """
    Return a JSON object of exactly *size_bytes* bytes, at least 11.

    Raises:
        ConfigError: If that is too few for an object with text, or more than 64 MiB.
    """
    frame = b'{"text":""}'
    if size_bytes < len(frame):
        raise ConfigError(f"size_bytes={size_bytes}; want at least {len(frame)}")
    return b'{"text":"%s"}' % prose(size_bytes - len(frame), seed=seed).encode()


def questions(count: int, *, seed: int = 1, edge_ratio: float = 0.0) -> Iterator[str]:
    """
    Yield *count* different questions, lazily: a volume run needs no list.

    Args:
        count: >= 0.
        seed: Equal seeds give equal questions.
        edge_ratio: Share of edge cases among them, in [0, 1].

    Raises:
        ConfigError: If a number is out of range.
    """
    if count < 0 or not 0 <= edge_ratio <= 1:
        raise ConfigError(f"count={count}, edge_ratio={edge_ratio}; want >= 0, and 0 to 1")
    cases = edge_cases() if edge_ratio else ()
    for index in range(count):
        if number(seed, "edge", index, 1_000_000) < edge_ratio * 1_000_000:
            yield cases[number(seed, "case", index, len(cases))].text
        else:
            yield _question(seed, index)


def _question(seed: int, index: int) -> str:
    opening = _OPENINGS[number(seed, "opening", index, len(_OPENINGS))]
    length = 3 + number(seed, "length", index, 12)
    start = number(seed, "start", index, len(_WORDS))
    step = 1 + number(seed, "step", index, len(_WORDS) - 1)
    words = " ".join(_WORDS[(start + i * step) % len(_WORDS)] for i in range(length))
    return f"{opening} {words} {index}?"


def _want_size(size_bytes: int) -> None:
    if type(size_bytes) is not int or not 0 <= size_bytes <= SIZE_BYTES_MAX:
        raise ConfigError(f"size_bytes={size_bytes}; want 0 to {SIZE_BYTES_MAX:,} (64 MiB)")
