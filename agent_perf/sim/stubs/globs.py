"""
Redis's patterns of keys as regular expressions.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

# A backslash escapes, only ^ negates a class, and a class may lack its end.
_PART: Final = re.compile(
    rb"(?P<class>\[(?P<negated>\^?)(?P<members>(?:\\.|[^\]]-.|[^\]])*)\]?)"
    rb"|\\(?P<escaped>.)|.",
    re.DOTALL,
)
_MEMBER: Final = re.compile(rb"(?:\\(?P<escaped>.)|(?P<low>.)-(?P<high>.)|.)", re.DOTALL)


@lru_cache(maxsize=256)
def compiled_glob(glob: bytes) -> re.Pattern[bytes]:
    """Return what matches, as a whole, what *glob* does."""
    return re.compile(rb"(?s:%b)\Z" % b"".join(map(_part, _PART.finditer(glob))))


def _part(found: re.Match[bytes]) -> bytes:
    if found["class"] is not None:
        members = b"".join(map(_member, _MEMBER.finditer(found["members"])))
        if not members:
            return b"." if found["negated"] else b"(?!)"
        return b"[%b%b]" % (found["negated"], members)
    if found["escaped"] is not None:
        return re.escape(found["escaped"])
    return {b"*": b".*", b"?": b"."}.get(found[0]) or re.escape(found[0])


def _member(found: re.Match[bytes]) -> bytes:
    if found["low"] is not None:
        low, high = sorted((found["low"], found["high"]))
        return b"%b-%b" % (re.escape(low), re.escape(high))
    return re.escape(found["escaped"] or found[0])
