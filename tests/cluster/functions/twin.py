"""A function platform in plain Python: one queue of events, objects for pods, nothing shared with the kernel."""

import heapq
import itertools
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from evenly.cluster.functions.calls import Calls
from evenly.cluster.functions.scenario import FunctionsScenario
from evenly.core import Array, Floats
from evenly.kernel.bridge import is_compiled, memory_of

WINDOW, REFILL, FREE, READY, ALARM, EXPECT, ARRIVAL, LATEST = range(8)
WARM, FIRST, RELEASED, BUSY, STARTING, WAITED = range(6)


@dataclass(eq=False)
class Pod:
    function: int
    born: float
    ready: float
    left: dict[int, float] = field(default_factory=dict)  # seconds of work left of each call that it runs
    at: float = 0.0
    edge: int = -1
    served: int = 0
    busy: float = 0.0
    idle: float = 0.0
    since: float = math.nan
    until: float = math.inf
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
    """Serve calls; afterwards `start`, `end` and `why` say when each call ran and why it started cold, if it did."""

    def __init__(self, calls: Calls, scenario: FunctionsScenario) -> None:
        self.calls, self.seats, self.slowdown = calls, scenario.concurrency, scenario.lengthening(calls)
        self.keep, self.delay, self.pool = scenario.keep, scenario.delay, scenario.pool
        self.route, self.chain = scenario.route, scenario.chain
        work = calls.work()
        self.functions: Array = work.functions.view(np.recarray)
        self.functions["last"] = np.nan
        self.edges: Array = work.edges.view(np.recarray)
        self.delays: Floats = np.zeros((len(work.edges), 60))
        count, n = len(calls.functions), len(calls)
        self.gaps: Floats = np.zeros((count, 60))
        policies = (self.keep, self.delay, self.pool, self.route, self.chain)
        self.memories = {id(p): memory_of(p, scenario.seed, count) for p in policies if p is not None}
        self.events: list[tuple[float, int, int, int]] = []
        self.serial = itertools.count()
        self.pods: list[Pod] = []
        self.open: list[list[Pod]] = [[] for _ in range(count)]
        self.coming: list[Pod | None] = [None] * count
        self.rested: list[bool] = [False] * count
        self.queues: list[list[int]] = [[] for _ in range(count)]
        self.wake = [math.inf] * count
        self.newest = [-1] * count
        self.pools = [Pool() for _ in range(work.pools)]
        windows = int(calls.span // 60) + 1
        self.demand = np.zeros((len(self.pools), windows), np.int64)
        self.arrival = np.array(calls.arrival)
        self.site = np.array(calls.function)
        self.start, self.end = np.full(n, np.nan), np.full(n, np.nan)
        self.why = np.zeros(n, np.int64)
        self.waiting: set[int] = set()

    def serve(self) -> "Twin":
        for i, time in enumerate(self.calls.arrival.tolist()[: self.calls.roots]):
            heapq.heappush(self.events, (time, ARRIVAL, i, i))
        if self.pool is not None:
            self.push(0.0, WINDOW, 0)
        acts = [self.look, self.refill, self.free, self.ready, self.alarm, self.along, self.arrive, self.latest]
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
        home = f = int(self.calls.function[i])
        n = self.calls.regions
        if self.route is not None:
            for row in range(home - home % n, home - home % n + n):
                self.functions["warm"][row] = self.warm_pod(row, now) is not None
            f = int(self.ask(self.route, "choose", now, home, self.functions, self.calls.latency))
        self.arrival[i], self.site[i] = now, f
        one = self.functions[f]
        if one.calls > 0:
            self.gaps[f, (one.calls - 1) % 60] = now - one.last
        self.functions["calls"][f] += 1
        self.functions["last"][f] = now
        self.newest[f] = i
        self.follow(now, i)
        pod = self.warm_pod(f, now)
        if pod is not None:
            self.seat(pod, i, now)
            if len(pod.left) == self.seats:
                self.open[f].remove(pod)
        else:
            self.find(now, i, f)
        if hasattr(type(self.keep), "warm"):
            wake = self.ask(self.keep, "warm", now, f, self.functions, self.gaps)
            self.wake[f] = wake if wake <= self.calls.span else math.inf
            if self.wake[f] < math.inf:
                self.push(self.wake[f], ALARM, f)
        self.edges["asked"][self.edges["parent"] == home] += 1
        if self.chain is not None:
            self.expect(now, now, home, 1)

    def expect(self, now: float, at: float, f: int, steps: int) -> None:
        """Ask for each function that follows when its call is expected, and for those that follow that."""
        for e in np.flatnonzero(self.edges["parent"] == f):
            when = self.ask(self.chain, "expect", at, e, steps, self.edges, self.delays, self.functions)
            if when <= self.calls.span:
                child = int(self.edges["child"][e])
                self.edges["expected"][e] = when
                self.push(max(now, when - self.functions["lead"][child]), EXPECT, int(e))
                self.expect(now, when, child, steps + 1)

    def follow(self, now: float, i: int) -> None:
        """Note how long after the call that makes it a call comes."""
        parent = int(self.calls.parent[i]) if len(self.calls.parent) else -1
        if parent >= 0:
            pair = (self.edges["parent"] == self.calls.function[parent]) & (
                self.edges["child"] == self.calls.function[i]
            )
            (e,) = np.flatnonzero(pair)
            self.delays[e, self.edges["followed"][e] % 60] = now - self.arrival[parent]
            self.edges["followed"][e] += 1

    def find(self, now: float, i: int, f: int) -> None:
        """Let a call that found no pod wait, or start cold."""
        one = self.functions[f]
        p = int(one.pool)
        empty = self.pool is not None and p >= 0 and self.pools[p].stock == 0
        patience = 0.0
        if self.delay is not None and self.coming[f] is None and (one.pods > 0 or empty):
            patience = self.ask(self.delay, "delay", now, f, self.functions)
        if patience > 0:
            self.waiting.add(i)
            self.queues[f].append(i)
            if self.pool is not None and p >= 0:
                self.pools[p].queue.append(i)
            self.push(now + patience, LATEST, i)
        elif self.coming[f] is not None:
            self.start_cold(now, i, STARTING)
        elif one.pods > 0:
            self.start_cold(now, i, BUSY)
        else:
            self.start_cold(now, i, RELEASED if self.rested[f] else FIRST)

    def alarm(self, now: float, f: int) -> None:
        if self.wake[f] > now:  # set anew since
            return
        self.wake[f] = math.inf
        self.ahead(now, f)

    def along(self, now: float, e: int) -> None:
        self.ahead(now, int(self.edges["child"][e]), e)

    def ahead(self, now: float, f: int, edge: int = -1) -> None:
        if self.newest[f] >= 0 and self.warm_pod(f, now) is None and self.coming[f] is None:
            pod = self.create(now, f, self.lasting(now, f, self.part(self.calls.ahead, self.newest[f], f)))
            pod.edge, self.coming[f] = edge, pod

    def part(self, of: Floats, i: int, f: int) -> Floats:
        return np.asarray(of.reshape(len(of), self.calls.regions, 4)[i, f % self.calls.regions])

    def start_cold(self, now: float, i: int, why: int) -> None:
        self.waiting.discard(i)
        f = int(self.site[i])
        self.why[i] = why
        pod = self.coming[f]
        if pod is None:
            pod = self.create(now, f, self.lasting(now, f, self.part(self.calls.parts, i, f)))
        self.seat(pod, i, now)
        self.coming[f] = pod if len(pod.left) < self.seats else None

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

    def create(self, now: float, f: int, lasting: float) -> Pod:
        pod = Pod(f, now, now + lasting, at=now + lasting)
        self.pods.append(pod)
        self.push(pod.ready, READY, len(self.pods) - 1)
        return pod

    def progress(self, pod: Pod, now: float) -> None:
        """Take what was worked on since from what is left of each call."""
        passed = max(now - pod.at, 0.0)
        for i in pod.left:
            pod.left[i] -= passed / (1 + self.slowdown * (len(pod.left) - 1))
        pod.busy += passed if pod.left else 0.0
        pod.at = max(now, pod.at)

    def seat(self, pod: Pod, i: int, now: float) -> None:
        self.progress(pod, now)
        self.waiting.discard(i)
        if not pod.left:
            self.functions["pods"][pod.function] += 1
            pod.idle += 0.0 if math.isnan(pod.since) else now - pod.since
            pod.since, pod.until = math.nan, math.inf
        self.start[i] = max(now, pod.ready)
        pod.left[i] = float(self.calls.seconds[i])
        self.next_end(pod)

    def next_end(self, pod: Pod) -> None:
        pace = 1 + self.slowdown * (len(pod.left) - 1)
        self.push(pod.at + max(min(pod.left.values()), 0.0) * pace, FREE, self.pods.index(pod))

    def free(self, now: float, k: int) -> None:
        pod = self.pods[k]
        if now < pod.ready or not pod.left:
            return
        self.progress(pod, now)
        i = min(pod.left, key=lambda call: pod.left[call])
        if pod.left[i] > 1e-9:  # others have come since this end was foreseen
            return
        del pod.left[i]
        self.end[i] = now
        pod.served += 1
        if not pod.left:
            self.functions["pods"][pod.function] -= 1
        if len(self.calls.parent):
            for child in np.flatnonzero(self.calls.parent == i):
                self.push(now + float(self.calls.after[child]), ARRIVAL, int(child))
        self.settle(now, pod)

    def ready(self, now: float, k: int) -> None:
        pod = self.pods[k]
        if self.coming[pod.function] is pod:
            self.coming[pod.function] = None
        if pod.served == 0 and len(pod.left) < self.seats:
            self.settle(now, pod)

    def settle(self, now: float, pod: Pod) -> None:
        f = pod.function
        queue = [i for i in self.queues[f] if i in self.waiting]
        for i in queue[: self.seats - len(pod.left)]:
            self.seat(pod, i, now)
        if pod.left:
            self.next_end(pod)
        else:
            if pod.served == 0 and pod.edge >= 0:
                keep = self.ask(self.chain, "wait", now, pod.edge, self.edges, self.delays, self.functions)
            else:
                keep = self.ask(self.keep, "keep", now, f, pod.served, self.functions, self.gaps)
            pod.since, pod.until = now, now + max(keep, 0.0)
            self.rested[f] = True
            if keep <= 0:
                pod.died = now
        if len(pod.left) < self.seats and pod.until > now and pod not in self.open[f]:
            self.open[f].append(pod)

    def warm_pod(self, f: int, now: float) -> Pod | None:
        while self.open[f] and not self.open[f][-1].until > now:
            self.open[f].pop()
        return self.open[f][-1] if self.open[f] else None

    def latest(self, now: float, i: int) -> None:
        if i in self.waiting:
            self.start_cold(now, i, WAITED)

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
            self.start_cold(now, queue[0], WAITED)

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
