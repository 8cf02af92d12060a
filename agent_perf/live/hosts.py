"""
Which hosts a command may put a load on, or break.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from agent_perf.errors import UsageError

_LOCAL_NAMES: Final = ("localhost", "ip6-localhost", "localhost.localdomain")
ALLOW_OPTION: Final = "--allow-host"


def is_loopback(host: str) -> bool:
    """
    Return whether *host*, a name or an address without brackets, is this machine for sure.

    A name that merely resolves to it is not: what it resolves to may change.
    """
    name = host.lower().rstrip(".")
    if name in _LOCAL_NAMES or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name.partition("%")[0]).is_loopback
    except ValueError:
        return False


def require_allowed(url: str, allowed: Iterable[str], purpose: str) -> str:
    """
    Return the host of *url*, which is this machine, or one of *allowed*.

    Args:
        url: Of any scheme, with a host.
        allowed: Names of hosts, as ``--allow-host`` gives them.
        purpose: What would be done to it, for the message: ``a load``.

    Raises:
        UsageError: If it is another one, or *url* has none.
    """
    try:
        host = urlsplit(url).hostname
    except ValueError:
        host = None
    if not host:
        shown = url.rpartition("@")[2]
        raise UsageError(f"{shown!r} has no host; want a URL such as http://127.0.0.1:8000")
    names = {name.lower().strip("[]").rstrip(".") for name in allowed}
    if is_loopback(host) or host.rstrip(".") in names:
        return host
    raise UsageError(
        f"{purpose} on {host!r}, which is not this machine, has to be allowed by name: "
        f"{ALLOW_OPTION} {host}"
    )
