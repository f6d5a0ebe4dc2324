"""Striped attention."""

from dataclasses import dataclass

import numpy as np

from evenly.core import Ints
from evenly.train.context.layouts import Spread
from evenly.train.context.layouts._chunks import in_turn


@dataclass(frozen=True, slots=True)
class Striped:
    """Deal tokens in turn, token i to rank i mod R; keys and values go round a ring.

    All ranks compute as much but for one diagonal of each block.

    Reference: W. Brandon et al., "Striped attention: Faster ring attention for causal transformers", 2023.
    """

    def spread(self, documents: Ints, ranks: int) -> Spread:
        """Return pairs by step and rank; each document begins with a token of rank 0."""
        of = np.zeros((ranks, ranks))
        below = np.tri(ranks)  # a rank sees the same turn of ranks before it, and itself
        for tokens in (documents / ranks).tolist():
            of += np.where(below > 0, tokens * (tokens + 1) / 2, tokens * (tokens - 1) / 2)
        return Spread(in_turn(np.maximum(of, 0.0)), 2.0 * float(documents.sum()) / ranks, ring=True)
