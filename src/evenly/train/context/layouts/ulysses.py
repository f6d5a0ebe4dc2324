"""Ulysses."""

from dataclasses import dataclass

import numpy as np

from evenly.core import Ints
from evenly.train.context.layouts import Spread


@dataclass(frozen=True, slots=True)
class Ulysses:
    """Exchange tokens for heads before attention and back after it: every rank has some heads of all tokens.

    Even whatever the mask, with a fraction of a ring's traffic on many ranks; but nothing computes meanwhile, and
    there are at most as many ranks as heads.

    Reference: S. A. Jacobs et al., "DeepSpeed Ulysses: System optimizations for enabling training of extreme long
    sequence transformer models", 2023.
    """

    def spread(self, documents: Ints, ranks: int) -> Spread:
        """Return equal pairs of all ranks in one step; queries, keys, values and outputs are sent once."""
        tokens = documents.astype(np.float64)
        pairs = float((tokens * (tokens + 1) / 2).sum()) / ranks
        sent = 4.0 * float(tokens.sum()) / ranks * (ranks - 1) / ranks
        return Spread(np.full((1, ranks), pairs), sent, ring=False, by_heads=True)
