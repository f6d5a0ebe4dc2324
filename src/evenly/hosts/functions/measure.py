"""Send calls to a real platform over a loopback socket, and put what happened beside the simulator."""

import asyncio
import contextlib
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from evenly.cluster.functions.calls import Calls, Functions
from evenly.core import Array, Floats, Ints
from evenly.hosts.functions.asked import Asked
from evenly.hosts.functions.platform import CALL, Platform
from evenly.hosts.functions.runtimes import Runtime, runtimes

LOOPBACK = "127.0.0.1"
SETTLE = 0.2  # seconds before the first call is due


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What happened to each call; times are real seconds from the first moment a call was due."""

    calls: Array
    "Records of `platform.CALL`, in the order of the calls."
    functions: Functions
    lived: float
    "Seconds that the pods of functions lived."
    started: int
    "Pods that were started."
    scale: float

    @property
    def cold(self) -> int:
        """Return how many calls waited for a pod to start."""
        return int(self.calls["cold"].sum())

    @property
    def added(self) -> Floats:
        """Return the seconds from the sending of each call to its run."""
        return np.asarray(self.calls["start"] - self.calls["arrival"])

    def replayed(self) -> Calls:
        """Return the same calls for the simulator, in the time of the policies, with the measured cold starts.

        Calls that were not cold get the mean start of their function, or of all.
        """
        parts = np.array(self.calls["parts"])
        known = np.isfinite(parts[:, 0])
        every = parts[known].mean(axis=0) if known.any() else np.zeros(4)
        for function in range(len(self.functions)):
            mine = self.calls["function"] == function
            here = parts[mine & known]
            parts[mine & ~known] = here.mean(axis=0) if len(here) else every
        ahead = np.where(np.isfinite(self.calls["ahead"]), self.calls["ahead"], parts) / self.scale
        parts, lasting = parts / self.scale, (self.calls["end"] - self.calls["start"]) / self.scale
        arrival = self.calls["arrival"] / self.scale
        span = float(arrival[-1]) + 1.0
        return Calls(self.functions, self.calls["function"], arrival, lasting, parts, ahead, span, "measured")


def functions_of(names: list[str], timer: bool, lead: float) -> Functions:
    """Return functions of these runtimes for the policies; `lead` is in their seconds."""
    known = tuple(dict.fromkeys(names))
    runtime = np.array([known.index(name) for name in names], np.int64)
    none: Ints = np.zeros(len(names), np.int64)
    trigger = "TIMER-A" if timer else "APIG-S"
    return Functions(none, runtime, none, none + 1, np.full(len(names), lead), (trigger,), known, ("process",))


def measure(
    functions: Functions,
    arrival: Floats,
    function: Ints,
    seconds: Floats,
    keep: Any,
    delay: Any = None,
    *,
    stock: int = 0,
    packages: bool = False,
    scale: float = 1.0,
) -> Measured:
    """Serve calls with real processes and return what happened; `arrival` and `seconds` in the time of the policies.

    Runtimes are named as in `functions.runtimes` and must be installed; else raises `ValueError`. All processes end
    before it returns.
    """
    known = runtimes()
    missing = [name for name in functions.runtimes if name not in known]
    if missing:
        raise ValueError(f"no interpreter of {', '.join(missing)} is installed; there are {', '.join(known)}")
    of = tuple(known[functions.runtimes[code]] for code in functions.runtime)
    rows = np.zeros(len(arrival), CALL)
    rows["function"], rows["parts"], rows["ahead"] = function, np.nan, np.nan
    rows["seconds"] = seconds * scale
    asked = Asked.of(functions, keep, delay)
    return asyncio.run(_run(of, functions, arrival * scale, rows, asked, stock, packages, scale))


async def _run(
    of: tuple[Runtime, ...],
    functions: Functions,
    due: Floats,
    rows: Array,
    asked: Asked,
    stock: int,
    packages: bool,
    scale: float,
) -> Measured:
    platform = Platform(of, (packages,) * len(of), asked, stock, scale)
    server = await asyncio.start_server(lambda *streams: _answer(platform, rows, *streams), LOOPBACK, 0)
    port = server.sockets[0].getsockname()[1]
    try:
        await platform.fill()
        platform.begin = time.perf_counter() + SETTLE
        await asyncio.gather(*(_send(port, i, platform.begin + float(due[i]), rows) for i in range(len(rows))))
    finally:
        await platform.close()
        server.close()
        await server.wait_closed()
    for name in ("arrival", "heard", "start", "end"):
        rows[name] -= platform.begin
    return Measured(rows, functions, platform.lived, platform.started, scale)


async def _send(port: int, i: int, due: float, rows: Array) -> None:
    """Send one call when it is due and wait for its answer."""
    await asyncio.sleep(due - time.perf_counter())
    rows["arrival"][i] = time.perf_counter()
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    try:
        writer.write(f"{i}\n".encode())
        if await reader.readline() != b"done\n":
            raise RuntimeError(f"call {i} was not answered")
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def _answer(platform: Platform, rows: Array, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Serve the call of one connection."""
    try:
        i = int(await reader.readline())
        rows["heard"][i] = time.perf_counter()
        await platform.serve(int(rows["function"][i]), rows[i])
        writer.write(b"done\n")
        await writer.drain()
    finally:
        writer.close()
