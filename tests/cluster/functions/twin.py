"""A function platform in plain Python: one queue of events, objects for pods, nothing shared with the kernel."""

import heapq
import itertools
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from evenly.cluster.functions.calls import Calls
from evenly.core import Array, Floats
from evenly.kernel.bridge import is_compiled, memory_of

WINDOW, REFILL, FREE, READY, ALARM, ARRIVAL, LATEST = range(7)


@dataclass
class Pod:
    function: int
    born: float
    ready: float
    call: int | None = None
    served: int = 0
    busy: float = 0.0
    idle: float = 0.0
    since: float = 0.0
    until: float = 0.0
    died: float = math.nan


@dataclass
class Pool:
    stock: int = 0
    coming: int = 0
    target: int = 0
    at: float = 0.0
    seconds: float = 0.0
    queue: list[int] = field(default_factory=list)


class Twin:
    """Serve calls; afterwards `start` and `cold` say when each call ran and whether it waited for a pod to start."""

    def __init__(self, calls: Calls, keep: Any, delay: Any = None, pool: Any = None, seed: int = 0) -> None:
        self.calls, self.keep, self.delay, self.pool = calls, keep, delay, pool
        self.functions: Array = calls.functions.records().view(np.recarray)
        self.functions["last"] = np.nan
        count = len(calls.functions)
        self.gaps: Floats = np.zeros((count, 60))
        self.memories = {id(p): memory_of(p, seed, count) for p in (keep, delay, pool) if p is not None}
        self.events: list[tuple[float, int, int, int]] = []
        self.serial = itertools.count()
        self.pods: list[Pod] = []
        self.idle: list[list[Pod]] = [[] for _ in range(count)]
        self.ahead: list[int | None] = [None] * count
        self.queues: list[list[int]] = [[] for _ in range(count)]
        self.wake = [math.inf] * count
        self.alarms: list[set[float]] = [set() for _ in range(count)]
        self.newest = [-1] * count
        self.pools = [Pool() for _ in calls.functions.sizes]
        windows = int(calls.span // 60) + 1
        self.demand = np.zeros((len(self.pools), windows), np.int64)
        self.start = np.full(len(calls), np.nan)
        self.cold = np.zeros(len(calls), bool)
        self.waiting: set[int] = set()

    def serve(self) -> "Twin":
        for i, time in enumerate(self.calls.arrival.tolist()):
            heapq.heappush(self.events, (time, ARRIVAL, i, i))
        if self.pool is not None:
            self.push(0.0, WINDOW, 0)
        acts = [self.look, self.refill, self.free, self.ready, self.alarm, self.arrive, self.latest]
        while self.events:
            now, what, _, who = heapq.heappop(self.events)
            acts[what](now, who)
        for pod in self.pods:
            pod.died = pod.until if math.isnan(pod.died) else pod.died
        return self

    def push(self, time: float, what: int, who: int) -> None:
        heapq.heappush(self.events, (time, what, next(self.serial), who))

    def ask(self, policy: Any, verb: str, *values: Any) -> Any:
        bound = getattr(type(policy) if is_compiled(policy, verb) else policy, verb)
        return bound(*values, self.memories[id(policy)])

    def arrive(self, now: float, i: int) -> None:
        f = int(self.calls.function[i])
        one = self.functions[f]
        if one.calls > 0:
            self.gaps[f, (one.calls - 1) % 60] = now - one.last
        self.functions["calls"][f] += 1
        self.functions["last"][f] = now
        self.newest[f] = i
        pod = self.warm_pod(f, now)
        if pod is not None:
            self.idle[f].remove(pod)
            pod.idle += now - pod.since
            self.functions["pods"][f] += 1
            self.run(pod, i, now)
        elif self.ahead[f] is not None:
            pod = self.pods[int(self.ahead[f] or 0)]
            self.ahead[f] = None
            self.cold[i] = True
            self.functions["pods"][f] += 1
            self.run(pod, i, pod.ready)
        else:
            p = int(one.pool)
            empty = self.pool is not None and p >= 0 and self.pools[p].stock == 0
            patience = 0.0
            if self.delay is not None and (self.functions["pods"][f] > 0 or empty):
                patience = self.ask(self.delay, "delay", now, f, self.functions)
            if patience > 0:
                self.waiting.add(i)
                self.queues[f].append(i)
                if self.pool is not None and p >= 0:
                    self.pools[p].queue.append(i)
                self.push(now + patience, LATEST, i)
            else:
                self.start_for(now, i)
        if hasattr(type(self.keep), "warm"):
            wake = self.ask(self.keep, "warm", now, f, self.functions, self.gaps)
            self.wake[f] = wake if wake <= self.calls.span else math.inf
            if self.wake[f] < math.inf:
                self.push(self.wake[f], ALARM, f)

    def alarm(self, now: float, f: int) -> None:
        if self.wake[f] > now:  # set anew since
            return
        self.wake[f] = math.inf
        if self.warm_pod(f, now) is None and self.ahead[f] is None:
            parts = self.calls.ahead[self.newest[f]]
            k = self.create(now, f, self.lasting(now, f, parts))
            self.ahead[f] = k
            self.push(self.pods[k].ready, READY, k)

    def start_for(self, now: float, i: int) -> None:
        self.waiting.discard(i)
        f = int(self.calls.function[i])
        k = self.create(now, f, self.lasting(now, f, self.calls.parts[i]))
        self.cold[i] = True
        self.functions["pods"][f] += 1
        self.run(self.pods[k], i, self.pods[k].ready)

    def lasting(self, now: float, f: int, parts: Floats) -> float:
        p = int(self.functions["pool"][f])
        if self.pool is None:
            return float(parts.sum())
        bare = float(parts[1:].sum())
        if p < 0:
            return bare + 10.5
        pool = self.pools[p]
        self.account(pool, now)
        if int(now // 60) < self.demand.shape[1]:
            self.demand[p, int(now // 60)] += 1
        if pool.stock == 0:
            return bare + 10.5
        pool.stock -= 1
        if pool.stock + pool.coming < pool.target:
            pool.coming += 1
            self.push(now + 10.5, REFILL, p)
        return bare + 0.013

    def create(self, now: float, f: int, lasting: float) -> int:
        self.pods.append(Pod(f, now, now + lasting))
        return len(self.pods) - 1

    def run(self, pod: Pod, i: int, start: float) -> None:
        self.waiting.discard(i)
        self.start[i], pod.call = start, i
        self.push(start + float(self.calls.seconds[i]), FREE, self.pods.index(pod))

    def free(self, now: float, k: int) -> None:
        pod = self.pods[k]
        assert pod.call is not None
        pod.busy += float(self.calls.seconds[pod.call])
        pod.served += 1
        self.next_or_rest(now, pod)

    def ready(self, now: float, k: int) -> None:
        pod = self.pods[k]
        if pod.call is None and pod.served == 0:
            self.ahead[pod.function] = None
            self.functions["pods"][pod.function] += 1
            self.next_or_rest(now, pod)

    def next_or_rest(self, now: float, pod: Pod) -> None:
        f = pod.function
        queue = [i for i in self.queues[f] if i in self.waiting]
        if queue:
            self.run(pod, queue[0], now)
            return
        pod.call = None
        self.functions["pods"][f] -= 1
        keep = self.ask(self.keep, "keep", now, f, pod.served, self.functions, self.gaps)
        pod.since, pod.until = now, now + max(keep, 0.0)
        if keep > 0:
            self.idle[f].append(pod)
        else:
            pod.died = now

    def warm_pod(self, f: int, now: float) -> Pod | None:
        alive = [pod for pod in self.idle[f] if pod.until > now]
        self.idle[f] = alive
        return alive[-1] if alive else None

    def latest(self, now: float, i: int) -> None:
        if i in self.waiting:
            self.start_for(now, i)

    def account(self, pool: Pool, now: float) -> None:
        pool.seconds += (pool.stock + pool.coming) * (now - pool.at)
        pool.at = now

    def refill(self, now: float, p: int) -> None:
        pool = self.pools[p]
        self.account(pool, now)
        pool.coming -= 1
        pool.stock += 1
        queue = [i for i in pool.queue if i in self.waiting]
        if queue:
            self.start_for(now, queue[0])

    def look(self, now: float, _: int) -> None:
        for p, pool in enumerate(self.pools):
            self.account(pool, now)
            pool.target = max(0, self.ask(self.pool, "size", now, p, int(now // 60), self.demand))
            while pool.stock + pool.coming < pool.target:
                pool.coming += 1
                self.push(now + 10.5, REFILL, p)
            pool.stock -= min(pool.stock, max(0, pool.stock + pool.coming - pool.target))
        if now + 60 < self.calls.span:
            self.push(now + 60, WINDOW, 0)
