"""Sequences that ranks exchange before each step, where nobody knows their lengths until they are read."""

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from evenly.balance.partitioners import Partitioner
from evenly.balance.partitioners.longest_first import LongestFirst
from evenly.train.batches.efforts import Effort
from evenly.train.batches.efforts.quadratic import Quadratic


class Exchange:
    """Yield, in place of the sequences that each rank has read, those that it gets when all are dealt by cost.

    `for sequences in Exchange(batches): ...` on every rank, where `batches` gives a list of tensors a step, each of
    shape [tokens, ...] and of one type. All ranks gather what all have read and keep their part; a thread gathers the
    next step's while this step trains, over a gloo group of its own, so that the device waits for nothing. Ends on all
    ranks with the first whose batches end. Where lengths are known ahead, `DistributedBatchSampler` sends nothing.

    Reference: Baidu's submission of BERT to MLPerf Training 2.0, 2022 (arXiv 2208.08124), gathers on the host, too.
    """

    def __init__(
        self, batches: Iterable[list[Any]], *, partition: Partitioner | None = None, cost: Effort | None = None
    ) -> None:
        """Deal by `partition`, by default longest first with equal counts, and by the predicted `cost`.

        All ranks call this alike; `torch.distributed` must have begun.
        """
        from torch import distributed

        self.batches = batches
        self.partition, self.cost = partition or LongestFirst(equal_counts=True), cost or Quadratic()
        self.rank, self.ranks = distributed.get_rank(), distributed.get_world_size()
        self.group = distributed.new_group(backend="gloo")
        self.waited = 0.0
        "Seconds that training has waited for sequences."

    def __iter__(self) -> Iterator[list[Any]]:
        """Yield this rank's sequences of each step."""
        read = iter(self.batches)
        with ThreadPoolExecutor(1) as ahead:
            coming = ahead.submit(self._dealt, read)
            while True:
                begin = time.perf_counter()
                sequences = coming.result()
                self.waited += time.perf_counter() - begin
                if not sequences:
                    return
                coming = ahead.submit(self._dealt, read)
                yield sequences

    def _dealt(self, read: Iterator[list[Any]]) -> list[Any]:
        """Return this rank's part of what all ranks read for a step; nothing if one of them has no more."""
        import torch

        sequences = next(read, [])
        mine = torch.tensor([len(sequence) for sequence in sequences], dtype=torch.int64)
        counts = [int(count) for count in self._gathered(torch.tensor([len(mine)]))]
        if min(counts) == 0:
            return []
        lengths = torch.cat(self._gathered(_filled(mine, max(counts))))
        held = np.concatenate([lengths.numpy()[r * max(counts) :][: counts[r]] for r in range(self.ranks)])
        owner = np.repeat(np.arange(self.ranks), counts)
        tokens = np.bincount(owner, held, self.ranks).astype(np.int64)
        flat = self._gathered(_filled(torch.cat(sequences), int(tokens.max())))
        ends = np.concatenate([np.cumsum(held[owner == r]) for r in range(self.ranks)])
        home = self.partition.split(self.cost.seconds(held), self.ranks)
        return [flat[owner[k]][ends[k] - held[k] : ends[k]] for k in np.flatnonzero(home == self.rank)]

    def _gathered(self, mine: Any) -> list[Any]:
        """Return a tensor of every rank; all are of one shape."""
        import torch
        from torch import distributed

        sent = mine.view(torch.uint8)  # gloo does not know every type of number
        found = [torch.empty_like(sent) for _ in range(self.ranks)]
        distributed.all_gather(found, sent, group=self.group)
        return [got.view(mine.dtype) for got in found]


def _filled(values: Any, length: int) -> Any:
    """Return a tensor with zeros behind it, up to a length."""
    found = values.new_zeros((length, *values.shape[1:]))
    found[: len(values)] = values
    return found
