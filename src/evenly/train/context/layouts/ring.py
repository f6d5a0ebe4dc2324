"""Ring attention on contiguous stretches."""

from dataclasses import dataclass

import numpy as np

from evenly.core import Ints
from evenly.train.context.layouts import Spread
from evenly.train.context.layouts._chunks import as_packed, ring_pairs


@dataclass(frozen=True, slots=True)
class Ring:
    """Each rank holds a stretch of the sequence; keys and values go round a ring.

    The baseline: under a causal mask the last rank computes with all keys and the first with its own only, so the
    busiest rank has (2 R - 1) / R times the mean of R ranks.

    Reference: H. Liu, M. Zaharia, P. Abbeel, "Ring attention with blockwise transformers for near-infinite context",
    2023.
    """

    def spread(self, documents: Ints, ranks: int) -> Spread:
        """Return pairs by step and rank; stretches are of the packed sequence, whatever document they cut."""
        pairs = ring_pairs(as_packed(documents, ranks), np.arange(ranks), ranks)
        return Spread(pairs, 2.0 * float(documents.sum()) / ranks, ring=True)
