"""Vocabulary parallelism: input and output layer sharded over all stages of a pipeline, against layers on its ends."""

import importlib.util
from dataclasses import replace
from itertools import product

import numpy as np

from evenly.core import Floats
from evenly.papers.reproduce import Skipped
from evenly.train.pipeline.job import BARRIERS, Job, Placement
from evenly.train.pipeline.memory import peak
from evenly.train.pipeline.passes import peaks
from evenly.train.pipeline.runs import Row, rows, times
from evenly.train.pipeline.scenario import PipelineScenario
from evenly.train.pipeline.schedules import Schedule, schedules
from evenly.train.pipeline.schedules.one_f_one_b import OneFOneB
from evenly.train.pipeline.schedules.v_half import VHalf
from evenly.train.pipeline.timeline import Timeline, run
from evenly.train.pipeline.times import Times
from evenly.train.pipeline.timings.measured import METHODS

PLACEMENTS: tuple[Placement, ...] = ("ends", "redistributed", "interlaced", "two-barriers", "one-barrier")
OF = {method: placement for placement, method in METHODS.items()}
SIZES = {8: (32, 3072), 16: (48, 4096), 32: (64, 5120)}  # layers and width of the models by devices, 1F1B
V_SIZES = {16: (32, 4096), 24: (48, 5120), 32: (64, 6144)}  # V-Half
WORDS = (32_000, 256_000)
LENGTHS = (2048, 4096)
CASES = 40  # random pipelines of a seed
SLACK = 1e-9


def _simulated(row: Row) -> Timeline:
    known = times(row)
    order = OneFOneB().order(Job(row.devices, row.micro, _placement(row), known))
    return run(order, known)


def _placement(row: Row) -> Placement:
    return next(placement for placement in PLACEMENTS if METHODS[placement] == row.method)


def runs() -> dict[str, float]:
    """Return how far simulated steps and peaks are from the 40 measured ones, in %."""
    errors: dict[str, list[float]] = {name: [] for name in PLACEMENTS}
    held: list[float] = []
    for row in rows():
        name = _placement(row)
        timeline = _simulated(row)
        errors[name].append(100.0 * abs(timeline.makespan / row.iteration - 1.0))
        scenario = _of(row)
        held.append(100.0 * (float(peak(timeline.order, scenario.work()).max()) / row.peak - 1.0))
    every = [error for found in errors.values() for error in found]
    figures = {f"worst_{name}": max(found) for name, found in errors.items()}
    figures |= {"rows": len(every), "worst": max(every), "mean": float(np.mean(every))}
    return figures | {"memory": float(np.abs(held).mean()), "memory_worst": float(np.abs(held).max())}


def _of(row: Row) -> PipelineScenario:
    """Return the scenario of a measured run, with times from operations."""
    return PipelineScenario(
        devices=row.devices,
        layers=row.layers,
        hidden=row.hidden,
        sequence=row.sequence,
        vocabulary=row.vocabulary,
        micro_batches=row.micro,
        placement=_placement(row),
    )


def operations() -> dict[str, float]:
    """Return the output layer in layers, and how well operations alone foresee the measured runs."""
    figures: dict[str, float] = {}
    for length in LENGTHS:
        figures[f"head_{length}"] = PipelineScenario(sequence=length).shape.head
    found: dict[tuple[int, int], dict[str, tuple[float, float]]] = {}
    for row in rows():
        foreseen = _of(row).run().metrics["step"]
        found.setdefault((row.vocabulary, row.sequence), {})[_placement(row)] = foreseen, row.iteration
    errors = [100.0 * abs(ours / theirs - 1.0) for group in found.values() for ours, theirs in group.values()]
    figures |= {"error": float(np.mean(errors)), "error_worst": max(errors)}
    best = [min(group, key=lambda name: group[name][0]) for group in found.values()]
    lost = [
        100.0 * (group[name][1] / min(taken for _, taken in group.values()) - 1.0)
        for name, group in zip(best, found.values(), strict=True)
    ]
    figures["lost"] = max(lost)
    pairs = [
        (one, other)
        for group in found.values()
        for one, other in product(group.values(), repeat=2)
        if one[1] > 1.05 * other[1]
    ]
    figures["right"] = 100.0 * float(np.mean([one[0] > other[0] for one, other in pairs]))
    return figures


def utilisation() -> dict[str, float]:
    """Return MFU in % and peak memory in GB (2^30 bytes), from operations, of 1F1B under every placement."""
    figures: dict[str, float] = {}
    for (devices, (layers, hidden)), length, words in product(SIZES.items(), LENGTHS, WORDS):
        base = PipelineScenario(devices=devices, layers=layers, hidden=hidden, sequence=length, vocabulary=words)
        for name in PLACEMENTS:
            found = replace(base, placement=name).run().metrics
            figures[f"mfu_{devices}_{length}_{words}_{name}"] = 100.0 * found["mfu"]
            figures[f"memory_{devices}_{length}_{words}_{name}"] = found["memory"] * 1e9 / 2**30
    gains = [
        figures[f"mfu_{devices}_{length}_{words}_{name}"] / figures[f"mfu_{devices}_{length}_{words}_redistributed"]
        - 1.0
        for devices, length, words, name in product(SIZES, LENGTHS, WORDS, ("two-barriers", "one-barrier"))
    ]
    return figures | {"least": 100.0 * min(gains), "most": 100.0 * max(gains)}


