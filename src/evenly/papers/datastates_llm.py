"""DataStates-LLM: a checkpoint that is copied while forward and backward run."""

from dataclasses import replace

import numpy as np

from evenly.train.checkpoint.interval import young_daly
from evenly.train.checkpoint.savers import Saver, savers
from evenly.train.checkpoint.scenario import CheckpointScenario
from evenly.train.checkpoint.timeline import Machine, timeline

SAVERS: dict[str, Saver] = {name: savers[name]() for name in savers}
STEADY = 200  # checkpoints after which every buffer is as full as it gets


def stall(machine: Machine, saver: str, interval: int) -> float:
    """Return the seconds that a checkpoint holds training up once periods repeat."""
    return float(timeline(machine, SAVERS[saver], interval, STEADY).stall[-1])


def formulas() -> dict[str, float]:
    """Return by how much stalls and end-to-end gains differ from the published formulas at most, as a share of a step.

    Over rates and intervals that make the copy longer than forward and backward, or storage slower than training, or
    neither; the free room in the buffer counts for nothing once it is full.
    """
    worst = dict.fromkeys(("torch-save", "snapshot-async", "lazy", "gain"), 0.0)
    for copy in (0.5, 2.0, 20.0):
        for storage in (0.3, 1.0, 5.0):
            for interval in (1, 3, 10):
                machine = Machine(1.0, 0.9, 0.1, copy, 2.0, storage, 4.0)
                copying, serialising, writing = 1 / copy, 1 / 2.0, 1 / storage
                said = {
                    "torch-save": copying + serialising + writing,
                    "snapshot-async": copying + max(0.0, writing - interval - copying),
                    "lazy": max(0.0, copying - 0.9, writing - interval),
                }
                found = {name: stall(machine, name, interval) for name in said}
                for name, seconds in said.items():
                    worst[name] = max(worst[name], abs(found[name] - seconds))
                gains = [(interval + of["torch-save"]) / (interval + of["lazy"]) for of in (found, said)]
                worst["gain"] = max(worst["gain"], abs(gains[0] / gains[1] - 1.0))
    return worst


def published() -> dict[str, float]:
    """Return gains end to end and in the time that training waits, with the rates that were measured on a CPU."""
    base = CheckpointScenario(interval=1, steps=200)
    even = base.state / base.storage  # a step that takes as long as the state takes to storage
    machine = replace(base, forward_backward=0.9 * even, update=0.1 * even).machine
    taken = {name: machine.step + stall(machine, name, 1) for name in SAVERS}
    halves = {name: taken["raw-sync"] / taken[name] for name in ("lazy", "snapshot-async")}
    return {
        "end_to_end": taken["torch-save"] / taken["lazy"],
        "bound": halves["lazy"],
        "snapshot": taken["torch-save"] / taken["snapshot-async"],
    }


def optimum(seed: int) -> dict[str, float]:
    """Return the best of many intervals over that of Young and Daly, by goodput, for savers that stall."""
    figures: dict[str, float] = {}
    for name in ("torch-save", "snapshot-async"):
        base = CheckpointScenario(saver=SAVERS[name], steps=2_000_000, mtbf=1800.0, restart=10.0, seed=seed)
        delay = stall(base.machine, name, 1000)
        said = young_daly(delay, base.mtbf) / base.machine.step
        tried = np.unique(np.rint(said * np.geomspace(1 / 8, 8, 25)).astype(int))
        goodput = [replace(base, interval=int(every)).run().metrics["goodput"] for every in tried if every >= 2]
        best = float([every for every in tried if every >= 2][int(np.argmax(goodput))])
        figures[name] = max(best / said, said / best)
        figures[f"{name}_lost"] = 1.0 - replace(base, interval=round(said)).run().metrics["goodput"] / max(goodput)
    return figures
