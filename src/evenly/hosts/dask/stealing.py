"""Dask's work stealing: off while tasks wait for turns in the scheduler, and on again."""

import asyncio
from typing import Any


async def pause(scheduler: Any) -> str | None:
    """Stop it, and let it hear of tasks no longer; return the name of its plug-in, if it is there."""
    stealing = scheduler.extensions.get("stealing")
    names: list[str] = [name for name, plugin in scheduler.plugins.items() if plugin is stealing]
    if stealing is None or not names:
        return None
    del scheduler.plugins[names[0]]
    await asyncio.sleep(0)  # a scheduler that starts, starts it in the same breath
    await stealing.stop()
    for ts in list(stealing.key_stealable):
        stealing.remove_key_from_stealable(ts)
    return names[0]


def resume(scheduler: Any, name: str) -> None:
    """Let it hear of tasks again, of all that run first, and start it."""
    stealing = scheduler.extensions["stealing"]
    stealing.stealable.clear()
    for address, worker in scheduler.workers.items():
        stealing.add_worker(scheduler, address)
        for ts in worker.processing:
            stealing.put_key_in_stealable(ts)
    scheduler.plugins[name] = stealing
    scheduler.loop.add_callback(_start, scheduler, stealing)


async def _start(scheduler: Any, stealing: Any) -> None:
    """Start it, unless it is paused again meanwhile."""
    if stealing in scheduler.plugins.values():
        await stealing.start()
