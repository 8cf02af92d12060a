"""
Scenarios that each depend on something that differs between processes; one that may not.
"""

from __future__ import annotations

import asyncio
import gc
import os
import random
import secrets
import time
import uuid
import weakref

from agent_perf import scenario

NAMES = [f"tool-{n}" for n in range(12)]


def planted(name):
    return scenario(f"planted.{name}", users=(2,), requests=30, warmup=0, think=None)


class Thing:
    pass


class Cycle:
    freed = 0

    def __init__(self):
        self.me = self

    def __del__(self):
        Cycle.freed += 1


@planted("str_set")
async def str_set(world):
    async def request(ask):
        await world.tool("first")
        if ask.index == 7:
            for name in set(NAMES):
                await world.tool(name)  # str_set

    yield request


@planted("by_id")
async def by_id(world):
    async def request(ask):
        things = {Thing(): name for name in NAMES}
        for thing in set(things):
            await world.tool(things[thing])

    yield request


@planted("pid")
async def pid(world):
    async def request(ask):
        await world.tool("look")
        await world.tool(f"worker-{os.getpid()}")

    yield request


@planted("cpu_clock")
async def cpu_clock(world):
    async def request(ask):
        await world.tool("look")
        return "even" if time.process_time_ns() // 1000 % 2 else "odd"

    yield request


@planted("finalizer")
async def finalizer(world):
    gc.enable()

    async def request(ask):
        for _ in range(200):
            Cycle()
        await world.tool(f"freed-{Cycle.freed}")

    yield request


@planted("environment")
async def environment(world):
    async def request(ask):
        await world.tool(f"variables-{len(os.environ)}")

    yield request


@planted("ties")
async def ties(world):
    lock = asyncio.Lock()

    async def request(ask):
        await asyncio.sleep(0.5)
        async with lock:
            await asyncio.sleep(0.1 if ask.user else 0.01)
        await asyncio.sleep(0.39 if ask.user == 0 else 0.3)

    yield request


@planted("promised")
async def promised(world):
    """What a simulation makes reproducible."""
    dead = []

    async def wait(name):
        await asyncio.sleep(0.01)
        return name

    async def request(ask):
        await world.tool(str(uuid.uuid4()))
        await world.tool(f"{os.urandom(4).hex()} {secrets.token_hex(4)} {random.random()}")
        await world.tool(f"{time.time_ns()} {time.monotonic()} {time.strftime('%H %Z')}")
        tasks = {asyncio.create_task(wait(name)) for name in NAMES}
        for task in tasks:
            await world.tool(await task)
        done, _ = await asyncio.wait({asyncio.create_task(wait(name)) for name in NAMES})
        await world.tool(" ".join(task.result() for task in done))
        cycle = Thing()
        cycle.me = cycle
        weakref.finalize(cycle, dead.append, len(dead))
        await world.tool(f"finalized {len(dead)}")

    yield request
