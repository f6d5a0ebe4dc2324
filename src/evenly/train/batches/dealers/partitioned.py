"""Partitioned batches."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from evenly.balance.partitioners import Partitioner
from evenly.balance.partitioners.karmarkar_karp import KarmarkarKarp
from evenly.balance.partitioners.longest_first import LongestFirst
from evenly.core import Floats, Ints
from evenly.train.batches.dealers import Step


@dataclass(frozen=True, slots=True)
class Partitioned:
    """Divide each global batch between the ranks by predicted cost, and what a rank gets into micro-batches.

    A step trains on the same sequences whatever the partitioner, so the gradient stays as it is. Micro-batches are as
    many as the tokens of the fullest rank need, the same number on all ranks; largest differencing divides, and the
    lightest ones stand at both ends of the step, where a pipeline fills and drains.

    Reference: volcengine/verl, `seqlen_balancing.py`, 2025.
    """

    partition: Partitioner = field(default_factory=lambda: LongestFirst(equal_counts=True))
    "Divides a global batch between the ranks."
    max_tokens: int = 0
    "Tokens of a micro-batch to aim at; 0 computes what a rank gets in one."
    multiple: int = 1
    "Micro-batches of a step are a multiple of this, the stages of a virtual pipeline."

    def __post_init__(self) -> None:
        if self.max_tokens < 0:
            raise ValueError(f"max_tokens is at least 0, not {self.max_tokens}")
        if self.multiple < 1:
            raise ValueError(f"multiple is at least 1, not {self.multiple}")

    def deal(self, lengths: Ints, costs: Floats, ranks: int, batch: int, start: int = 0) -> Iterator[Step]:
        """Yield the steps; raise `ValueError` if a rank has fewer sequences than micro-batches."""
        whole = ranks * batch
        for first in range(start * whole, len(lengths) - whole + 1, whole):
            home = self.partition.split(costs[first : first + whole], ranks)
            parts = [first + np.flatnonzero(home == rank) for rank in range(ranks)]
            count = self._count(lengths, parts)
            yield [self._micro(part, costs, count) for part in parts]

    def _count(self, lengths: Ints, parts: list[Ints]) -> int:
        """Return the number of micro-batches of every rank."""
        tokens = max(int(lengths[part].sum()) for part in parts)
        count = -(-tokens // self.max_tokens) if self.max_tokens else 1
        fewest = min(len(part) for part in parts)
        count = -(-max(1, min(count, fewest)) // self.multiple) * self.multiple
        if count > fewest:
            raise ValueError(
                f"multiple of {self.multiple} makes {count} micro-batches, but a rank has {fewest} sequences; "
                "raise batch, or let the partition have equal_counts"
            )
        return count

    def _micro(self, part: Ints, costs: Floats, count: int) -> list[Ints]:
        """Return the micro-batches of a rank, the lightest at both ends."""
        if count == 1:
            return [part]
        home = KarmarkarKarp().split(costs[part], count)
        weights = np.bincount(home, costs[part], count)
        order = np.argsort(-weights, kind="stable")
        return [part[home == k] for k in (*order[::2][::-1], *order[1::2])]
