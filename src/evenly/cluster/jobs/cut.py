"""From a stage to its tasks."""

import numpy as np

from evenly.cluster.jobs.splits import Split
from evenly.core import Floats
from evenly.traces.jobs.job import Part

MOST = 1_000_000  # tasks of a stage; many more do not fit into memory
PIECES = 256  # of a stage's data, each with a density of work of its own, however many tasks read them


def cut(part: Part, estimated: float, split: Split, slots: int, skew: float, seed: tuple[int, ...]) -> list[float]:
    """Return the seconds of work of each task of a stage.

    Tasks read equal parts of the data, whose work by byte differs by `skew`: the same data whatever the split, so a
    finer one evens tasks out. Recorded tasks stay as they are.
    """
    if part.seconds:
        return list(part.seconds)
    tasks = split.tasks(estimated, part.size, slots)
    if tasks > MOST:
        raise ValueError(
            f"split makes {tasks:,} tasks of {estimated:g} core-seconds, at most {MOST:,} of a stage; make them longer"
        )
    if tasks < 1:
        raise ValueError(f"split makes {tasks} tasks of {estimated:g} core-seconds; a stage has at least 1")
    if skew == 0 or part.work == 0:
        return [part.work / tasks] * tasks
    density = np.exp(skew * np.random.default_rng(seed).standard_normal(PIECES))
    return [float(seconds) for seconds in part.work * shares(density, tasks)]


def shares(density: Floats, tasks: int) -> Floats:
    """Return the share of the work in each of so many equal parts of the data.

    >>> shares(np.array([3.0, 1.0]), 2), shares(np.array([3.0, 1.0]), 1)
    (array([0.75, 0.25]), array([1.]))
    """
    until = np.concatenate(([0.0], np.cumsum(density))) / density.sum()
    return np.diff(np.interp(np.linspace(0.0, len(density), tasks + 1), np.arange(len(until)), until))
