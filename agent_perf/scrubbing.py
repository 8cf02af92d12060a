"""
Secrets, taken out of text that is kept or shown.

They are known by their form, by the name before them, or because the request's own headers
carry them. One that a stream brings in pieces, some characters in each event, is known by no
form: do not let a model recite secrets into a cassette.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import Final

REDACTED: Final = "[redacted]"
_SECRET_LENGTH_MIN: Final = 8

_LOOSE_FORMS: Final = (
    r"(?i:bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}",
    r"\b(?:sk|pk|rk|key|org|proj|user|asst|sess)[-_][A-Za-z0-9_-]{8,}",
)
# The same where code is quoted, in which `user_settings` and "basic training" are none.
_STRICT_FORMS: Final = (
    r"(?i:bearer|basic)\s+(?=[A-Za-z._~+/-]*[0-9=])[A-Za-z0-9._~+/=-]{8,}",
    r"\b(?:sk|pk|rk|key|org|proj|user|asst|sess)-(?=[A-Za-z_-]*[0-9])[A-Za-z0-9_-]{8,}",
    r"\b[spr]k_(?:live|test)_[A-Za-z0-9]{8,}",
)
_FORMS: Final = (
    r"\bAIza[A-Za-z0-9_-]{20,}",
    r"\bgh[a-z]_[A-Za-z0-9]{20,}",
    r"\bgithub_pat_[A-Za-z0-9_]{20,}",
    r"\bxox[a-z]-[A-Za-z0-9-]{10,}",
    r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    r"\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]*",
    r"(?<=://)[^/\s:@\"]*:[^/\s@\"]+(?=@)",
)
_NAMES: Final = (
    r"(?:x[-_])?api[-_]?key|authorization|(?:set-)?cookie|(?:client|app)?[-_]?secret|password|"
    r"(?:access|refresh|id|auth)[-_]token|organi[sz]ation|signature|sig|token|key"
)
_IN_URL: Final = rf"(?<=[?&])(?:{_NAMES})=[^&\s\"'\\]+"
# JSON, also inside of a JSON string, where its quotes are escaped.
_IN_JSON: Final = rf'\\*"(?:{_NAMES})\\*"\s*:\s*\\*"(?:[^"\\]|\\(?!")[^"])*'
_JSON_NAME: Final = re.compile(r'\\*"[^"\\]*\\*"\s*:\s*\\*"')


def _pattern(forms: Sequence[str]) -> re.Pattern[str]:
    return re.compile(f"(?P<json>(?i:{_IN_JSON}))|(?P<url>(?i:{_IN_URL}))|{'|'.join(forms)}")


_SECRETS: Final = _pattern((*_LOOSE_FORMS, *_FORMS))
_SECRETS_IN_CODE: Final = _pattern((*_STRICT_FORMS, *_FORMS))
_URL_SECRETS: Final = re.compile(
    rf"(?<=://)[^/\s:@\"]*:[^/\s@\"]+(?=@)|(?<=[?&])(?P<name>(?i:{_NAMES})=)[^&\s\"'\\]+"
)
_SECRET_HEADERS: Final = re.compile(r"auth|key|cookie|organi|project|token|secret", re.IGNORECASE)
_SECRET_VARIABLES: Final = re.compile(
    r"(?:^|_)(?:(?:API|ACCESS|PRIVATE|SECRET|SIGNING|AUTH|SERVICE|[A-Z]+)_KEY|APIKEY|TOKEN|SECRET|"
    r"PASSWORD|PASSWD|PASSPHRASE|PWD|CREDENTIALS?)(?:$|_)",
    re.IGNORECASE,
)


def own_secrets(headers: Mapping[str, str]) -> tuple[str, ...]:
    """Return the secrets in a request's *headers*, to be looked for elsewhere."""
    values = [value for name, value in headers.items() if _SECRET_HEADERS.search(name)]
    words = [word for value in values for word in re.split(r"[\s;,=]+", value)]
    secrets = {one for one in (*values, *words) if len(one) >= _SECRET_LENGTH_MIN}
    return tuple(sorted(secrets, key=len, reverse=True))


def environment_secrets(environ: Mapping[str, str]) -> tuple[str, ...]:
    """
    Return the values of variables that are called like secrets, and passwords of URLs.

    Short ones are words of any text, and paths only lead to secrets.
    """
    found = set()
    for name, value in environ.items():
        if "://" in value and "@" in value:
            found.add(value.partition("://")[2].rpartition("@")[0].partition(":")[2])
        elif _SECRET_VARIABLES.search(name) and not value.startswith(("/", "./", "~")):
            found.add(value)
    kept = {one for one in found if len(one) >= _SECRET_LENGTH_MIN and one != "simulated"}
    return tuple(sorted(kept, key=len, reverse=True))


def harmless(text: str, environ: Mapping[str, str] | None = None) -> str:
    """
    Return what a program said, a message or a traceback, as it may be kept in UTF-8 and shown.

    Args:
        text: What it said; the names in its code stay.
        environ: Whose secrets it may know; None: this process's.
    """
    secrets = environment_secrets(os.environ if environ is None else environ)
    # Half a surrogate is a character to Python, and none to any file.
    text = text.encode("utf-8", "backslashreplace").decode()
    return "".join(scrubbed_parts([text], secrets, pattern=_SECRETS_IN_CODE))


def scrubbed(text: str, secrets: Sequence[str] = ()) -> str:
    """Return *text* without what looks like a secret, and without *secrets*."""
    return "".join(scrubbed_parts([text], secrets))


def without_url_secrets(text: str) -> str:
    """
    Return *text* without passwords and keys in the URLs in it, and otherwise as it is.

    For a command line, whose words may look like secrets and are none.
    """
    return _URL_SECRETS.sub(lambda match: f"{match['name'] or ''}{REDACTED}", text)


def scrubbed_parts(
    parts: Sequence[str], secrets: Sequence[str] = (), pattern: re.Pattern[str] = _SECRETS
) -> list[str]:
    """
    Return *parts* of one text likewise, also where a secret lies across two of them.

    What replaces it stands in the part in which it begins.
    """
    text = "".join(parts)
    found = _spans(text, secrets, pattern)
    result, begin = [], 0
    for part in parts:
        end = begin + len(part)
        kept, position = [], begin
        for low, high in found:
            if low < end and high > begin:
                kept.append(text[position:low])
                kept.append(REDACTED if low >= begin else "")
                position = min(high, end)
        kept.append(text[position:end])
        result.append("".join(kept))
        begin = end
    return result


def _spans(text: str, secrets: Sequence[str], pattern: re.Pattern[str]) -> list[tuple[int, int]]:
    """Return where in *text* secrets lie, in order, none of them touching another."""
    spans = [_value_span(match) for match in pattern.finditer(text)]
    for secret in secrets:
        spans += [match.span() for match in re.finditer(re.escape(secret), text)]
    merged: list[tuple[int, int]] = []
    for low, high in sorted(spans):
        if merged and low <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return merged


def _value_span(match: re.Match[str]) -> tuple[int, int]:
    # The name before the secret stays: it tells what was there.
    low, high = match.span()
    if match["url"] is not None:
        return low + match[0].index("=") + 1, high
    if match["json"] is not None:
        name = _JSON_NAME.match(match[0])
        assert name is not None
        return low + name.end(), high
    return low, high
