"""How long cold starts take, and their parts: drawn from the published quantiles of a region."""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from evenly.cluster.functions.joint_distribution import POINTS, joint_distribution
from evenly.cluster.functions.published import invert, tables
from evenly.core import Floats, Ints

SPREAD = 0.5  # of the logarithm of a part around its median, before parts are scaled to their sum; an assumption
MOST = 0.95  # share of a cold start that building a pod takes at most
LEAD = 0.99  # quantile of the cold-start time that a pod which is started ahead gets
TOLD = "R2"  # the region whose times were told by runtime and trigger


@dataclass(frozen=True, slots=True)
class ColdTimes:
    """Cold starts of a published region.

    The time of region R2 follows its tables by runtime and trigger, that of other regions the table of the region
    alone. A time longer than a build from scratch, and every one of a runtime without pool, contains a build. The rest
    is shared out by the medians of the runtime's parts; dependencies take part where that comes closer to the time.
    """

    region: str = TOLD
    "R1 to R5, or all."

    def draw(self, runtime: Ints, trigger: Ints, chance: np.random.Generator) -> Floats:
        """Return the parts of one cold start for each pair of codes, in seconds, shape [*, 4]: see `PARTS`."""
        share = chance.random(len(runtime))
        noise = np.exp(SPREAD * ndtri(np.clip(chance.random((len(runtime), 4)), 1e-9, 1 - 1e-9)))
        return split(self.times(runtime, trigger, share), runtime, noise)

    def lead(self, runtime: Ints, trigger: Ints) -> Floats:
        """Return the p99 of the cold-start time for each pair of codes, in seconds."""
        return self.times(runtime, trigger, np.full(len(runtime), LEAD))

    def times(self, runtime: Ints, trigger: Ints, share: Floats) -> Floats:
        """Return the quantiles of the cold-start time at `share` of each, in seconds."""
        if self.region != TOLD:
            return invert(tables()["levels"]["cold"], tables()["cold"][self.region], np.clip(share, 1e-9, 1 - 1e-9))
        place = np.clip(share * POINTS - 0.5, 0, POINTS - 1)
        low = np.minimum(place.astype(np.int64), POINTS - 2)
        table = joint_distribution().times
        left, right = table[runtime, trigger, low], table[runtime, trigger, low + 1]
        return np.asarray(left * (right / left) ** (place - low))


def split(times: Floats, runtime: Ints, noise: Floats) -> Floats:
    """Return cold-start times split into parts, whose sums they are; `noise` are factors on the medians, [*, 4]."""
    entries = list(tables()["runtimes"].values())
    medians = np.array([entry["parts"] for entry in entries])
    scratch = float(tables()["scratch"])
    unpooled = medians[:, 0] == scratch
    raw = medians[runtime] * noise
    built = unpooled[runtime] | (times > scratch)
    raw[built, 0] = 0.0
    without = raw[:, [0, 1, 3]].sum(axis=1)
    left = np.where(built, times - np.minimum(scratch, MOST * times), times)
    near = np.abs(np.log(left / without)) <= np.abs(np.log(left / (without + raw[:, 2])))
    raw[near, 2] = 0.0
    parts = raw * (left / raw.sum(axis=1))[:, None]
    parts[built, 0] = (times - left)[built]
    return np.asarray(parts)


def pooled(runtime: Ints) -> Ints:
    """Return 1 for each runtime whose pods come from a pool, 0 for those that are always built."""
    scratch = float(tables()["scratch"])
    found = [int(entry["parts"][0] != scratch) for entry in tables()["runtimes"].values()]
    return np.asarray(np.array(found, np.int64)[runtime])
