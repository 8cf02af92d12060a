"""
The Channels HTTP API: who may call it, and what it takes.

Sources: Pusher, "HTTP API reference" (authentication, events, batch events), for the
rules and limits; the public signature library of its servers for the order of the checks
and their wording; the hosted API's answer to an event that is too large.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import UTC, datetime
from typing import Final
from urllib.parse import parse_qsl

import msgspec

from agent_perf.sim.services.reply import SimRequest

BATCH_EVENTS_MAX: Final = 10
CHANNELS_MAX: Final = 100
DATA_BYTES_MAX: Final = 10_240
NAME_LENGTH_MAX: Final = 200
TIMESTAMP_GRACE_S: Final = 600

_PATH: Final = re.compile(r"/apps/([^/]+)/(events|batch_events)\Z")
_CHANNEL: Final = re.compile(r"(?:#server-to-user-)?[-a-zA-Z0-9_=@,.;]+\Z")


class Refusal(Exception):
    """The API's answer *message* with *status* to a request that it does not take."""

    def __init__(
        self, status: int, message: str, *, headers: tuple[tuple[str, str], ...] = ()
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers


class Event(msgspec.Struct, frozen=True):
    """
    One event.

    Attributes:
        name: At most NAME_LENGTH_MAX characters.
        data: At most DATA_BYTES_MAX bytes.
        channels: Whom it is for; at most CHANNELS_MAX.
        channel: Instead, if there is one.
        socket_id: Who does not get it.
    """

    name: str
    data: str
    channels: tuple[str, ...] = ()
    channel: str = ""
    socket_id: str | None = None

    @property
    def targets(self) -> tuple[str, ...]:
        """All its channels."""
        return self.channels or ((self.channel,) if self.channel else ())


class _Batch(msgspec.Struct, frozen=True):
    batch: tuple[Event, ...]


_event_decoder: Final = msgspec.json.Decoder(Event)
_batch_decoder: Final = msgspec.json.Decoder(_Batch)


def authenticate(request: SimRequest, *, key: str, secret: str, now_s: float) -> None:
    """
    Check that *request* was signed for *key* with *secret*, lately.

    Raises:
        Refusal: With status 401, and what is wrong.
    """
    params = {name.lower(): value for name, value in parse_qsl(request.query, True)}
    signature = params.pop("auth_signature", None)
    if "auth_key" not in params:
        raise Refusal(401, "Missing parameter: auth_key")
    if params["auth_key"] != key:
        raise Refusal(401, "Unknown auth_key")
    if params.get("auth_version") != "1.0":
        raise Refusal(401, "Version not supported")
    _check_timestamp(params.get("auth_timestamp"), now_s)
    signed = "\n".join(
        [request.method, request.path, "&".join(f"{k}={params[k]}" for k in sorted(params))]
    )
    expected = hmac.new(secret.encode(), signed.encode(), hashlib.sha256).hexdigest()
    if signature != expected:
        escaped = signed.replace("\n", "\\n")
        raise Refusal(
            401,
            f'Invalid signature: you should have sent HmacSHA256Hex("{escaped}", '
            f'your_secret_key), but you sent "{signature or ""}"',
        )
    body_md5 = hashlib.md5(request.content, usedforsecurity=False).hexdigest()
    if params.get("body_md5") != body_md5:
        raise Refusal(
            401,
            f"Invalid body_md5: the body's is {body_md5}, but you sent "
            f'"{params.get("body_md5", "")}"',
        )


def read_events(request: SimRequest, *, app_id: str) -> tuple[Event, ...]:
    """
    Return the events that *request* publishes in *app_id*.

    Raises:
        Refusal: If it breaks a rule; none of its events is published then.
    """
    match = _PATH.match(request.path)
    if match is None or request.method != "POST":
        raise Refusal(404, f"Not found: {request.method} {request.path} is not simulated")
    if match[1] != app_id:
        raise Refusal(401, "Not authorized for that app")
    events = _decoded(request.content, batched=match[2] == "batch_events")
    for event in events:
        _check_event(event)
    return events


def _decoded(content: bytes, *, batched: bool) -> tuple[Event, ...]:
    try:
        if not batched:
            return (_event_decoder.decode(content),)
        events = _batch_decoder.decode(content).batch
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refusal(400, f"Invalid JSON body: {error}") from error
    if len(events) > BATCH_EVENTS_MAX:
        raise Refusal(400, f"Batch too large (> {BATCH_EVENTS_MAX})")
    return events


def _check_event(event: Event) -> None:
    if not 0 < len(event.name) <= NAME_LENGTH_MAX:
        raise Refusal(
            400, f"Invalid event name: {len(event.name)} characters; want 1 to {NAME_LENGTH_MAX}"
        )
    if len(event.data.encode()) > DATA_BYTES_MAX:
        raise Refusal(
            413,
            f"The data content of this event exceeds the allowed maximum ({DATA_BYTES_MAX} "
            "bytes). See https://pusher.com/docs/channels/server_api/http-api#publishing-events "
            "for more info",
        )
    targets = event.targets
    if not targets:
        raise Refusal(400, "Missing required parameter: channels")
    if len(targets) > CHANNELS_MAX:
        raise Refusal(400, f"Too many channels (> {CHANNELS_MAX})")
    for channel in targets:
        if len(channel) > NAME_LENGTH_MAX or not _CHANNEL.match(channel):
            raise Refusal(400, f"Invalid channel name: '{channel}'")


def _check_timestamp(timestamp: str | None, now_s: float) -> None:
    if timestamp is None:
        raise Refusal(401, "Timestamp required")
    try:
        given = datetime.fromtimestamp(int(timestamp), UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise Refusal(401, f"Invalid timestamp: {timestamp}") from error
    if abs(int(timestamp) - int(now_s)) >= TIMESTAMP_GRACE_S:
        server = datetime.fromtimestamp(int(now_s), UTC)
        raise Refusal(
            401,
            f"Timestamp expired: Given timestamp ({given:%Y-%m-%dT%H:%M:%SZ}) not within "
            f"{TIMESTAMP_GRACE_S}s of server time ({server:%Y-%m-%dT%H:%M:%SZ})",
        )
