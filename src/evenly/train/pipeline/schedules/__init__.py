"""Schedules: in which order each device computes its passes."""

from typing import ClassVar, Protocol

import numpy as np

from evenly.core import Catalog, Ints
from evenly.train.pipeline.job import Job
from evenly.train.pipeline.passes import Order


class Schedule(Protocol):
    """List the passes of each device in the order in which it computes them.

    An order is data: it is made before anything runs, checked once, and then simulated, drawn, or computed.
    """

    sharded: ClassVar[tuple[str, ...]]
    "Placements of a sharded vocabulary that the schedule knows."

    def homes(self, devices: int) -> Ints:
        """Return the device of each stage."""
        ...

    def order(self, job: Job) -> Order:
        """Return the passes of all devices; raise `ValueError` for a job that the schedule cannot serve."""
        ...


schedules: Catalog[Schedule] = Catalog(__name__, Schedule)


def line(devices: int, chunks: int = 1) -> Ints:
    """Return stages that go round the devices.

    >>> line(2, 2)
    array([0, 1, 0, 1])
    """
    return np.tile(np.arange(devices), chunks)


def vee(devices: int) -> Ints:
    """Return stages that go down the devices and up again: the first and the last are on device 0.

    >>> vee(2)
    array([0, 1, 1, 0])
    """
    return np.concatenate([np.arange(devices), np.arange(devices)[::-1]])
