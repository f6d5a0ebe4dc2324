"""Times that were measured on devices."""

from dataclasses import dataclass

import numpy as np

from evenly.core import FilePath
from evenly.train.pipeline.runs import rows, times
from evenly.train.pipeline.times import Times
from evenly.train.pipeline.work import Work

METHODS = {
    "ends": "baseline",
    "redistributed": "redis",
    "interlaced": "interlaced",
    "two-barriers": "vocab-1",
    "one-barrier": "vocab-2",
}


@dataclass(frozen=True, slots=True)
class Measured:
    """Times that were measured on devices: rows with microseconds of each pass by device.

    Without a file the published runs of 4B models on eight A100: a vocabulary of 32,000 to 256,000, sequences of 2,048
    and 4,096, 32 layers of width 3,072, under each placement. Of a backward pass half is the gradient of the input; of
    a sharded output layer a third is its first pass, with one barrier two thirds.

    Reference: github.com/sail-sg/VocabularyParallelism, the measurements of its artifact.
    """

    path: FilePath = ""
    "A table with the columns of the published one."

    def times(self, work: Work) -> Times:
        """Return the times of the row for this work; raise `ValueError` where there is none."""
        shape = work.shape
        if not np.allclose(work.shares, work.shares[0]):
            raise ValueError("shards were measured alike; leave shards 'even', or take another timing")
        wanted = (METHODS[work.placement], shape.vocabulary, shape.sequence, work.devices, shape.layers, shape.hidden)
        found = rows(self.path)
        for row in found:
            if (row.method, row.vocabulary, row.sequence, row.devices, row.layers, row.hidden) == wanted:
                return times(row)
        names = ("method", "vocabulary", "sequence", "devices", "layers", "hidden")
        asked = ", ".join(f"{name} {value}" for name, value in zip(names, wanted, strict=True))
        known = "; ".join(f"{name} {', '.join(map(str, sorted({getattr(r, name) for r in found})))}" for name in names)
        raise ValueError(f"no measured run with {asked}; there are {known}")
