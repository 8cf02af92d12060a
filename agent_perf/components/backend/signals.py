"""
Waiting for the operating system to say that it is time to go.
"""

from __future__ import annotations

import asyncio
import signal


async def until_signal(*signals: signal.Signals) -> signal.Signals:
    """
    Wait for one of *signals*, SIGTERM and SIGINT if none is given, and return it.

    From then on they have their default meaning: a second one ends the process at once. Only
    on the main thread, and where the loop can handle signals: not on Windows.

    Example::

        async with backend:
            await until_signal()
    """
    loop = asyncio.get_running_loop()
    caught: asyncio.Future[signal.Signals] = loop.create_future()

    def catch(number: signal.Signals) -> None:
        if not caught.done():
            caught.set_result(number)

    wanted = signals or (signal.SIGTERM, signal.SIGINT)
    try:
        for number in wanted:
            loop.add_signal_handler(number, catch, number)
        return await caught
    finally:
        for number in wanted:
            loop.remove_signal_handler(number)
