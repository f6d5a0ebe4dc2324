"""The platform: it takes calls from a loopback socket and gives each an interpreter."""

import asyncio
import contextlib
import math
import time
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from evenly.core import Array, Floats
from evenly.hosts.functions.asked import Asked
from evenly.hosts.functions.pod import Pod, spawn
from evenly.hosts.functions.runtimes import Runtime

CALL = np.dtype(
    [
        ("arrival", "f8"),  # when the call was sent
        ("heard", "f8"),  # when the platform had read it
        ("start", "f8"),  # when its pod was told to run it
        ("end", "f8"),
        ("seconds", "f8"),  # that it is to run
        ("function", "i8"),
        ("cold", "i8"),  # 1: it waited for a pod to start
        ("ahead", "f8", 4),  # parts of the start of a pod that was started ahead after it, NaN if none was
        ("parts", "f8", 4),  # of that start, NaN if it found a pod or waited for one that was on its way
        ("parent", "i8"),  # call that makes it, -1 for none
        ("edge", "i8"),  # from the function of that to its own
    ]
)


@dataclass(slots=True, eq=False)
class Platform:
    """Serves calls of functions with real interpreters; `seconds` are real, `now` counts in the time of the policies.

    Close it: until then its interpreters live.
    """

    runtimes: tuple[Runtime, ...]
    "Runtime of each function."
    packages: tuple[bool, ...]
    "Whether each function has dependencies."
    asked: Asked
    stock: int = 0
    "Idle interpreters of each runtime that stand ready."
    scale: float = 1.0
    "Real seconds in which a second of the policies passes."
    begin: float = field(default_factory=time.perf_counter)
    idle: list[list[Pod]] = field(init=False)
    ahead: list["asyncio.Task[Pod] | None"] = field(init=False)
    queues: list["deque[asyncio.Future[Pod]]"] = field(init=False)
    alarms: list[asyncio.TimerHandle | None] = field(init=False)
    newest: dict[int, Array] = field(default_factory=dict)
    "Record of the last call of each function."
    pools: dict[str, deque[Pod]] = field(default_factory=dict)
    pods: list[Pod] = field(default_factory=list)
    "All that live."
    tasks: set["asyncio.Task[Any]"] = field(default_factory=set)
    lived: float = 0.0
    "Seconds that all pods of functions lived, those in pools left out."
    started: int = 0
    "Pods started for functions."
    expecting: list[asyncio.TimerHandle] = field(default_factory=list)
    "Pods that are to be started ahead along chains."

    def __post_init__(self) -> None:
        count = len(self.runtimes)
        self.idle = [[] for _ in range(count)]
        self.ahead = [None] * count
        self.queues = [deque() for _ in range(count)]
        self.alarms = [None] * count

    @property
    def now(self) -> float:
        """Return the time of the policies."""
        return (time.perf_counter() - self.begin) / self.scale

    async def fill(self) -> None:
        """Fill the pools."""
        for runtime in {one.name: one for one in self.runtimes}.values():
            self.pools[runtime.name] = deque()
            for _ in range(self.stock):
                await self._refill(runtime)

    async def serve(self, function: int, call: Array, parent: Array | None = None) -> None:
        """Serve one call, which another one has made or none, and note in its record what happened."""
        self.asked.comes(self.now, function)
        if parent is not None:
            self.asked.follows(int(call["edge"]), (call["heard"] - parent["heard"]) / self.scale)
        self.newest[function] = call
        self._set_alarm(function)
        self._expect(function)
        pod = self._warm_pod(function) or await self._other_pod(function, call)
        call["start"] = time.perf_counter()
        await pod.order(f"call {call['seconds']:.6f}")
        call["end"] = time.perf_counter()
        pod.served += 1
        self._free(pod)

    async def close(self) -> None:
        """End every process; those that are being started are waited for first, so that none is left behind."""
        for handle in (*self.alarms, *self.expecting):
            if handle is not None:
                handle.cancel()
        while self.tasks:
            await asyncio.gather(*self.tasks, return_exceptions=True)
        await asyncio.gather(*(self._end(pod) for pod in list(self.pods)))

    def _set_alarm(self, function: int) -> None:
        """Ask when a pod is to be started ahead, as a call has come."""
        handle = self.alarms[function]
        if handle is not None:
            handle.cancel()
        wake = self.asked.warm(self.now, function)
        delay = (wake - self.now) * self.scale
        loop = asyncio.get_running_loop()
        self.alarms[function] = loop.call_later(max(delay, 0.0), self._wake, function) if wake < math.inf else None

    def _expect(self, function: int) -> None:
        """Ask which calls follow one that has come, and start their pods in time."""
        now, loop = self.now, asyncio.get_running_loop()
        for edge, when in self.asked.expected(now, function):
            child = int(self.asked.edges["child"][edge])
            delay = max(when - float(self.asked.functions["lead"][child]) - now, 0.0)
            self.expecting.append(loop.call_later(delay * self.scale, self._wake, child, edge))

    async def _other_pod(self, function: int, call: Array) -> Pod:
        """Return a pod for a call that found none idle: a busy one, one that is on its way, or a new one."""
        if self.ahead[function] is None and self.asked.functions["pods"][function] > 0:
            patience = self.asked.delay(self.now, function)
            if patience > 0.0:
                waiter: asyncio.Future[Pod] = asyncio.get_running_loop().create_future()
                self.queues[function].append(waiter)
                with contextlib.suppress(TimeoutError):
                    return await asyncio.wait_for(waiter, patience * self.scale)
        call["cold"] = 1
        self.asked.functions["pods"][function] += 1
        coming = self.ahead[function]
        if coming is not None:
            self.ahead[function] = None
            return await coming
        queued = time.perf_counter()
        pod, parts = await self._start(function)
        self._refill_later(function)
        parts[3] += queued - call["arrival"]
        call["parts"] = parts
        return pod

    async def _start(self, function: int) -> tuple[Pod, Floats]:
        """Return a new pod of a function, and the seconds of the four parts of its start."""
        begin = time.perf_counter()
        pod = await self._allocate(self.runtimes[function])
        allocated = time.perf_counter()
        pod.born = begin
        self.started += 1
        code, dependency = await pod.deploy(self.packages[function])
        deployed = time.perf_counter()
        pod.function = function
        await pod.order("ping")  # it is there and hears: from here on it may be called
        return pod, np.array([allocated - begin, code, dependency, time.perf_counter() - deployed])

    async def _allocate(self, runtime: Runtime) -> Pod:
        """Take an interpreter from the pool, or start one."""
        pool = self.pools.get(runtime.name)
        return pool.popleft() if pool else await self._spawn(runtime)

    def _refill_later(self, function: int) -> None:
        """Build what the pool lacks, once the start that emptied it is over, so that it does not hold it up."""
        runtime = self.runtimes[function]
        if len(self.pools[runtime.name]) < self.stock:
            self._later(self._refill(runtime))

    async def _spawn(self, runtime: Runtime) -> Pod:
        pod = await spawn(runtime)
        self.pods.append(pod)
        return pod

    async def _refill(self, runtime: Runtime) -> None:
        self.pools[runtime.name].append(await self._spawn(runtime))

    def _warm_pod(self, function: int) -> Pod | None:
        """Take the idle pod that ran last, if one is kept still."""
        while self.idle[function]:
            pod = self.idle[function].pop()
            if pod.timer is not None:
                pod.timer.cancel()
            if pod.until > self.now:
                self.asked.functions["pods"][function] += 1
                return pod
            self._later(self._end(pod))
        return None

    def _free(self, pod: Pod) -> None:
        """Give a pod to a call that waits, or keep it, or end it."""
        function = pod.function
        queue = self.queues[function]
        while queue:
            waiter = queue.popleft()
            if not waiter.done():
                waiter.set_result(pod)
                return
        self.asked.functions["pods"][function] -= 1
        self._rest(pod)

    def _rest(self, pod: Pod) -> None:
        if pod.served == 0 and pod.edge >= 0:
            keep = self.asked.wait(self.now, pod.edge)
        else:
            keep = self.asked.keep(self.now, pod.function, pod.served)
        if keep <= 0.0:
            self._later(self._end(pod))
            return
        pod.until = self.now + keep
        self.idle[pod.function].append(pod)
        loop = asyncio.get_running_loop()
        pod.timer = loop.call_later(keep * self.scale, self._expire, pod)

    def _expire(self, pod: Pod) -> None:
        if pod in self.idle[pod.function]:
            self.idle[pod.function].remove(pod)
            self._later(self._end(pod))

    def _wake(self, function: int, edge: int = -1) -> None:
        """Start a pod ahead if none is there and the function has been called before."""
        if function in self.newest and not self.idle[function] and self.ahead[function] is None:
            self.ahead[function] = self._later(self._start_ahead(function, self.newest[function], edge))

    async def _start_ahead(self, function: int, call: Array, edge: int) -> Pod:
        pod, parts = await self._start(function)
        pod.edge = edge
        call["ahead"] = parts
        self._refill_later(function)
        if self.ahead[function] is asyncio.current_task():  # no call has claimed it meanwhile
            self.ahead[function] = None
            self.asked.functions["pods"][function] += 1
            self._free(pod)
        return pod

    def _later(self, work: "Coroutine[Any, Any, Any]") -> "asyncio.Task[Any]":
        """Do something beside the calls; `close` waits for it."""
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    async def _end(self, pod: Pod) -> None:
        if pod in self.pods:
            self.pods.remove(pod)
            if not math.isnan(pod.born):
                self.lived += time.perf_counter() - pod.born
            await pod.close()
