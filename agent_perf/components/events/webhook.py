"""
Webhooks: what the service tells of channels, if it is the service.

Source: Pusher Channels, *Webhooks*.
"""

from __future__ import annotations

from typing import Final

import msgspec

from agent_perf.components.errors import WebhookRefusedError
from agent_perf.components.events.signing import Signer

# The service sends a webhook again for five minutes.
_AGE_S_MAX: Final = 300.0


class WebhookEvent(msgspec.Struct, frozen=True, kw_only=True):
    """
    One thing that happened.

    Attributes:
        name: ``channel_occupied``, ``member_added``, and so on.
        channel: Where.
        user_id: Who, of member events.
        subscription_count: How many, of ``subscription_count``.
        event: The name of a client event.
        data: Of a client event.
        socket_id: Who sent a client event.
    """

    name: str
    channel: str = ""
    user_id: str = ""
    subscription_count: int = 0
    event: str = ""
    data: str = ""
    socket_id: str = ""


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    """
    What the service told at once.

    Attributes:
        time_ms: When, as Unix time in milliseconds.
        events: What happened, in this order.
    """

    time_ms: int
    events: tuple[WebhookEvent, ...] = ()


_decoder: Final = msgspec.json.Decoder(Webhook)


def read_webhook(signer: Signer, *, key: str, signature: str, body: bytes, now_s: float) -> Webhook:
    """
    Return the webhook that *body* is.

    Args:
        signer: Of the application.
        key: The header ``X-Pusher-Key``.
        signature: The header ``X-Pusher-Signature``.
        body: As it came.
        now_s: Unix time.

    Raises:
        WebhookRefusedError: If it was not signed by the service within the last 300 s.
    """
    if key != signer.key:
        raise WebhookRefusedError(f"webhook for key {key[:100]!r}; ours is {signer.key!r}")
    if not signer.verify(body, signature):
        raise WebhookRefusedError("the webhook's signature is not that of its body")
    try:
        webhook = _decoder.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise WebhookRefusedError(f"the webhook cannot be read: {error}") from error
    age_s = now_s - webhook.time_ms / 1e3
    if abs(age_s) > _AGE_S_MAX:
        raise WebhookRefusedError(
            f"the webhook is {age_s:.0f} s old; want {_AGE_S_MAX:.0f} at most"
        )
    return webhook
