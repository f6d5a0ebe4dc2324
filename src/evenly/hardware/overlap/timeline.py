"""What a schedule means for the resources of a device: work over time, and one row for each nano-operation."""

import numpy as np

from evenly.core import Array, Floats, Load
from evenly.hardware.overlap.profile import RESOURCES
from evenly.hardware.overlap.schedule import Schedule

BINS = 200  # of the time of all layers


def utilisation(schedule: Schedule) -> Floats:
    """Return the share of the time that each resource would be busy if everything ran at full speed."""
    work = np.bincount(schedule.graph.resource, schedule.graph.seconds, len(RESOURCES))
    return np.asarray(work / schedule.period)


def load(schedule: Schedule, bins: int = BINS) -> Load:
    """Return the work of each resource in equal spans of time, in seconds at full speed."""
    end = float(schedule.end.max())
    edges = np.linspace(0.0, end, bins + 1)
    work = np.zeros((bins, len(RESOURCES)))
    for k, nano in enumerate(schedule.graph.nanos):
        for begin, finish in zip(schedule.begin[k], schedule.end[k], strict=True):
            inside = np.clip(np.minimum(edges[1:], finish) - np.maximum(edges[:-1], begin), 0.0, None)
            if finish > begin:
                work[:, nano.resource] += inside * nano.seconds / (finish - begin)
    return Load(work, np.full(bins, end / bins), worker="resource")


def rows(schedule: Schedule) -> dict[str, Array]:
    """Return the columns of all nano-operations in order of their begin; times in seconds."""
    count, layers = schedule.begin.shape
    nano = np.repeat(np.arange(count), layers)
    nanos = schedule.graph.nanos
    columns: dict[str, Array] = {
        "operation": np.array([n.operation for n in nanos], object)[nano],
        "resource": np.array([RESOURCES[n.resource] for n in nanos], object)[nano],
        "first": np.array([n.begin for n in nanos])[nano],
        "last": np.array([n.end for n in nanos])[nano],
        "layer": np.tile(np.arange(layers), count),
        "begin": schedule.begin.ravel(),
        "end": schedule.end.ravel(),
        "share": schedule.share[nano],
    }
    order = np.lexsort((columns["layer"], nano, columns["begin"]))
    return {name: column[order] for name, column in columns.items()}
