"""Send calls to a real platform over a loopback socket, and put what happened beside the simulator."""

import asyncio
import contextlib
import time
from dataclasses import dataclass

import numpy as np

from evenly.cluster.functions.calls import Calls, Functions
from evenly.core import Array, Floats, Ints
from evenly.hosts.functions.asked import Asked
from evenly.hosts.functions.platform import CALL, Platform
from evenly.hosts.functions.runtimes import runtimes
from evenly.kernel.functions.simulation import Policies

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
        for one in range(len(self.functions)):
            mine = self.calls["function"] == one
            here = parts[mine & known]
            parts[mine & ~known] = here.mean(axis=0) if len(here) else every
        ahead = np.where(np.isfinite(self.calls["ahead"]), self.calls["ahead"], parts) / self.scale
        parts, lasting = parts / self.scale, (self.calls["end"] - self.calls["start"]) / self.scale
        arrival, parent = self.calls["arrival"] / self.scale, self.calls["parent"]
        span, function = float(arrival.max()) + 1.0, self.calls["function"]
        made = parent >= 0
        after = np.where(made, self.calls["arrival"] - self.calls["end"][parent], 0.0) / self.scale
        arrival[made] = np.nan
        if not made.any():
            parent, after = parent[:0], after[:0]
        return Calls(
            self.functions, function, arrival, lasting, parts, ahead, span, "measured", parent=parent, after=after
        )


def calls_of(
    functions: Functions, arrival: Floats, function: Ints, seconds: Floats, made: tuple[Ints, Floats] | None = None
) -> Calls:
    """Return calls whose cold starts are to be measured; `made` are `parent` and `after` of `Calls`."""
    none = np.zeros((len(arrival), 4))
    parent, after = made or (np.zeros(0, np.int64), np.zeros(0))
    span = float(np.nanmax(arrival, initial=0.0)) + 1.0
    return Calls(functions, function, arrival, seconds, none, none, span, parent=parent, after=after)


def functions_of(names: list[str], timer: bool, lead: float) -> Functions:
    """Return functions of these runtimes for the policies; `lead` is in their seconds."""
    known = tuple(dict.fromkeys(names))
    runtime = np.array([known.index(name) for name in names], np.int64)
    none: Ints = np.zeros(len(names), np.int64)
    trigger = "TIMER-A" if timer else "APIG-S"
    return Functions(none, runtime, none, none + 1, np.full(len(names), lead), (trigger,), known, ("process",))


def measure(
    calls: Calls, policies: Policies, *, stock: int = 0, packages: bool = False, scale: float = 1.0
) -> Measured:
    """Serve calls with real processes and return what happened; `calls` are in the time of the policies.

    Their cold starts are not read: they happen. Runtimes are named as in `calls.functions.runtimes` and must be
    installed; there is one region, and a pool is a number of interpreters; else raises `ValueError`. All processes end
    before it returns.
    """
    if policies.pool is not None or policies.route is not None:
        raise ValueError("a platform of processes has one region, and pools of `stock` interpreters")
    known = runtimes()
    missing = [name for name in calls.functions.runtimes if name not in known]
    if missing:
        raise ValueError(f"no interpreter of {', '.join(missing)} is installed; there are {', '.join(known)}")
    of = tuple(known[calls.functions.runtimes[code]] for code in calls.functions.runtime)
    work = calls.work()
    rows = np.zeros(len(calls), CALL)
    rows["function"], rows["parts"], rows["ahead"], rows["parent"] = calls.function, np.nan, np.nan, -1
    rows["seconds"] = calls.seconds * scale
    if len(calls.parent):
        rows["parent"], rows["edge"] = calls.parent, work.links["edge"]
    asked = Asked.of(work, policies.keep, policies.delay, policies.chain)
    platform = Platform(of, (packages,) * len(of), asked, stock, scale)
    return asyncio.run(_run(platform, calls, rows))


async def _run(platform: Platform, calls: Calls, rows: Array) -> Measured:
    server = await asyncio.start_server(lambda *streams: _answer(platform, rows, *streams), LOOPBACK, 0)
    port = server.sockets[0].getsockname()[1]
    try:
        await platform.fill()
        platform.begin = time.perf_counter() + SETTLE
        due = platform.begin + calls.arrival * platform.scale
        await asyncio.gather(*(_send(port, i, float(due[i]), rows, calls, platform.scale) for i in range(calls.roots)))
    finally:
        await platform.close()
        server.close()
        await server.wait_closed()
    for name in ("arrival", "heard", "start", "end"):
        rows[name] -= platform.begin
    return Measured(rows, calls.functions, platform.lived, platform.started, platform.scale)


async def _send(port: int, i: int, due: float, rows: Array, calls: Calls, scale: float) -> None:
    """Send one call when it is due, wait for its answer, and send those that it makes."""
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
    made = np.flatnonzero(rows["parent"] == i).tolist()
    now = time.perf_counter()
    await asyncio.gather(*(_send(port, k, now + calls.after[k] * scale, rows, calls, scale) for k in made))


async def _answer(platform: Platform, rows: Array, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Serve the call of one connection."""
    try:
        i = int(await reader.readline())
        rows["heard"][i] = time.perf_counter()
        parent = int(rows["parent"][i])
        await platform.serve(int(rows["function"][i]), rows[i], rows[parent] if parent >= 0 else None)
        writer.write(b"done\n")
        await writer.drain()
    finally:
        writer.close()
