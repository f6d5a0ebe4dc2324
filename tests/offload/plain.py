"""The loop over passes and layers in plain Python, with sets and dictionaries in place of arrays."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from evenly.core import Array, Bools, Floats
from evenly.kernel.bridge import memory_of
from evenly.kernel.offload.asked import Asked
from evenly.kernel.offload.simulation import following, ranks
from evenly.offload.costs import Costs

INF = float("inf")


@dataclass(slots=True)
class Layer:
    """Who is on the device, and when those come that are on their way."""

    value: dict[int, float]
    coming: dict[int, float]
    staged: set[int] = field(default_factory=set)
    brought: set[int] = field(default_factory=set)


class Plain:
    """Compute passes; `passes` has the seconds of each, `counts` what happened in all, `most` the most staged."""

    def __init__(self, asked: Asked, active: int, start: Floats, resident: Bools, policies: Any, costs: Costs) -> None:
        self.asked, self.costs = asked, costs
        self.scheduler, self.cache, self.prefetch = policies
        self.rank, self.next = ranks(asked.scores, active), following(asked.loads)
        self.memory = [memory_of(policy, 0, 1) for policy in (self.cache, self.prefetch)]
        self.layers = [
            Layer(dict(enumerate(row)), {e: 0.0 for e in range(len(row)) if there[e]})
            for row, there in zip(start.tolist(), resident, strict=True)
        ]
        self.places = [len(layer.coming) for layer in self.layers]
        self.now = self.link = 0.0
        self.most = 0
        self.passes: list[float] = []
        self.counts = dict.fromkeys(("hits", "on_cpu", "asks", "prefetches", "used", "fills", "evictions"), 0)

    def run(self) -> "Plain":
        for t in range(len(self.asked.loads)):
            begun = self.now
            for k in range(len(self.layers)):
                self.visit(t, k)
            self.passes.append(self.now - begun)
        return self

    def assign(self, loads: Array, ready: list[float], link: float) -> tuple[float, Floats]:
        plan = np.empty((len(loads), 5))
        seconds = type(self.scheduler).assign(loads, np.array(ready), link, self.costs.array(), plan)
        return float(seconds), plan

    def visit(self, t: int, k: int) -> None:
        self.now += self.costs.other
        self.link = max(self.link, self.now)
        layer, loads = self.layers[k], self.asked.loads[t, k]
        active = {int(e) for e in np.flatnonzero(loads)}
        self.counts["hits"] += len(active & set(layer.coming))
        self.counts["used"] += len(active & layer.brought)
        layer.brought.clear()
        ready = [max(0.0, layer.coming[e] - self.now) if e in layer.coming else INF for e in range(len(loads))]
        for e in layer.value:
            layer.value[e] = type(self.cache).touch(
                layer.value[e], e in layer.coming, loads[e], self.asked.scores[t, k, e], self.rank[t, k, e],
                t + 1, self.next[t, k, e], self.memory[0],
            )  # fmt: skip
        seconds, plan = self.assign(loads, ready, self.link - self.now)
        on_cpu = {e for e in active if plan[e, 0] == 0}
        self.counts["on_cpu"] += len(on_cpu)
        for e in sorted(active, key=lambda e: (np.isnan(plan[e, 3]), e)):
            if not np.isnan(plan[e, 3]):
                self.counts["asks"] += 1
                self.link = max(self.link, self.now + plan[e, 4])
                self.enter(layer, e, self.now + plan[e, 4], active)
        ends = self.now + seconds
        last = t + 1 == len(self.asked.loads) and k + 1 == len(self.layers)
        self.ahead(t, k, ends if last else ends + self.costs.other)
        if self.cache.moves:
            self.fill(layer, on_cpu, active, ends if last else ends + self.costs.other)
        for e in layer.staged:
            del layer.coming[e]
        layer.staged.clear()
        assert len(layer.coming) == self.places[k], "as many as before have a place"
        self.now = ends

    def enter(self, layer: Layer, e: int, time: float, busy: set[int]) -> None:
        leaving = self.lowest(layer, busy) if self.cache.moves else None
        layer.coming[e] = time
        if leaving is None:
            layer.staged.add(e)
            self.most = max(self.most, sum(len(other.staged) for other in self.layers))
        else:
            assert leaving not in busy, "an expert in use never leaves"
            del layer.coming[leaving]
            layer.brought.discard(leaving)
            self.counts["evictions"] += 1

    def lowest(self, layer: Layer, busy: set[int]) -> int | None:
        free = sorted(set(layer.coming) - layer.staged - busy)
        return min(free, key=lambda e: layer.value[e]) if free else None

    def gain(self, t: int, k: int, e: int) -> float:
        loads, there = self.asked.guessed[t, k], self.layers[k].coming
        e = min(j for j in range(len(loads)) if loads[j] == loads[e] and j not in there)  # as heavy, so as much
        without = [0.0 if j in there else INF for j in range(len(loads))]
        having = [0.0 if j in there or j == e else INF for j in range(len(loads))]
        return self.assign(loads, without, 0.0)[0] - self.assign(loads, having, 0.0)[0]

    def ahead(self, t: int, k: int, until: float) -> None:
        patience = self.costs.transfer if self.prefetch.patient else 0.0
        while self.link + patience < until:
            found = []
            for d in range(1, min(self.prefetch.reach, len(self.layers) - 1 - k) + 1):
                guessed = {int(e) for e in np.flatnonzero(self.asked.guessed[t, k + d])}
                for e in sorted(guessed - set(self.layers[k + d].coming)):
                    score = self.asked.guess[t, k + d, e]
                    worth = type(self.prefetch).worth(self.gain(t, k + d, e), score, d, self.memory[1])
                    found.append((-worth, d, e, guessed))
            if not found or min(entry[0] for entry in found) >= 0:
                return
            _, d, e, guessed = min(found, key=lambda entry: entry[:3])
            self.link += self.costs.transfer
            self.counts["prefetches"] += 1
            self.enter(self.layers[k + d], e, self.link, guessed)
            self.layers[k + d].brought.add(e)

    def fill(self, layer: Layer, on_cpu: set[int], active: set[int], until: float) -> None:
        while self.link + self.costs.transfer < until:
            missed = sorted(on_cpu - set(layer.coming))
            leaving = self.lowest(layer, active)
            if not missed or leaving is None:
                return
            best = max(missed, key=lambda e: layer.value[e])
            if layer.value[leaving] >= layer.value[best]:
                return
            self.link += self.costs.transfer
            self.counts["fills"] += 1
            self.enter(layer, best, self.link, active)