def v_half() -> dict[str, float]:
    """Return MFU in % and peak memory in GB (2^30 bytes) of V-Half with the vocabulary on its ends and sharded."""
    figures: dict[str, float] = {}
    gains: list[float] = []
    for (devices, (layers, hidden)), length, words in product(V_SIZES.items(), LENGTHS, WORDS):
        base = PipelineScenario(
            schedule=VHalf(), devices=devices, layers=layers, hidden=hidden, sequence=length, vocabulary=words
        )
        for name in ("ends", "two-barriers"):
            found = replace(base, placement=name).run().metrics
            figures[f"mfu_{devices}_{length}_{words}_{name}"] = 100.0 * found["mfu"]
            figures[f"memory_{devices}_{length}_{words}_{name}"] = found["memory"] * 1e9 / 2**30
            figures[f"spread_{devices}_{length}_{words}_{name}"] = found["spread"] * 1e9 / 2**30
        ours, theirs = (figures[f"mfu_{devices}_{length}_{words}_{name}"] for name in ("two-barriers", "ends"))
        gains.append(100.0 * (ours / theirs - 1.0))
    return figures | {"least": min(gains), "most": max(gains)}


def blocks() -> dict[str, float]:
    """Return bubbles in % and peaks of the building blocks, where an output layer takes a quarter of a stage."""
    figures: dict[str, float] = {"off": 0.0}
    for devices in (2, 4, 8, 16):
        wanted: dict[Placement, int] = {"ends": devices, "one-barrier": devices + 1, "two-barriers": devices + 2}
        for name, most in wanted.items():
            found = _block(devices, name)
            held = int(peaks(found.order).max())
            figures["off"] += abs(held - most)
            figures[f"peak_{devices}_{name}"] = held
            figures[f"bubble_{devices}_{name}"] = 100.0 * found.bubble
        figures[f"peak_{devices}_interlaced"] = int(peaks(_block(devices, "interlaced").order).max())
    return figures


def _block(devices: int, placement: Placement, micro: int = 64) -> Timeline:
    """Return 1F1B with f = 1, b = 2 and an output layer of 0.75 on each device, if it is sharded."""
    shard = 0.75 if BARRIERS[placement] else 0.0
    first = shard * (2 if placement == "one-barrier" else 1) / 3
    one, none = np.ones(devices), np.zeros(devices)
    known = Times(one, one, one, none + first, none + shard - first, none, none)
    return run(OneFOneB().order(Job(devices, micro, placement, known)), known)


def schedules_alike() -> dict[str, float]:
    """Return what devices wait, in passes of a whole stage, and what they hold of 1F1B, where F, I and W take alike."""
    figures: dict[str, float] = {}
    for name in schedules:
        for devices in (8, 16):
            found = _alike(schedules[name](), devices)
            chunks = found.order.chunks
            figures[f"wait_{name}_{devices}"] = float(found.makespan - found.busy.mean()) / chunks
            figures[f"inside_{name}_{devices}"] = float(_inside(found).max()) / chunks
            figures[f"bubble_{name}_{devices}"] = 100.0 * found.bubble
            figures[f"held_{name}_{devices}"] = float(peaks(found.order).max()) / chunks / devices
    return figures


def _alike(schedule: Schedule, devices: int, micro: int = 64) -> Timeline:
    stages, none = np.ones(len(schedule.homes(devices))), np.zeros(devices)
    known = Times(stages, stages, stages, none, none, none, none)
    return run(schedule.order(Job(devices, micro, "ends", known)), known)


def _inside(found: Timeline) -> Floats:
    """Return what each device waits between its first and its last pass."""
    waits = []
    for device in range(found.order.devices):
        mine = found.order.device == device
        waits.append(found.end[mine].max() - found.begin[mine].min() - found.busy[device])
    return np.array(waits)


def properties(seed: int) -> dict[str, float]:
    """Return how many of random pipelines break each law.

    `complete`: every pass is there once and none waits for itself; `held`: no more than p and the barriers are held;
    `bound`: a step takes at least what a device computes and what one micro-batch needs from end to end.
    """
    chance = np.random.default_rng([seed, 41])
    broken = dict.fromkeys(("complete", "held", "bound"), 0)
    for _ in range(CASES):
        devices, micro = int(chance.integers(1, 17)), int(chance.integers(1, 40))
        name = PLACEMENTS[int(chance.integers(len(PLACEMENTS)))]
        f, i, w = stages = chance.uniform(0.5, 2.0, (3, devices))
        s, t, e, g = chance.uniform(0.0, 0.5, (4, devices)) * (BARRIERS[name] > 0)
        known = Times(f, i, w, s, t, e, g, hop=float(chance.uniform(0.0, 0.2)))
        try:
            found = run(OneFOneB().order(Job(devices, micro, name, known)), known)
        except ValueError:
            broken["complete"] += 1
            continue
        most = devices + (BARRIERS[name] if name != "interlaced" else (devices - 1) // 2 + 1)
        broken["held"] += int(peaks(found.order).max()) > most
        broken["bound"] += found.makespan < max(float(found.busy.max()), float(stages.sum())) - SLACK
    return {name: float(count) for name, count in broken.items()}


def computed(seed: int) -> dict[str, float]:
    """Return what sharded layers show that really compute, in processes that talk over gloo; see `measure` there."""
    if importlib.util.find_spec("torch") is None:
        raise Skipped("sharded layers compute in torch, which is not installed: pip install 'evenly[torch]'")
    from evenly.hosts.torch.vocabulary.measure import measure

    return measure(seed)
