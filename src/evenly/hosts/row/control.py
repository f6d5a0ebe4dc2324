"""The loop that samples, reads, commands and brakes, in real time: that of the kernel, around real workers."""

import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from evenly.cluster.row.caps import Cap, Training
from evenly.core import Floats, Ints
from evenly.hosts.row.bench import ANSWERED, DUTY, PATIENCE, PHASE, RESTED, SEED, START, WORKED, Bench
from evenly.kernel.bridge import memory_of

WATTS = (0.466, 1.0, 0.797)  # idle, prompt, token: a DGX-A100 by its highest power, as modelled for a row
PACE = 1410.0  # the clock that stands for a full duty cycle
COUNTER = Path("/sys/class/powercap/intel-rapl:0/energy_uj")
NEVER = float("inf")


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """What a run showed."""

    samples: Floats
    "Power by the proxy, as a share of what all workers draw at most."
    levels: Ints
    "Level in force at each sample; the number of levels while the brake holds."
    brakes: int
    answered: int
    "Requests."
    joules: float
    "Of the processor by its counter; NaN where it cannot be read."


def run(bench: Bench, cap: Cap, budget: float, seed: int, board: Floats) -> Held:
    """Run the workers under a policy; `budget` is a share of what all of them draw at most.

    Raises `RuntimeError` if a worker does not end with the run.
    """
    board[:, WORKED : ANSWERED + 1] = 0.0
    board[:, DUTY], board[:, SEED] = bench.full, seed
    try:
        return _Steering(bench, cap, budget, board).run()
    finally:
        board[:, START] = 0.0
        until = time.monotonic() + PATIENCE
        while (board[:, PHASE] >= 0).any():  # until all have seen it
            if time.monotonic() > until:
                raise RuntimeError(f"a worker did not end its run within {PATIENCE:g} s")
            time.sleep(bench.tick / 10)


@dataclass(slots=True)
class _Steering:
    """A run under way; times in seconds since it began."""

    bench: Bench
    cap: Cap
    budget: float
    board: Floats
    level: int = 0
    moving: int = -1
    "Level that a command is under way to, -1 for none."
    landing: float = NEVER
    brake: float = NEVER
    release: float = NEVER
    brakes: int = 0
    samples: list[float] = field(default_factory=list)
    levels: list[int] = field(default_factory=list)
    unread: list[tuple[float, float]] = field(default_factory=list)
    "When each sample is read, and what it says."

    def run(self) -> Held:
        """Steer until the run is over."""
        joules, seen = energy(), self.board.copy()
        memory = memory_of(self.cap, 0, self.bench.workers)
        start = time.monotonic()
        self.board[:, START] = start
        while (now := time.monotonic() - start) < self.bench.seconds:
            self._act(now)
            if now >= len(self.samples) * self.bench.tick:
                self.samples.append(power(self.board, seen, self.bench.full))
                self.levels.append(len(self.cap.clocks) if self.release < NEVER else self.level)
                self.unread.append((now + self.bench.telemetry, self.samples[-1] / self.budget))
            while self.unread and self.unread[0][0] <= now:
                self._read(now, self.unread.pop(0)[1], memory)
            time.sleep(self.bench.tick / 10)
        answered = int(self.board[:, ANSWERED].sum())
        return Held(np.array(self.samples), np.array(self.levels), self.brakes, answered, energy() - joules)

    def _act(self, now: float) -> None:
        """Let what is due happen, and give every worker its duty."""
        if now >= self.landing:
            self.level, self.moving, self.landing = self.moving, -1, NEVER
        if now >= self.brake:
            self.brakes, self.brake, self.release = self.brakes + 1, NEVER, now + self.bench.hold
        if now >= self.release:
            self.release = NEVER
        clocks = np.minimum(self.cap.clocks[self.level], PACE)[np.arange(self.bench.workers) % 2]
        self.board[:, DUTY] = self.bench.full * (self.bench.braked if self.release < NEVER else clocks / PACE)

    def _read(self, now: float, p: float, memory: Floats) -> None:
        """Take in a reading: brake if it is too high, and ask the policy, whose command goes if none is under way."""
        if self.cap.guarded and p > 1.0 and self.brake == self.release == NEVER:
            self.brake = now + self.bench.latency
        wanted = self.cap.choose(now, p, self.level, self.moving, memory)
        if self.moving < 0 and wanted != self.level:
            self.moving, self.landing = wanted, now + self.bench.actuation


def power(board: Floats, seen: Floats, full: float) -> float:
    """Return what all workers draw by the proxy, as a share of the most; `seen` is updated to now."""
    new = board.copy()
    worked, rested = new[:, WORKED] - seen[:, WORKED], new[:, RESTED] - seen[:, RESTED]
    seen[:] = new
    whole = worked + rested
    duty = np.divide(worked, whole, out=new[:, DUTY].copy(), where=whole > 0)  # none ended: the duty it was given
    phase = np.maximum(new[:, PHASE], 0).astype(np.int64)
    above = np.array(WATTS)[phase] - WATTS[0]
    return float((WATTS[0] + above * np.minimum(duty / full, 1.0)).mean() / WATTS[1])


def energy() -> float:
    """Return the joules that the processor's counter shows, or NaN if there is none to read."""
    try:
        return int(COUNTER.read_text()) * 1e-6
    except (OSError, ValueError):
        return float("nan")


def training(bench: Bench, samples: Floats, budget: float) -> Training:
    """Return what runs without caps teach a policy."""

    def saved(clocks: tuple[float, float]) -> float:
        return 1.0 - float(np.mean(np.minimum(clocks, PACE))) / PACE

    return Training(samples / budget, bench.tick, bench.telemetry, bench.actuation, WATTS[0] / budget, saved)
