"""Orders made by a greedy dispatcher: whenever a device is free it takes the most urgent pass that it can."""

import heapq
from collections import deque

import numpy as np

from evenly.core import Ints
from evenly.train.pipeline.job import Job
from evenly.train.pipeline.passes import FORWARD, INPUT, WEIGHT, Order, Pass

SLACK = 1e-9  # share of a pass, for rounding


class Dispatcher:
    """Passes with split backward, in the order in which devices that look at the clock take them.

    Gradients of inputs come first, then forward passes as long as the device holds fewer than `limit` stages times
    micro-batches, then gradients of weights, wherever they fit before the next known arrival.
    """

    def __init__(self, home: Ints, job: Job, limit: int) -> None:
        self.home, self.job, self.limit = home.tolist(), job, limit
        self.stages, self.micro = len(home), job.micro
        times = job.times
        self.seconds = {FORWARD: times.forward, INPUT: times.input, WEIGHT: times.weight}
        self.slack = SLACK * float(max(times.forward.max(), times.input.max(), 1e-30))
        self.mine = [[s for s, d in enumerate(self.home) if d == device] for device in range(job.devices)]
        self.arrival = {
            FORWARD: np.full((self.stages, self.micro), np.inf),
            INPUT: np.full((self.stages, self.micro), np.inf),
        }
        self.arrival[FORWARD][0] = 0.0
        self.following = {FORWARD: [0] * self.stages, INPUT: [0] * self.stages}
        self.held = [0] * job.devices
        self.free = [0.0] * job.devices
        self.weights: list[deque[Pass]] = [deque() for _ in range(job.devices)]
        self.lists: list[list[Pass]] = [[] for _ in range(job.devices)]
        self.events = [(0.0, device) for device in range(job.devices)]

    def order(self) -> Order:
        """Return the order; raise `ValueError` if `limit` leaves no way on."""
        while self.events:
            now, device = heapq.heappop(self.events)
            if self.free[device] <= now:
                self._take(device, now)
        if sum(map(len, self.lists)) < 3 * self.stages * self.micro:
            raise ValueError(f"{self.limit} stages times micro-batches are too few to go on with")
        return Order.of(np.array(self.home), self.micro, 0, self.lists)

    def _take(self, device: int, now: float) -> None:
        found = self._urgent(device)
        if found is not None and found[0] <= now + self.slack:
            self._start(device, found[1], now)
            return
        soon = np.inf if found is None else found[0]
        pending = self.weights[device]
        if pending and now + self.seconds[WEIGHT][pending[0][1]] <= soon + self.slack:
            self._start(device, pending.popleft(), now)
        elif np.isfinite(soon):
            heapq.heappush(self.events, (soon, device))

    def _urgent(self, device: int) -> tuple[float, Pass] | None:
        """Return when a device can next begin a gradient or forward pass, and the most urgent one by then."""
        known: list[tuple[float, int, int, Pass]] = []
        for rank, kind in enumerate((INPUT, FORWARD)):
            for chunk, stage in enumerate(self.mine[device]):
                batch = self.following[kind][stage]
                room = self.limit - (len(self.mine[device]) - 1 - chunk)  # a later chunk must find room
                if batch < self.micro and (kind == INPUT or self.held[device] < room):
                    begin = max(self.free[device], self.arrival[kind][stage, batch])
                    known.append((begin, rank, -stage, (kind, stage, batch)))
        if not known:
            return None
        first = min(known)
        ready = [one for one in known if one[0] <= first[0] + self.slack]
        begin, _, _, chosen = min(ready, key=lambda one: one[1:3])
        return begin, chosen

    def _start(self, device: int, one: Pass, now: float) -> None:
        kind, stage, batch = one
        end = now + float(self.seconds[kind][stage])
        self.lists[device].append(one)
        self.free[device] = end
        heapq.heappush(self.events, (end, device))
        if kind == WEIGHT:
            self.held[device] -= 1
            return
        self.following[kind][stage] += 1
        if kind == FORWARD:
            self.held[device] += 1
        else:
            self.weights[device].append((WEIGHT, stage, batch))
        step = 1 if kind == FORWARD else -1
        if kind == FORWARD and stage == self.stages - 1:
            self.arrival[INPUT][stage, batch] = end
        elif 0 <= stage + step < self.stages:
            other = self.home[stage + step]
            there = end + (self.job.times.hop if other != device else 0.0)
            self.arrival[kind][stage + step, batch] = there
            heapq.heappush(self.events, (there, other))
