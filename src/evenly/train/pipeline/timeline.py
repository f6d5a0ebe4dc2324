"""Run an order: each device computes its passes one after the other, each as soon as its inputs are there."""

from dataclasses import dataclass

import numpy as np

from evenly.core import Floats, Ints
from evenly.kernel.pipeline.simulate import simulate
from evenly.train.pipeline.passes import (
    BACKWARD,
    EMBED,
    FORWARD,
    GRADIENT,
    INPUT,
    SCATTER,
    SOFTMAX,
    WEIGHT,
    Order,
)
from evenly.train.pipeline.times import Times


@dataclass(frozen=True, slots=True, eq=False)
class Timeline:
    """When every pass of an order begins and ends, in seconds."""

    order: Order
    begin: Floats
    end: Floats

    @property
    def makespan(self) -> float:
        """Return the seconds until the last pass ends."""
        return float(self.end.max())

    @property
    def busy(self) -> Floats:
        """Return the seconds that each device computes."""
        found = np.bincount(self.order.device, self.end - self.begin, self.order.devices)
        return np.asarray(found, np.float64)

    @property
    def bubble(self) -> float:
        """Return the share of the time of all devices in which they wait."""
        return 1.0 - float(self.busy.mean()) / self.makespan


@dataclass(slots=True)
class _Edges:
    """Who waits for whom; meetings of all devices are rows of their own behind the passes, on no device."""

    rows: int
    before: list[Ints]
    after: list[Ints]
    lag: list[Floats]
    seconds: list[Floats]

    def add(self, before: Ints, after: Ints, lag: Floats | float = 0.0) -> None:
        """Let `after` wait for `before`; both broadcast against each other."""
        one, other, wait = np.broadcast_arrays(before, after, np.asarray(lag, np.float64))
        self.before.append(one.ravel())
        self.after.append(other.ravel())
        self.lag.append(wait.ravel())

    def meeting(self, count: int, seconds: float) -> Ints:
        """Return new rows, one a micro-batch."""
        self.seconds.append(np.full(count, seconds))
        self.rows += count
        return np.arange(self.rows - count, self.rows)


def run(order: Order, times: Times) -> Timeline:
    """Return when every pass begins and ends.

    Raises `ValueError` if passes are absent, stand twice or on the wrong device, or wait for each other.
    """
    return _run(order, times, times.of(order))


def replay(order: Order, seconds: Floats) -> Timeline:
    """Return when every pass begins and ends where each took the measured `seconds`, in the rows of the order.

    Exchanges take no time of their own. Raises `ValueError` as `run` does, and for another number of seconds.
    """
    if seconds.shape != order.kind.shape:
        raise ValueError(f"the order has {len(order.kind)} passes, not {seconds.shape}")
    stages, devices = np.zeros(len(order.home)), np.zeros(order.devices)
    return _run(order, Times(stages, stages, stages, devices, devices, devices, devices), seconds)


def _run(order: Order, times: Times, seconds: Floats) -> Timeline:
    order.check()
    edges = _edges(order, times, seconds)
    before, after = np.concatenate(edges.before), np.concatenate(edges.after)
    begin, end, ran = simulate(np.concatenate(edges.seconds), before, after, np.concatenate(edges.lag))
    if not ran.all():
        stuck = int(np.flatnonzero(~ran)[0])
        raise ValueError(f"{order.told(stuck)} on device {order.device[stuck]} waits for a pass that waits for it")
    count = len(order.kind)
    return Timeline(order, begin[:count], end[:count])


def _edges(order: Order, times: Times, seconds: Floats) -> _Edges:
    count = len(order.kind)
    edges = _Edges(count, [], [], [], [seconds])
    same = np.flatnonzero(order.device[1:] == order.device[:-1])
    edges.add(same, same + 1)
    place, stages = order.place(), len(order.home)
    forward, weight = place[FORWARD, :stages], place[WEIGHT, :stages]
    back = np.where(place[BACKWARD] >= 0, place[BACKWARD], place[INPUT])[:stages]
    hop = np.where(order.home[1:] != order.home[:-1], times.hop, 0.0)[:, None]
    edges.add(forward[:-1], forward[1:], hop)
    edges.add(back[1:], back[:-1], hop)
    split = weight >= 0
    edges.add(back[split], weight[split])
    if order.barriers == 0:
        edges.add(forward[-1], back[-1])
    else:
        _vocabulary(edges, order, times, forward, back)
    return edges


def _vocabulary(edges: _Edges, order: Order, times: Times, forward: Ints, back: Ints) -> None:
    """Add the meetings of the sharded output layer, and those of the input layer at the other end."""
    shards = order.place()[:, : order.devices]
    sent, met = edges.meeting(order.micro, times.broadcast), edges.meeting(order.micro, times.meet)
    edges.add(forward[-1], sent)
    edges.add(sent, shards[SOFTMAX])
    edges.add(shards[SOFTMAX], met)
    edges.add(met, shards[GRADIENT])
    summed = edges.meeting(order.micro, times.reduce)
    edges.add(shards[GRADIENT] if order.barriers == 2 else met[None], summed)
    edges.add(summed, back[-1])
    embedded, returned = edges.meeting(order.micro, times.reduce), edges.meeting(order.micro, times.broadcast)
    edges.add(shards[EMBED], embedded)
    edges.add(embedded, forward[0])
    edges.add(back[0], returned)
    edges.add(returned, shards[SCATTER])
