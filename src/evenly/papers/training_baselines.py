"""Training baselines: sequences dealt to data-parallel ranks, from the length histogram of a public corpus."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from evenly.balance.partitioners import Partitioner
from evenly.balance.partitioners.blocks import Blocks
from evenly.balance.partitioners.karmarkar_karp import KarmarkarKarp
from evenly.balance.partitioners.longest_first import LongestFirst
from evenly.balance.partitioners.snake import Snake
from evenly.balance.partitioners.stride import Stride
from evenly.papers.data import public
from evenly.train.batches.corpora.file import File
from evenly.train.batches.dealers.partitioned import Partitioned
from evenly.train.batches.efforts.tokens import Tokens
from evenly.train.batches.scenario import BatchesScenario

SIZES = ((8, 56, 100), (64, 56, 40), (2, 8, 1000))  # ranks, sequences of each, global batches of a seed
PARTITIONERS: Mapping[str, Partitioner] = {
    "blocks": Blocks(),
    "stride": Stride(longest_first=True),
    "snake": Snake(),
    "longest": LongestFirst(equal_counts=True),
    "differencing": KarmarkarKarp(equal_counts=True),
}


def wikipedia() -> Path:
    """Return the histogram of the sequences of up to 512 tokens that BERT was trained on."""
    return public("wikipedia_histogram.csv", "graphcore/examples, packedBERT")


def dealt(seed: int) -> dict[str, float]:
    """Return by how many % the fullest rank has more tokens than the mean one, averaged over the draws.

    Keys are partitioner and size; `better` is largest differencing over longest first.
    """
    corpus, figures = File(str(wikipedia())), {}
    for ranks, batch, draws in SIZES:
        size = f"{ranks}x{batch}"
        run = BatchesScenario(corpus=corpus, ranks=ranks, batch=batch, steps=draws, cost=Tokens(), seed=seed)
        for name, partition in PARTITIONERS.items():
            peak = replace(run, deal=Partitioned(partition)).run().metrics["tokens_imbalance"]
            figures[f"{name}_{size}"] = 100.0 * (peak - 1.0)
        figures[f"better_{size}"] = figures[f"differencing_{size}"] / figures[f"longest_{size}"]
    return figures


def corpus() -> dict[str, float]:
    """Return what the histogram alone says: mean tokens, padding of the longest in %, and both gains without padding."""
    length, count = np.loadtxt(wikipedia(), np.int64, delimiter=",", skiprows=1, unpack=True)
    share, longest = count / count.sum(), int(length.max())
    mean = float(share @ length)
    return {
        "mean": mean,
        "padding": 100.0 * (1.0 - mean / longest),
        "linear": longest / mean,
        "attention": float(share @ length**2) / longest**2,
    }
