"""All-gather of keys and values."""

from dataclasses import dataclass

import numpy as np

from evenly.core import Ints
from evenly.train.context.layouts import Spread
from evenly.train.context.layouts._chunks import by_document, ring_pairs


@dataclass(frozen=True, slots=True)
class AllGather:
    """Gather all keys and values first, then compute with the queries of two chunks of each document.

    Any mask is as simple as on one rank. As much is sent as in a ring, but before anything is computed; grouped
    queries make keys and values, and so the traffic, smaller.

    Reference: Llama team, "The Llama 3 herd of models", 2024, section 3.3.2.
    """

    def spread(self, documents: Ints, ranks: int) -> Spread:
        """Return pairs of one step."""
        rank = np.arange(ranks)
        held = by_document(documents, 2 * ranks)
        pairs = ring_pairs(held, np.concatenate([rank, rank[::-1]]), ranks)
        return Spread(pairs.sum(axis=0, keepdims=True), 2.0 * float(documents.sum()) * (ranks - 1) / ranks, ring=False)
