"""Passes of a mixture of experts on two sides and a link, under any scheduler, cache and prefetch."""

import multiprocessing
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from evenly.core import Floats, Ints
from evenly.hosts.experts.link import Link
from evenly.hosts.experts.network import Reals, Size, Visits, fill, norm, rows_of, torch
from evenly.hosts.experts.places import Places
from evenly.hosts.experts.worker import work
from evenly.hosts.phases.pool import made
from evenly.kernel.bridge import first_class, memory_of
from evenly.kernel.offload import records
from evenly.kernel.offload.simulation import following, hook, ranks
from evenly.offload.caches import Cache
from evenly.offload.costs import Costs
from evenly.offload.memory import residents
from evenly.offload.planner import Assignment, HybridScheduler
from evenly.offload.prefetches import Prefetch
from evenly.offload.schedulers import Scheduler

PATIENCE = 60.0  # seconds without an answer after which something is wrong


@dataclass(frozen=True, slots=True)
class Policies:
    """What decides."""

    scheduler: Scheduler
    cache: Cache
    prefetch: Prefetch


@dataclass(slots=True)
class Record:
    """What passes took; times in seconds."""

    passes: list[float] = field(default_factory=list)
    layers: list[tuple[float, float]] = field(default_factory=list)
    "Of each layer: as planned, as measured."
    cpu: list[tuple[bool, int, float]] = field(default_factory=list)
    "Of each expert on the CPU: whether it was the first of its layer, its tokens, its seconds."
    device: list[float] = field(default_factory=list)
    "Of each expert on the device."
    states: list[Reals] = field(default_factory=list)
    "After each pass."


class Machine:
    """Two sides and a link over memory that they share; `cores` are those of the sides, `None` where they may roam."""

    def __init__(self, size: Size, ratio: float, rate: float, seed: int, cores: tuple[int, int] | None) -> None:
        self.size, self.ratio, self.rate, self.cores = size, ratio, rate, cores
        self.slots = size.layers * round(ratio * size.experts) + 4 * size.experts
        self.seed = seed
        self.stack = ExitStack()
        self.processes: list[Any] = []

    def __enter__(self) -> "Machine":
        torch()  # or an error that names the extra, before anything is started
        size, every = self.size, self.size.layers * self.size.experts
        shared = [
            self.stack.enter_context(made(count))
            for count in (
                4 * every * size.floats, 8 * every, 4 * self.slots * size.floats, 8 * self.slots,
                4 * 3 * size.batch * size.width,
            )
        ]  # fmt: skip
        self.store: Reals = np.ndarray((every, size.floats), np.float32, shared[0].buf)
        self.pool: Reals = np.ndarray((self.slots, size.floats), np.float32, shared[2].buf)
        self.arrived: Ints = np.ndarray(self.slots, np.int64, shared[3].buf)
        self.states: Reals = np.ndarray((3, size.batch, size.width), np.float32, shared[4].buf)
        fill(self.store, size, self.seed)
        names = ((shared[0].name, shared[1].name), (shared[2].name, shared[3].name))
        self.lines = [
            self._hire(side, (*names[side], shared[4].name), places) for side, places in ((0, every), (1, self.slots))
        ]
        for line in self.lines:
            self._answer(line)
        self.link = Link(self.store, self.pool, self.arrived, self.rate, self.cores[1] if self.cores else None)
        return self

    def __exit__(self, *_: object) -> None:
        self.link.close()
        for line in self.lines:
            with suppress(OSError):  # a side that failed has gone
                line.send(None)
        for process in self.processes:
            process.join(PATIENCE)
        del self.store, self.pool, self.arrived, self.states, self.link
        self.stack.close()

    def answers(self) -> tuple[list[float], list[float]]:
        """Wait for both sides; return the seconds of each expert, CPU first."""
        return self._answer(self.lines[0]), self._answer(self.lines[1])

    def _hire(self, side: int, names: tuple[str, str, str], places: int) -> Any:
        context = multiprocessing.get_context("spawn")  # a fork would copy the threads of numpy and torch half
        ours, theirs = context.Pipe()
        core = self.cores[side] if self.cores else None
        process = context.Process(target=work, args=(theirs, core, names, self.size, places, side), daemon=True)
        process.start()
        theirs.close()
        self.processes.append(process)
        return ours

    def _answer(self, line: Any) -> Any:
        if not line.poll(PATIENCE):
            raise RuntimeError(f"a side said nothing for {PATIENCE:g} s")
        return line.recv()


