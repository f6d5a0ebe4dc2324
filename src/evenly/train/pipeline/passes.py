"""A schedule as data: the passes of each device in the order in which it computes them."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from evenly.core import Ints

FORWARD, BACKWARD, INPUT, WEIGHT, SOFTMAX, GRADIENT, EMBED, SCATTER = range(8)
LETTERS = "FBIWSTEG"
NAMES = (
    "forward",
    "backward",
    "input gradient",
    "weight gradient",
    "output layer, softmax",
    "output layer, gradient",
    "input layer, forward",
    "input layer, backward",
)
SHARDED = (SOFTMAX, GRADIENT, EMBED, SCATTER)  # passes of every device's shard of the vocabulary

Pass = tuple[int, int, int]
"""Kind, stage (of a sharded pass: device) and micro-batch."""


@dataclass(frozen=True, slots=True, eq=False)
class Order:
    """The passes of all devices, one row a pass: device by device, each in its order."""

    home: Ints
    "Device of each stage."
    micro: int
    "Micro-batches."
    barriers: int
    "Meetings of all devices between the last forward and the last backward pass; 0: the vocabulary is not sharded."
    kind: Ints
    stage: Ints
    "Of a sharded pass, its device."
    batch: Ints
    "Micro-batch of each pass."
    device: Ints

    @classmethod
    def of(cls, home: Ints, micro: int, barriers: int, devices: Iterable[Iterable[Pass]]) -> "Order":
        """Return the order in which each device computes the passes that are listed for it."""
        rows = [(d, *one) for d, passes in enumerate(devices) for one in passes]
        device, kind, stage, batch = np.array(rows, np.int64).reshape(-1, 4).T.copy()
        return cls(home, micro, barriers, kind, stage, batch, device)

    @property
    def devices(self) -> int:
        """Return the number of devices."""
        return int(self.home.max()) + 1

    @property
    def chunks(self) -> int:
        """Return the stages of a device."""
        return len(self.home) // self.devices

    def lists(self) -> list[list[Pass]]:
        """Return the passes of each device."""
        found: list[list[Pass]] = [[] for _ in range(self.devices)]
        columns = (column.tolist() for column in (self.device, self.kind, self.stage, self.batch))
        for device, kind, stage, batch in zip(*columns, strict=True):
            found[device].append((kind, stage, batch))
        return found

    def place(self) -> Ints:
        """Return the row of each pass, shape [kind, stage, micro-batch]; -1 where there is none."""
        found = np.full((len(LETTERS), max(len(self.home), self.devices), self.micro), -1, np.int64)
        found[self.kind, self.stage, self.batch] = np.arange(len(self.kind))
        return found

    def check(self) -> "Order":
        """Raise `ValueError` unless every pass is there once, on its device; return self.

        Whether no passes wait for each other is seen when they run.
        """
        if len(self.kind) and not (self.batch.min() >= 0 and self.batch.max() < self.micro):
            raise ValueError(f"micro-batches are 0 to {self.micro - 1}, not {self.batch.min()} to {self.batch.max()}")
        sharded = np.isin(self.kind, SHARDED)
        most = np.where(sharded, self.devices, len(self.home))
        if beyond := np.flatnonzero((self.stage < 0) | (self.stage >= most)).tolist():
            raise ValueError(f"{self.told(beyond[0])} is of none of {len(self.home)} stages on {self.devices} devices")
        here = np.where(sharded, self.stage, self.home[np.where(sharded, 0, self.stage)])
        if wrong := np.flatnonzero(here != self.device).tolist():
            raise ValueError(f"{self.told(wrong[0])} belongs to device {here[wrong[0]]}, not {self.device[wrong[0]]}")
        count = np.zeros((len(LETTERS), max(len(self.home), self.devices), self.micro), np.int64)
        np.add.at(count, (self.kind, self.stage, self.batch), 1)
        stages, shards = count[:, : len(self.home)], count[:, : self.devices]
        wanted = 1 if self.barriers else 0
        fits = {
            "F": stages[FORWARD] == 1,
            "B": stages[BACKWARD] + stages[INPUT] == 1,
            "W": stages[BACKWARD] + stages[WEIGHT] == 1,
            "S": shards[SOFTMAX] == wanted,
            "T": shards[GRADIENT] == wanted,
            "E": shards[EMBED] == wanted,
            "G": shards[SCATTER] == wanted,
        }
        for letter, right in fits.items():
            if not right.all():
                stage, batch = np.argwhere(~right)[0].tolist()
                raise ValueError(f"pass {letter} of stage {stage}, micro-batch {batch}, is absent or there twice")
        return self

    def told(self, row: int) -> str:
        """Return a pass as people write it: stage, letter, micro-batch."""
        return f"{self.stage[row]}{LETTERS[self.kind[row]]}{self.batch[row]}"


def live(order: Order) -> list[Ints]:
    """Return how many micro-batches each stage holds after each row of its device: from forward to weight gradient.

    One array a stage, over the rows of its device in their order.
    """
    found = []
    for stage, device in enumerate(order.home.tolist()):
        mine = np.flatnonzero(order.device == device)
        here = (order.stage[mine] == stage) & ~np.isin(order.kind[mine], SHARDED)
        begins = here & (order.kind[mine] == FORWARD)
        ends = here & np.isin(order.kind[mine], (BACKWARD, WEIGHT))
        found.append(np.cumsum(begins.astype(np.int64)) - np.cumsum(ends.astype(np.int64)))
    return found


def peaks(order: Order) -> Ints:
    """Return the most passes that each device holds activations of at once, in stages times micro-batches."""
    counts = live(order)
    found = np.zeros(order.devices, np.int64)
    for device in range(order.devices):
        mine = [counts[stage] for stage in np.flatnonzero(order.home == device).tolist()]
        found[device] = np.sum(mine, axis=0).max(initial=0)
    return found
