"""Long documents that wait for each other."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from evenly.core import Floats, Ints
from evenly.train.batches.dealers import Step


@dataclass(frozen=True, slots=True)
class Outliers:
    """Keep very long documents back until every micro-batch can get one; the others fill up what is lightest.

    Each step has `ranks * micro` micro-batches. A document longer than `outlier` waits in a queue, one for each
    doubling of that length, until as many wait there as there are micro-batches; then each gets one. Then documents of
    the step, costliest first, go to the lightest micro-batch by cost if it has room for their tokens, else to the
    shortest by tokens; those that fit nowhere are placed last, by cost. What waits at the end joins the last step.

    Reference: Z. Wang et al., "WLB-LLM: Workload-balanced 4D parallelism for large language model training", OSDI 2025.
    """

    micro: int = 1
    "Micro-batches of a rank and step."
    max_tokens: int = 131_072
    "Tokens of a micro-batch at most, while another one has room."
    outlier: int = 65_536
    "Tokens beyond which a document waits for others like it."

    def __post_init__(self) -> None:
        for name in ("micro", "max_tokens", "outlier"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is at least 1, not {getattr(self, name)}")

    def deal(self, lengths: Ints, costs: Floats, ranks: int, batch: int, start: int = 0) -> Iterator[Step]:
        """Yield the steps; raise `ValueError` if a rank has fewer sequences than micro-batches."""
        if batch < self.micro:
            raise ValueError(f"micro is at most the batch of {batch} sequences, not {self.micro}")
        whole, count = ranks * batch, ranks * self.micro
        last = len(lengths) // whole - 1
        queues: dict[int, list[int]] = {}
        for step in range(last + 1):
            packs = _Packs(count, lengths, costs)
            rest = self._kept(range(step * whole, (step + 1) * whole), lengths, queues)
            for level in sorted(queues, reverse=True):
                if len(queues[level]) >= count:
                    packs.give_each(queues[level][:count])
                    del queues[level][:count]
            while queues and (step == last or packs.number + len(rest) < count):
                waiting = max(queues, key=lambda level: len(queues[level]))
                rest += queues.pop(waiting)
            packs.fill(rest, self.max_tokens)
            if step >= start:
                yield packs.of(ranks)

    def _kept(self, coming: range, lengths: Ints, queues: dict[int, list[int]]) -> list[int]:
        """Send outliers to their queues; return the others."""
        rest = []
        for document in coming:
            level = (int(lengths[document]) - 1) // self.outlier
            if level:
                queues.setdefault(level.bit_length(), []).append(document)
            else:
                rest.append(document)
        return rest


class _Packs:
    """Micro-batches that are being filled."""

    def __init__(self, count: int, lengths: Ints, costs: Floats) -> None:
        self.lengths, self.costs = lengths, costs
        self.held: list[list[int]] = [[] for _ in range(count)]
        self.weight, self.tokens = np.zeros(count), np.zeros(count, np.int64)
        self.number = 0

    def give_each(self, documents: list[int]) -> None:
        """Give each micro-batch one document, the costliest to the lightest."""
        order = np.argsort(self.weight, kind="stable").tolist()
        for pack, document in zip(order, self._costliest(documents), strict=True):
            self._put(pack, document)

    def fill(self, documents: list[int], max_tokens: int) -> None:
        """Give each document to the lightest micro-batch that has room for it."""
        aside = []
        for document in self._costliest(documents):
            size, pack = int(self.lengths[document]), int(self.weight.argmin())
            if self.tokens[pack] + size > max_tokens:
                pack = int(self.tokens.argmin())
            if self.tokens[pack] + size > max_tokens:
                aside.append(document)
            else:
                self._put(pack, document)
        for document in aside:
            self._put(int(self.weight.argmin()), document)

    def of(self, ranks: int) -> Step:
        """Return the micro-batches of each rank, dealt by weight forth and back."""
        step: Step = [[] for _ in range(ranks)]
        for place, pack in enumerate(np.argsort(-self.weight, kind="stable").tolist()):
            turn, rank = divmod(place, ranks)
            step[rank if turn % 2 == 0 else ranks - 1 - rank].append(np.array(self.held[pack], np.int64))
        return step

    def _costliest(self, documents: list[int]) -> list[int]:
        return sorted(documents, key=lambda document: (-self.costs[document], document))

    def _put(self, pack: int, document: int) -> None:
        self.held[pack].append(document)
        self.weight[pack] += self.costs[document]
        self.tokens[pack] += self.lengths[document]
        self.number += 1