class Serving:
    """Passes of one set of policies on a machine, planned with `costs`; they are added to `record`."""

    def __init__(
        self, machine: Machine, policies: Policies, costs: Costs, visits: Visits, frequency: Floats, record: Record
    ) -> None:
        self.machine, self.policies, self.costs, self.visits = machine, policies, costs, visits
        begun = residents(frequency, machine.ratio, policies.cache.by_layers)
        self.places = Places(frequency, begun, machine.slots, machine.link, policies.cache.moves)
        self.planner = HybridScheduler(policies.scheduler)
        self.touch = hook(policies.cache, "touch", records.TOUCH)
        self.worth = hook(policies.prefetch, "worth", records.WORTH)
        self.memory = [memory_of(policy, 0, 1) for policy in (policies.cache, policies.prefetch)]
        self.rank = ranks(visits.asked.scores, machine.size.active)
        self.next = following(visits.asked.loads)
        self.record = record

    def run(self, x: Reals) -> Record:
        """Compute all passes from the states `x` on; return the record."""
        for t in range(len(self.visits.experts)):
            start = time.perf_counter()
            for layer in range(self.machine.size.layers):
                x = self._layer(t, layer, x)
            self.record.passes.append(time.perf_counter() - start)
            self.record.states.append(x)
        self.places.recall()
        self.machine.link.drain()
        return self.record

    def _layer(self, t: int, layer: int, x: Reals) -> Reals:
        loads = self.visits.asked.loads[t, layer]
        self.places.recall()
        self._touch(t, layer, loads)
        ready = self.places.ready(layer)
        plan = self.planner.plan(loads, ready == 0.0, self.costs, ready, self.machine.link.free_in())
        for expert in plan.moved.tolist():
            self.places.enter(layer, expert, loads)
        self.machine.states[0] = x
        tasks = self._tasks(t, layer, plan)
        start = time.perf_counter()
        for line, task in zip(self.machine.lines, tasks, strict=True):
            line.send(task)
        self._prefetch(t, layer, plan.makespan)
        cpu, device = self.machine.answers()
        self._note(plan, loads, time.perf_counter() - start, cpu, device)
        self.places.leave(layer)
        return norm(x + self.machine.states[1] + self.machine.states[2])

    def _touch(self, t: int, layer: int, loads: Ints) -> None:
        scores, value, slot = self.visits.asked.scores[t, layer], self.places.value[layer], self.places.slot[layer]
        for e in range(len(loads)):
            asked = (int(loads[e]), scores[e], self.rank[t, layer, e], t + 1, self.next[t, layer, e])
            value[e] = self.touch(value[e], bool(slot[e] >= 0), *asked, self.memory[0])

    def _tasks(self, t: int, layer: int, plan: Assignment) -> tuple[list[Any], list[Any]]:
        slot, job = self.places.slot[layer], self.places.job[layer]
        first = layer * self.machine.size.experts
        cpu = [(first + e, 0, *rows_of(self.visits, t, layer, e)) for e in plan.cpu.tolist()]
        device = [(int(slot[e]), int(job[e]), *rows_of(self.visits, t, layer, e)) for e in plan.device.tolist()]
        return cpu, device

    def _note(self, plan: Assignment, loads: Ints, taken: float, cpu: list[float], device: list[float]) -> None:
        self.record.layers.append((plan.makespan, taken))
        self.record.device += device
        for k, (expert, seconds) in enumerate(zip(plan.cpu.tolist(), cpu, strict=True)):
            self.record.cpu.append((k == 0, int(loads[expert]), seconds))

    def _prefetch(self, t: int, layer: int, makespan: float) -> None:
        """Queue what is worth most to the layers ahead, as many as the link can begin while this layer lasts."""
        size, link = self.machine.size, self.machine.link
        depth = min(self.policies.prefetch.reach, size.layers - 1 - layer)
        room = int((makespan - link.free_in()) / link.seconds) if depth > 0 else 0
        for _ in range(max(0, room)):
            best, chosen = 0.0, (0, 0)
            for d in range(1, depth + 1):
                gain = self._gains(t, layer + d)
                for e in np.flatnonzero(gain > 0.0).tolist():
                    worth = self.worth(gain[e], self.visits.asked.guess[t, layer + d, e], d, self.memory[1])
                    if worth > best:
                        best, chosen = worth, (layer + d, e)
            if best <= 0.0:
                return
            self.places.enter(*chosen, self.visits.asked.guessed[t, chosen[0]], ahead=True)

    def _gains(self, t: int, layer: int) -> Floats:
        from evenly.kernel.offload.gains import gains

        experts = self.machine.size.experts
        at = np.where(self.places.slot[layer] < 0, np.inf, 0.0)
        assign = first_class(hook(self.policies.scheduler, "assign", records.ASSIGN), records.ASSIGN)
        room = (np.empty(experts), np.empty((experts, records.COLUMNS)))
        found = np.empty(experts)
        run: Any = gains
        run(assign, self.visits.asked.guessed[t, layer], at, self.costs.array(), *room, found)
        return found
