"""Calls from the public tables of a platform."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evenly.cluster.functions.calls import Calls, Functions
from evenly.core import FilePath, Floats, Ints
from evenly.traces.functions.load import Loaded, load

LEAD = 0.99  # quantile of the cold starts that a pod which is started ahead gets


@dataclass(frozen=True, slots=True)
class Tables:
    """Replay the requests of a folder of tables; cold starts are drawn from those that were measured.

    A call that starts cold takes the parts of a measured cold start of its function, or of any function if it has none.
    A public request table is often a sample: functions with few calls then look rarer than they are.

    Reference: A. Joosen et al., "Serverless Cold Starts and Where to Find Them", EuroSys 2025, for the tables.
    """

    path: FilePath
    "Folder of the tables."
    region: str = ""
    "Name of the region's folder, if there are several."

    def draw(self, seed: int) -> Calls:
        """Return the calls in order of arrival."""
        found = load(Path(self.path), self.region)
        chance = np.random.default_rng([seed, 36])
        order = np.argsort(found.cold_function, kind="stable")
        ranked = found.cold_function[order]
        parts, ahead = (_drawn(found, order, ranked, chance.random(len(found.function))) for _ in range(2))
        span = float(found.arrival[-1]) + 1.0
        functions = _functions(found, order, ranked)
        origin = f"tables of {found.region} in {Path(self.path).name}"
        return Calls(functions, found.function, found.arrival, found.seconds, parts, ahead, span, origin)


def _drawn(found: Loaded, order: Ints, ranked: Ints, share: Floats) -> Floats:
    """Return the parts of a measured cold start for each call."""
    first, last = (np.searchsorted(ranked, found.function, side) for side in ("left", "right"))
    first, last = np.where(first == last, 0, first), np.where(first == last, len(ranked), last)
    return found.parts[order[first + (share * (last - first)).astype(np.int64)]]


def _functions(found: Loaded, order: Ints, ranked: Ints) -> Functions:
    times = found.parts.sum(axis=1)
    every = float(np.quantile(times, LEAD))
    lead = np.full(len(found.runtime), every)
    for code in np.unique(ranked[ranked >= 0]):
        mine = order[np.searchsorted(ranked, code) : np.searchsorted(ranked, code, "right")]
        lead[code] = np.quantile(times[mine], LEAD)
    columns, names = [], []
    for labels in (found.trigger, found.runtime, found.size):
        known, codes = np.unique(labels, return_inverse=True)
        columns.append(codes.astype(np.int64))
        names.append(tuple(str(name) for name in known))
    trigger, runtime, size = columns
    unpooled = np.array([name in ("Custom", "http") for name in names[1]], np.int64)
    return Functions(trigger, runtime, size, 1 - unpooled[runtime], lead, *names)
