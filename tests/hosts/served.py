"""A stub that serves from another thread while a test replays against it."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from benchmarks.stub import Stub
from evenly.core import Trace


@contextmanager
def serving(stub: Stub) -> Iterator[str]:
    """Serve from another thread and yield the address."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(stub.listen(), loop).result()
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    finally:
        asyncio.run_coroutine_threadsafe(_close(server), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _close(server: asyncio.Server) -> None:
    server.close()
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def trace(count: int = 30) -> Trace:
    """Return a trace that lasts a second, with lengths that tell requests apart."""
    return Trace(np.linspace(0.0, 1.0, count), np.arange(10, 10 + count), np.arange(1, 1 + count))
