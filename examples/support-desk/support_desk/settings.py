"""What a deployment sets. The model's key and address are those of the openai client."""

import os

DATABASE_URL = os.environ.get(
    "DATABASE_URL", "postgresql+asyncpg://postgres@127.0.0.1:5432/support_desk"
)
REDIS_URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0")
MODEL = os.environ.get("MODEL", "gpt-5-mini")

SESSION_TTL_S = 3600
SESSION_MESSAGES_MAX = 40
ANSWER_TTL_S = 300
REQUESTS_PER_MINUTE = 60
