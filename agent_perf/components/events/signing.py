"""
Signatures of the Pusher protocol: HTTP requests, and channel subscriptions.

Source: Pusher Channels, *HTTP API reference*, "Authentication", and *Authorization
signatures*.
"""

from __future__ import annotations

import hmac
import re
from functools import lru_cache
from hashlib import md5
from typing import Final

from agent_perf.components.errors import InvalidEventError
from agent_perf.components.events.channels import checked_channel

_SOCKET: Final = re.compile(r"\d+\.\d+")
_TOKENS_KEPT: Final = 4096


class Signer:
    """
    Signs with one application's key and secret.

    Channel tokens are remembered: a client that reconnects asks for the same one.

    Attributes:
        key: The application's.

    Example::

        signer = Signer("app-key", "app-secret")
        token = signer.channel_token("1234.5678", "private-user-17")
    """

    def __init__(self, key: str, secret: str) -> None:
        self.key = key
        # Hashing the secret's two pads costs more than the message; a copy has it done.
        self._mac = hmac.new(secret.encode(), digestmod="sha256")
        self.channel_token = lru_cache(maxsize=_TOKENS_KEPT)(self._channel_token)

    def query(self, method: str, path: str, body: bytes, timestamp_s: int) -> str:
        """
        Return the signed query string for a request without parameters of its own.

        Args:
            method: In capitals.
            path: From the slash on, without a query.
            body: As it will be sent.
            timestamp_s: Unix time; the service refuses what is 600 s off.
        """
        digest = md5(body, usedforsecurity=False).hexdigest()
        # The protocol wants the parameters in this order, by name.
        query = (
            f"auth_key={self.key}&auth_timestamp={timestamp_s}&auth_version=1.0&body_md5={digest}"
        )
        signature = self._sign(f"{method}\n{path}\n{query}")
        return f"{query}&auth_signature={signature}"

    def verify(self, body: bytes, signature: str) -> bool:
        """Return whether *signature* is that of *body*, a webhook's, in hexadecimal."""
        # In constant time: how far two signatures agree must not show.
        return hmac.compare_digest(self._digest(body).encode(), signature.encode())

    def _channel_token(self, socket_id: str, channel: str, channel_data: str = "") -> str:
        """
        Return the token that lets *socket_id* subscribe to a private or presence channel.

        Whether it may is for the caller to decide before.

        Args:
            socket_id: As the client's connection was told, ``1234.5678``.
            channel: Begins with ``private-`` or ``presence-``.
            channel_data: For presence channels: JSON with the member's ``user_id``, to be
                handed to the client as it is.

        Raises:
            InvalidEventError: If an argument is not of that form.
        """
        # Unchecked, "1.1:private-boss" as a socket would sign for another channel.
        if not _SOCKET.fullmatch(socket_id):
            raise InvalidEventError(f"socket id {socket_id[:200]!r}; want digits, a dot, digits")
        if not checked_channel(channel).startswith(("private-", "presence-")):
            raise InvalidEventError(f"channel {channel!r} is public: it needs no token")
        if channel.startswith("presence-") != bool(channel_data):
            raise InvalidEventError(
                f"channel {channel!r} and channel_data {channel_data[:200]!r}; "
                "presence channels need it, others have none"
            )
        message = (
            f"{socket_id}:{channel}:{channel_data}" if channel_data else f"{socket_id}:{channel}"
        )
        return f"{self.key}:{self._sign(message)}"

    def _sign(self, message: str) -> str:
        return self._digest(message.encode())

    def _digest(self, message: bytes) -> str:
        mac = self._mac.copy()
        mac.update(message)
        return mac.hexdigest()
