"""Ring attention on pairs of chunks."""

from dataclasses import dataclass

import numpy as np

from evenly.core import Ints
from evenly.train.context.layouts import Spread
from evenly.train.context.layouts._chunks import as_packed, by_document, ring_pairs


@dataclass(frozen=True, slots=True)
class Zigzag:
    """Cut into twice as many chunks as ranks; rank i holds chunk i and the one as far from the end.

    Every rank computes as much in every step. On packed documents each one is cut by itself: chunks of the whole
    sequence would be as uneven as the documents.

    Reference: zhuzilin/ring-flash-attention, 2024.
    """

    by_document: bool = True
    "Whether each document is cut by itself instead of the packed sequence."

    def spread(self, documents: Ints, ranks: int) -> Spread:
        """Return pairs by step and rank."""
        rank = np.arange(ranks)
        held = (by_document if self.by_document else as_packed)(documents, 2 * ranks)
        pairs = ring_pairs(held, np.concatenate([rank, rank[::-1]]), ranks)
        return Spread(pairs, 2.0 * float(documents.sum()) / ranks, ring=True)
