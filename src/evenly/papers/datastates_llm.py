"""DataStates-LLM: a checkpoint that is copied while forward and backward run."""

import importlib.util
import statistics
from dataclasses import replace

import numpy as np

from evenly.papers.reproduce import Skipped
from evenly.train.checkpoint.interval import young_daly
from evenly.train.checkpoint.savers import Saver, savers
from evenly.train.checkpoint.scenario import CheckpointScenario
from evenly.train.checkpoint.timeline import Machine, timeline

SAVERS: dict[str, Saver] = {name: savers[name]() for name in savers}
STEADY = 200  # checkpoints after which every buffer is as full as it gets
RATES = (0.5, 1.0, 2.0, 20.0)  # states a step
SERIALISED = (1.3, 3.9, 13.0)  # gigabytes a second
MEGABYTES = 576.0
CHECKPOINTS = 3
KILLS = 200


def _stall(machine: Machine, saver: str, interval: int) -> float:
    """Return the seconds that a checkpoint holds training up once periods repeat."""
    return float(timeline(machine, SAVERS[saver], interval, STEADY).stall[-1])


def formulas() -> dict[str, float]:
    """Return by how much stalls differ from the published formulas, in steps, and periods as a share.

    Over rates and intervals that make the copy longer than forward and backward, or storage slower than training, or
    neither. The free room of the buffer counts for nothing: once periods repeat, it is full.
    """
    worst = dict.fromkeys(("torch-save", "lazy_over", "lazy_apart", "lazy", "snapshot-async"), 0.0)
    for copy in RATES:
        for storage in RATES:
            for interval in (1, 3, 10):
                machine = Machine(1.0, 0.9, 0.1, copy, 2.0, storage, 4.0)
                copying, serialising, writing = 1 / copy, 1 / 2.0, 1 / storage
                late, behind = max(0.0, copying - 0.9), max(0.0, writing - interval)
                said = {
                    "torch-save": copying + serialising + writing,
                    "snapshot-async": copying + max(0.0, writing - (interval - copying)),
                    "lazy": late + behind,
                }
                found = {name: _stall(machine, name, interval) for name in said}
                apart = {name: found[name] - seconds for name, seconds in said.items()}
                worst["torch-save"] = max(worst["torch-save"], abs(apart["torch-save"]))
                worst["lazy_over"] = max(worst["lazy_over"], apart["lazy"])
                if not late or not behind:
                    worst["lazy_apart"] = max(worst["lazy_apart"], abs(apart["lazy"]))
                for name in ("lazy", "snapshot-async"):
                    share = abs((interval + found[name]) / (interval + said[name]) - 1.0)
                    worst[name] = max(worst[name], share)
    return worst


def published() -> dict[str, float]:
    """Return gains end to end where a state takes a step to storage, at the rates that were measured on a CPU."""
    base = CheckpointScenario(interval=1, steps=200)
    even = base.state / base.storage
    base = replace(base, forward_backward=0.9 * even, update=0.1 * even)
    taken = {name: even + _stall(base.machine, name, 1) for name in SAVERS}
    figures = {name: taken[name] / taken["lazy"] for name in SAVERS}
    for rate in SERIALISED:
        machine = replace(base, serialise=1e9 * rate).machine
        figures[f"serialise_{rate:g}"] = (even + _stall(machine, "torch-save", 1)) / taken["lazy"]
    slow = replace(base, copy=base.state / (1.2 * even), storage=2 * base.storage).machine
    whole, part = (even + _stall(slow, name, 1) for name in ("lazy", "lazy-by-tensor"))
    return figures | {"by_tensor": whole / part}


def optimum(seed: int) -> dict[str, float]:
    """Return the best of many intervals over that of Young and Daly or its inverse, for savers that stall."""
    figures: dict[str, float] = {}
    for name in ("torch-save", "snapshot-async"):
        base = CheckpointScenario(saver=SAVERS[name], steps=4_000_000, mtbf=1800.0, restart=10.0, seed=seed)
        said = young_daly(_stall(base.machine, name, 1000), base.mtbf) / base.machine.step
        tried = [int(every) for every in np.unique(np.rint(said * np.geomspace(1 / 4, 4, 17)))]
        goodput = [replace(base, interval=every).run().metrics["goodput"] for every in tried]
        best = tried[int(np.argmax(goodput))]
        figures[name] = max(best / said, said / best)
        chosen = base.run().metrics["goodput"]
        figures[f"{name}_short"] = 100.0 * (1.0 - chosen / max(goodput))
    return figures


def measured() -> dict[str, float]:
    """Return stalls in ms of all ways to save the same 576 MB, their ratios, and how many do not read back equal."""
    _needs_torch()
    from evenly.hosts.torch.checkpoints.measure import WAYS, Job, measure

    job = Job(MEGABYTES, 1.5)
    figures = {"different": 0.0}
    for way in WAYS:
        found = measure(job, way, CHECKPOINTS)
        figures[way] = 1e3 * statistics.median(found.stalls)
        figures["different"] += not found.right
    return figures | {f"{way}_over_lazy": figures[way] / figures["lazy"] for way in WAYS}


def throttled() -> dict[str, float]:
    """Return gains where storage is held to 1.2 steps a state, and those of the simulator over the measured ones."""
    _needs_torch()
    from evenly.hosts.torch.checkpoints.measure import Job, measure

    job, count = Job(25.0, 0.6), 10
    rate = job.bytes / (1.2 * measure(job, "raw", 3).step)
    found = {way: measure(job, way, count, rate=rate) for way in ("torch.save", "raw", "lazy")}
    step = statistics.median(one.step for one in found.values())
    machine = Machine(job.bytes, 0.95 * step, 0.05 * step, 20 * rate, 20 * rate, rate, 2.0)
    names = {"torch.save": "torch-save", "raw": "raw-sync", "lazy": "lazy"}
    model = {way: _saved_first(machine, name, count) for way, name in names.items()}
    gains = {way: found[way].total / found["lazy"].total for way in ("torch.save", "raw")}
    said = {f"{way}_model": (model[way] / model["lazy"]) / gains[way] for way in gains}
    return gains | said | {"different": float(sum(not one.right for one in found.values()))}


def _saved_first(machine: Machine, saver: str, count: int) -> float:
    """Return the seconds of so many checkpoints, each with a step after it, until the last is on storage."""
    made = timeline(machine, SAVERS[saver], 1, count)
    return float(max(made.begin[-1] + made.stall[-1] + machine.step, made.durable[-1]) - machine.step)


def consistent(seed: int) -> dict[str, float]:
    """Return how many checkpoints differ from the state right after their step, with the barrier and without."""
    _needs_torch()
    from evenly.hosts.torch.checkpoints.oracle import differing

    return {"barrier": float(differing(seed)), "none": float(differing(seed, barrier=False))}


def killed() -> dict[str, float]:
    """Return what 200 kills did to runs with a checkpoint every step."""
    _needs_torch()
    from evenly.hosts.torch.checkpoints.storm import storm

    return {name: float(count) for name, count in storm(KILLS, 0).items()}


def _needs_torch() -> None:
    if importlib.util.find_spec("torch") is None:
        raise Skipped("checkpoints are made in torch, which is not installed: pip install 'evenly[torch]'")
