from dataclasses import dataclass

from redis.asyncio import Redis

queue = Redis()


@dataclass
class Job:
    topic: str
    size: int


async def handle_job(job: dict[str, str], attempts: int = 3) -> int:
    await queue.rpush("jobs", job.get("topic", "none"))
    return int(await queue.llen("jobs"))


async def main() -> None:
    while True:
        _, raw = await queue.blpop(["jobs"])
        await handle_job({"topic": raw.decode()})
