"""
Whose certificates are trusted: the public authorities', or those of one's own network.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Final

import httpx

from agent_perf.errors import UsageError

VARIABLE: Final = "SSL_CERT_FILE"
"""As OpenSSL and curl call it."""


def trusted(environ: Mapping[str, str]) -> ssl.SSLContext:
    """
    Return how certificates are checked: by the file that *environ* names, else as httpx does.

    Only this variable is taken, and nothing else that httpx would take from an environment: its
    proxies would be measured instead of the service.

    Raises:
        UsageError: If the file cannot be read, or holds no certificate.
    """
    path = environ.get(VARIABLE)
    if not path:
        return httpx.create_ssl_context(trust_env=False)
    try:
        return ssl.create_default_context(cafile=path)
    except (OSError, ssl.SSLError) as error:
        raise UsageError(
            f"{VARIABLE}={path}: {error.strerror or error}; want a file of certificates in PEM"
        ) from None


def with_advice(detail: str) -> str:
    """Return *detail* of a failed connection, with the way out if it is a certificate's fault."""
    if "CERTIFICATE_VERIFY_FAILED" not in detail:
        return detail
    return f"{detail}; if it is your own, set {VARIABLE} to a file with who signed it"
