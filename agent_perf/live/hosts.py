"""
Which hosts a command may put a load on, or break.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from agent_perf.errors import UsageError

_LOCAL_NAMES: Final = ("localhost", "ip6-localhost", "localhost.localdomain")
ALLOW_OPTION: Final = "--allow-host"
_HOST_OPTIONS: Final = ("host", "hostaddr", "service")
"""Options of PostgreSQL's URLs that lead elsewhere than the URL says."""


def is_loopback(host: str) -> bool:
    """
    Return whether *host*, a name or an address without brackets, is this machine for sure.

    A name that merely resolves to it is not: what it resolves to may change.
    """
    name = host.lower().rstrip(".")
    if name in _LOCAL_NAMES or name.endswith(".localhost"):
        return True
    # No zones and no escapes: 127.0.0.1%2eexample.com is a name to whoever undoes them.
    if "%" in name:
        return False
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def require_allowed(url: str, allowed: Iterable[str], purpose: str) -> str:
    """
    Return the host of *url*, which is this machine, or one of *allowed*.

    Args:
        url: Of any scheme, with a host. Options of a database's URL that name a host are held
            to the same.
        allowed: Names of hosts, as ``--allow-host`` gives them.
        purpose: What would be done to it, for the message: ``a load``.

    Raises:
        UsageError: If it is another one, or *url* has none, or a port that cannot be.
    """
    hosts = _hosts(url)
    shown = url.rpartition("@")[2].partition("?")[0]
    if not hosts:
        raise UsageError(f"{shown!r} has no host; want a URL such as http://127.0.0.1:8000")
    if not _has_a_port(url):
        raise UsageError(f"{shown!r}: its port is no number from 0 to 65535; want one, or none")
    names = {name.lower().strip("[]").rstrip(".") for name in allowed}
    for host in hosts:
        if not is_loopback(host) and host.lower().rstrip(".") not in names:
            raise UsageError(
                f"{purpose} on {host!r}, which is not this machine, has to be allowed by name: "
                f"{ALLOW_OPTION} {host}"
            )
    return hosts[0]


def _has_a_port(url: str) -> bool:
    """Return whether the port of *url* can be one; True without any, or of several hosts."""
    parts = urlsplit(url)
    try:
        port = None if "," in parts.netloc else parts.port
    except ValueError:
        return False
    return port is None or port >= 0


def _hosts(url: str) -> list[str]:
    """Return the host of *url*, and those that its options name; none if it is no URL."""
    # Readers disagree on where the host ends at these, and the one that connects may be another.
    if any(sign in '\\<>"^`{|}' or sign < "!" for sign in url):
        return []
    try:
        parts = urlsplit(url)
    except ValueError:
        return []
    if not parts.hostname:
        return []
    place = parts.netloc.rpartition("@")[2]
    if "," in place:
        # To PostgreSQL's clients these are several; a second one may hide behind the first's port.
        return [place]
    # A path is a socket of this machine.
    options = [] if parts.scheme in {"http", "https"} else parse_qsl(parts.query)
    further = [
        host
        for key, value in options
        if key.lower() in _HOST_OPTIONS
        for host in value.split(",")
        if host and not host.startswith("/")
    ]
    return [parts.hostname, *further]
