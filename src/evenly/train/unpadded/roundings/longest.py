"""The longest of the batch."""

from dataclasses import dataclass

import numpy as np

from evenly.core import Ints


@dataclass(frozen=True, slots=True)
class Longest:
    """Compute all sequences at the length of the longest, in one call.

    What a fused kernel that is launched once for a batch does.

    >>> Longest().up(np.array([5, 2, 3]))
    array([5, 5, 5])
    """

    def up(self, lengths: Ints) -> Ints:
        """Return the longest length for each."""
        return np.full(len(lengths), lengths.max(initial=0), np.int64)
