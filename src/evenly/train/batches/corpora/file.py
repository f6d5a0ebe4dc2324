"""Lengths from a file."""

from dataclasses import dataclass

import numpy as np

from evenly.core import FilePath, Ints
from evenly.traces.sequences import read


@dataclass(frozen=True, slots=True)
class File:
    """Take the lengths of a tokenised data set: its sequences in random order, in another one once all are seen.

    The file is parquet, JSON lines, CSV or a folder of such files, with token ids, a length or a histogram of lengths;
    see `evenly.traces.sequences.read`. From a histogram lengths are drawn by their share.
    """

    path: FilePath
    "File of sequences or of their lengths."

    def draw(self, count: int, chance: np.random.Generator) -> Ints:
        """Return lengths; raise `ValueError` for what cannot be read."""
        found = read(self.path)
        if found.count is not None:
            total = np.cumsum(found.count)
            drawn = np.searchsorted(total, chance.random(count) * total[-1], side="right")
            return np.asarray(found.length[np.minimum(drawn, len(total) - 1)], np.int64)
        epochs = max(1, -(-count // len(found.length)))
        return np.concatenate([chance.permutation(found.length) for _ in range(epochs)])[:count]
