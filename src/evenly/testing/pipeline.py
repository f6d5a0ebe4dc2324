"""The exams of the rooms for pipelines: what a schedule or a timing promises.

Each takes an object and raises `AssertionError` with a sentence that says which promise is broken.

>>> from evenly.train.pipeline.schedules.gpipe import Gpipe
>>> check_schedule(Gpipe())
"""

import numpy as np

from evenly.train.pipeline.job import BARRIERS, Job, Placement
from evenly.train.pipeline.passes import Order, peaks
from evenly.train.pipeline.schedules import Schedule
from evenly.train.pipeline.timeline import run
from evenly.train.pipeline.times import Times
from evenly.train.pipeline.timings import Timing
from evenly.train.pipeline.work import Shape, Work, layers

DEVICES = (1, 2, 3, 4, 8)
SHAPE = Shape(layers=32, hidden=3072, sequence=2048, vocabulary=32_000, batch=1)
SLACK = 1e-9  # share of a step, for rounding


def check_schedule(schedule: Schedule) -> None:
    """Every pass is there once, none waits for itself, and no step is shorter than what must be computed."""
    chance = np.random.default_rng(43)
    for devices in DEVICES:
        for placement in ("ends", *schedule.sharded):
            for micro in (1, 2 * devices, 8 * devices):
                job = _job(chance, schedule, devices, placement, micro)  # type: ignore[arg-type] # as the schedule says
                order = _order(schedule, job)
                if order is None:
                    continue
                again = schedule.order(job)
                assert order.lists() == again.lists(), f"{schedule}: two orders for one job"
                found = run(order, job.times)
                stages = job.times.forward + job.times.input  # the least that a micro-batch needs from end to end
                least = max(float(found.busy.max()), float(stages.sum()))
                assert found.makespan >= least * (1 - SLACK), f"{schedule}: a step shorter than its work"
                assert peaks(order).max() <= micro * order.chunks, f"{schedule}: holds more than there is"


def _order(schedule: Schedule, job: Job) -> Order | None:
    """Return the order, `None` where the schedule says that it cannot serve the job."""
    try:
        return schedule.order(job)
    except ValueError as error:
        told = str(error)
    assert str(job.micro) in told, f"{schedule}: refuses a job without saying which number is wrong"
    return None


def _job(chance: np.random.Generator, schedule: Schedule, devices: int, placement: Placement, micro: int) -> Job:
    home = schedule.homes(devices)
    assert set(home.tolist()) == set(range(devices)), f"{schedule}: a device without stages"
    f, i, w = chance.uniform(0.5, 2.0, (3, len(home)))
    s, t, e, g = chance.uniform(0.1, 0.5, (4, devices)) * (BARRIERS[placement] > 0)
    return Job(devices, micro, placement, Times(f, i, w, s, t, e, g, hop=0.01))


def check_timing(timing: Timing) -> None:
    """Times are there for every stage and device, and more layers do not take less."""
    home = np.arange(8)
    for placement in BARRIERS:
        dealt = layers(SHAPE, 8, placement)  # type: ignore[arg-type] # a key is a placement
        work = Work(SHAPE, home, dealt, placement, np.full(8, 0.125), "a100-80gb")  # type: ignore[arg-type] # likewise
        found = timing.times(work)
        for name in ("forward", "input", "weight"):
            assert getattr(found, name).shape == (8,), f"{timing}: {name} of each stage"
        for name in ("softmax", "gradient", "embed", "scatter"):
            column = getattr(found, name)
            assert column.shape == (8,), f"{timing}: {name} of each device"
            assert BARRIERS[placement] or not column.any(), f"{timing}: {name} although nothing is sharded"
        again = timing.times(work)
        assert np.array_equal(found.backward, again.backward), f"{timing}: other times for the same work"
