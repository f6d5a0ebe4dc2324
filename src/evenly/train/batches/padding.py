"""Positions that a micro-batch computes, padding included."""

from typing import Literal, TypeAlias

import numpy as np

from evenly.core import Ints

Padding: TypeAlias = Literal["none", "bucket", "longest", "full"]


def padded(lengths: Ints, padding: Padding, bucket: int, longest: int) -> Ints:
    """Return the positions of each sequence of a micro-batch.

    `none` packs sequences without padding, `bucket` rounds each up to a multiple of `bucket`, `longest` pads to the
    longest of the micro-batch, `full` to the longest of the data set.

    >>> padded(np.array([3, 5, 8]), "bucket", 4, 16)
    array([4, 8, 8])
    >>> padded(np.array([3, 5, 8]), "longest", 4, 16)
    array([8, 8, 8])
    """
    if padding == "bucket":
        return -(-lengths // bucket) * bucket
    if padding == "none" or not len(lengths):
        return lengths
    return np.full_like(lengths, longest if padding == "full" else lengths.max())
