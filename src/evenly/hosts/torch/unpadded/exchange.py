"""Exchange of sequences between ranks, so that each computes alike many tokens; one batch ahead, in the background."""

import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.distributed

from evenly.balance.partitioners import Partitioner
from evenly.hosts.torch.unpadded.packed import IGNORED

Tensor = torch.Tensor
HEAD = 1  # numbers before the tokens of a sample: its length


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """A sequence with its segments and labels, each int64 [length]."""

    tokens: Tensor
    segments: Tensor
    labels: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Share:
    """What a rank computes of a global batch."""

    samples: list[Sample]
    predicted: int
    "Labels in the global batch, on all ranks: what the sum of losses is to be divided by."


class Exchange:
    """Deal the samples of each global batch anew, by length, to the ranks that brought them.

    Every rank brings the next batch of its own `batches`; all of them travel to all ranks on a process group of their
    own while the step before computes, and each rank takes its share by the same rule, so nothing else is agreed on.
    It ends when the first rank has no more. `waited` is how many seconds steps were held up.

    `longest` is the most tokens of a sample. `deal` splits lengths into as many parts as there are ranks, each with the
    same number of samples (`Snake`, or `Stride` of what is sorted). Raises `ValueError` for a longer sample.

    Reference: the exchange of Baidu's submission to MLPerf Training 2.0 (BERT), which gathers whole files of samples on
    the host and deals every batch in strides of the descending order.
    """

    def __init__(self, batches: Iterable[Sequence[Sample]], longest: int, deal: Partitioner) -> None:
        self._batches = iter(batches)
        self._longest, self._deal = longest, deal
        self._group: Any = torch.distributed.new_group(backend="gloo")
        self._rank, self._ranks = torch.distributed.get_rank(), torch.distributed.get_world_size()
        self.waited = 0.0

    def __iter__(self) -> Iterator[Share]:
        with ThreadPoolExecutor(1) as background:
            coming = background.submit(self._next)
            while True:
                begin = time.perf_counter()
                share = coming.result()
                self.waited += time.perf_counter() - begin
                if not share.samples:
                    return
                coming = background.submit(self._next)
                yield share

    def _next(self) -> Share:
        own = list(next(self._batches, ()))
        counts = [torch.zeros(1, dtype=torch.int64) for _ in range(self._ranks)]
        torch.distributed.all_gather(counts, torch.tensor([len(own)]), group=self._group)
        if not min(counts):
            return Share([], 0)
        packet = self._packet(own)
        packets = [torch.empty(int(count), packet.shape[1], dtype=packet.dtype) for count in counts]
        torch.distributed.all_gather(packets, packet, group=self._group)
        rows = torch.cat(packets)
        lengths, labels = rows[:, 0], rows[:, HEAD + 2 * self._longest :]
        real = torch.arange(self._longest) < lengths[:, None]
        predicted = int(((labels != IGNORED) & real).sum())
        mine = dealt(lengths.numpy(), self._ranks, self._rank, self._deal)
        return Share([self._sample(rows[place]) for place in mine], predicted)

    def _packet(self, own: Sequence[Sample]) -> Tensor:
        packet = torch.zeros(len(own), HEAD + 3 * self._longest, dtype=torch.int32)
        for row, sample in zip(packet, own, strict=True):
            size = len(sample.tokens)
            if size > self._longest:
                raise ValueError(f"a sample has at most {self._longest} tokens, not {size}; give a larger longest")
            row[0] = size
            for k, part in enumerate((sample.tokens, sample.segments, sample.labels)):
                begin = HEAD + k * self._longest
                row[begin : begin + size] = part
        return packet

    def _sample(self, row: Tensor) -> Sample:
        size = int(row[0])
        begins = [HEAD + k * self._longest for k in range(3)]
        return Sample(*(row[begin : begin + size].long() for begin in begins))


def dealt(lengths: Any, ranks: int, rank: int, deal: Partitioner) -> list[int]:
    """Return which samples of a global batch a rank computes, longest first.

    >>> from evenly.balance.partitioners.snake import Snake
    >>> dealt(np.array([5, 9, 1, 7]), 2, 0, Snake()), dealt(np.array([5, 9, 1, 7]), 2, 1, Snake())
    ([1, 2], [3, 0])
    """
    order = np.argsort(-lengths, kind="stable")
    parts = deal.split(lengths[order].astype(float), ranks)
    return [int(place) for place in order[parts == rank]]
