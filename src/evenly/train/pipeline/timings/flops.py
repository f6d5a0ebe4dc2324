"""Times from the operations of a transformer."""

import math
from dataclasses import dataclass

import numpy as np

from evenly.core import Floats
from evenly.hardware.collectives import collective
from evenly.hardware.device import device, link
from evenly.train.pipeline.times import Times
from evenly.train.pipeline.work import Shape, Work

WIDTH = 2  # bytes of a weight and of an activation
MACHINE = 8  # devices of a machine
SOFTMAX = 6 + 4 + 8 + 8 + 4 + 8  # bytes moved a logit by Megatron-LM: to 4 bytes, largest, subtract, exp, sum, divide
UPDATE = 12  # bytes moved a weight of the input layer by its gradient: written in 2, read, and added to a sum in 4
DEVICES = (1, 8, 16, 32)
SCALING = {
    "one-barrier": (100.0, 86.7, 79.8, 75.9)
}  # of the output layer, % of linear; M. T. Yeung et al., 2024, table 3
TWO_BARRIERS = (100.0, 91.3, 84.2, 80.6)


@dataclass(frozen=True, slots=True)
class Flops:
    """Times from the operations of a transformer and the rate of the device.

    The cross entropy also moves its logits, and the gradient of the input layer its table, through the memory. Shards
    of the output layer scale as was measured on 8, 16 and 32 devices, `interlaced` like two barriers.

    Reference: M. T. Yeung et al., "Balancing pipeline parallelism with vocabulary parallelism", 2024.
    """

    efficiency: float = 0.63
    "Share of the device's rate that matrix products reach; 0.63 is that of the layers in the measured runs."

    def __post_init__(self) -> None:
        if not 0.0 < self.efficiency <= 1.0:
            raise ValueError(f"efficiency is above 0 and at most 1, not {self.efficiency}")

    def times(self, work: Work) -> Times:
        """Return the times by stage and device."""
        shape, count = work.shape, work.devices
        rate = device(work.device).flops * self.efficiency
        f, i, w = (np.asarray(work.layers * part / rate) for part in (shape.forward, shape.input, shape.weight))
        product = shape.product / rate
        softmax, table, lookup = _memory(shape, work.device)
        none = np.zeros(count)
        if not work.sharded:
            f[0] += lookup
            w[0] += table
            for column, seconds in ((f, product + softmax), (i, product), (w, product)):
                column[-1] += seconds
            return Times(f, i, w, none, none, none, none, **_exchanges(work))
        first = 2 if work.placement == "one-barrier" else 1
        slower = 100.0 / scaling(work.placement, count)
        s, t = (slower * seconds * work.shares for seconds in (first * product + softmax, (3 - first) * product))
        return Times(f, i, w, s, t, none + lookup, table * work.shares, **_exchanges(work))


def scaling(placement: str, devices: int) -> float:
    """Return how much of linear the output layer reaches on so many devices, in %; between the measured ones by log.

    >>> scaling("two-barriers", 8), round(scaling("one-barrier", 4), 1)
    (91.3, 91.1)
    """
    return float(np.interp(math.log2(devices), np.log2(DEVICES), SCALING.get(placement, TWO_BARRIERS)))


def _memory(shape: Shape, name: str) -> tuple[float, float, float]:
    """Return the seconds that memory takes for the cross entropy, the gradient of the input layer, and its lookup."""
    bandwidth = device(name).bandwidth
    logits = shape.tokens * shape.vocabulary
    moved: Floats = np.array([SOFTMAX * logits, UPDATE * shape.table_weights, 2 * WIDTH * shape.tokens * shape.hidden])
    softmax, table, lookup = (moved / bandwidth).tolist()
    return softmax, table, lookup


def _exchanges(work: Work) -> dict[str, float]:
    """Return the seconds of what is exchanged, in machines of eight devices."""
    count, own = work.devices, device(work.device)
    states, tokens = float(WIDTH * work.shape.tokens * work.shape.hidden), float(work.shape.tokens)
    over = link(own.link if count <= MACHINE else own.network)
    hop = over.latency + states / over.bandwidth
    if not work.sharded or count == 1:
        return {"hop": hop}
    reduce = collective("all-reduce", own, count, math.gcd(count, MACHINE))
    return {
        "hop": hop,
        "broadcast": hop,
        "meet": float(reduce(3 * 4 * tokens)),  # maximum, sum and logit in 4 bytes
        "reduce": float(reduce(states)),
    }
