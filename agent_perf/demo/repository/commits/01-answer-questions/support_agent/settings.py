"""What an operator may want to change."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Settings:
    model: str = "gpt-4o-mini"
    answer_ttl_s: int = 24 * 3600
    session_ttl_s: int = 30 * 60
    event_app_id: str = "1"
    event_key: str
    event_secret: str
    event_batch_max: int = 10  # The event service refuses more in one request.
    event_delay_s: float = 0.25
