"""``python -m event_worker``: runs until SIGTERM, and delivers what it has read."""

import asyncio
import logging
import os
import signal

import httpx
from redis.asyncio import Redis

from event_worker.worker import Settings, Worker


async def run() -> None:
    settings = Settings(
        webhook_url=os.environ["WEBHOOK_URL"], consumer=os.environ.get("CONSUMER", "worker-1")
    )
    redis = Redis.from_url(
        os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0"), decode_responses=True
    )
    async with redis, httpx.AsyncClient(timeout=10.0) as http:
        worker = Worker(redis, http, settings)
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, worker.stop)
        await worker.run()


def main() -> None:
    logging.basicConfig(level=logging.INFO)
    asyncio.run(run())


if __name__ == "__main__":
    main()
