"""Training baselines: sequences dealt to ranks, from the length histogram of a public corpus; layouts of attention."""

import importlib.util
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from evenly.balance.packers.longest_pack_first import LongestPackFirst, filled
from evenly.balance.partitioners import Partitioner
from evenly.balance.partitioners.blocks import Blocks
from evenly.balance.partitioners.karmarkar_karp import KarmarkarKarp
from evenly.balance.partitioners.longest_first import LongestFirst
from evenly.balance.partitioners.snake import Snake
from evenly.balance.partitioners.stride import Stride
from evenly.papers.data import public
from evenly.papers.reproduce import Skipped
from evenly.train.batches.corpora.file import File
from evenly.train.batches.corpora.lognormal import Lognormal
from evenly.train.batches.dealers.partitioned import Partitioned
from evenly.train.batches.efforts.tokens import Tokens
from evenly.train.batches.scenario import BatchesScenario
from evenly.train.context.layouts.ring import Ring
from evenly.train.context.layouts.striped import Striped
from evenly.train.context.layouts.zigzag import Zigzag
from evenly.train.context.scenario import ContextScenario

SIZES = ((8, 56, 100), (64, 56, 40), (2, 8, 1000))  # ranks, sequences of each, global batches of a seed
ANSWERS = (8, 16, 32, 64)  # of a rank and step; the publication does not say how many
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
    corpus, figures = File(str(wikipedia())), dict[str, float]()
    for ranks, batch, draws in SIZES:
        size = f"{ranks}x{batch}"
        run = BatchesScenario(corpus=corpus, ranks=ranks, batch=batch, steps=draws, cost=Tokens(), seed=seed)
        for name, partition in PARTITIONERS.items():
            peak = replace(run, deal=Partitioned(partition)).run().metrics["tokens_imbalance"]
            figures[f"{name}_{size}"] = 100.0 * (peak - 1.0)
        figures[f"better_{size}"] = figures[f"differencing_{size}"] / figures[f"longest_{size}"]
    return figures


def corpus() -> dict[str, float]:
    """Return what the histogram says: mean tokens, padding to the longest in %, and what is won without padding."""
    length, count = np.loadtxt(wikipedia(), np.int64, delimiter=",", skiprows=1, unpack=True)
    share, longest = count / count.sum(), int(length.max())
    mean = float(share @ length)
    return {
        "mean": mean,
        "padding": 100.0 * (1.0 - mean / longest),
        "linear": longest / mean,
        "attention": float(share @ length**2) / longest**2,
    }


def packed() -> dict[str, float]:
    """Return how full packs of 512 tokens are in %, and how many sequences stand in one, with at most 12 in a pack."""
    length, count = np.loadtxt(wikipedia(), np.int64, delimiter=",", skiprows=1, unpack=True)
    contents = LongestPackFirst(most=12).contents(length[count > 0], count[count > 0], int(length.max()))
    packs = sum(times for times, _ in contents)
    return {"filled": 100.0 * filled(contents, int(length.max())), "fewer": float(count.sum()) / packs}


def rollouts(seed: int) -> dict[str, float]:
    """Return what longest first gains over sequences as they come on 16 ranks, and what is left uneven, by batch.

    Lengths are ours: log-normal, median 700, cut at 8,192. Sequences are dealt by their tokens; a step takes what a
    model of 7 billion weights takes, attention included. `spread` is the difference in tokens of the fullest and the
    emptiest rank over the mean one, in %.
    """
    figures: dict[str, float] = {}
    for batch in ANSWERS:
        run = BatchesScenario(corpus=Lognormal(), ranks=16, batch=batch, steps=25, believed=Tokens(), seed=seed)
        lengths = run.lengths()
        naive, dealt = (
            replace(run, deal=Partitioned(PARTITIONERS[name])).account(lengths) for name in ("blocks", "longest")
        )
        tokens = np.array(dealt.tokens)
        figures[f"gain_{batch}"] = naive.metrics()["step_mean"] / dealt.metrics()["step_mean"]
        figures[f"spread_{batch}"] = 100.0 * float(np.mean(np.ptp(tokens, axis=1) / tokens.mean(axis=1)))
    return figures


def layouts() -> dict[str, float]:
    """Return shares of the ideal in %, and the busiest rank over the mean one, of 131,072 tokens on eight ranks."""
    figures: dict[str, float] = {}
    for name, layout in (("ring", Ring()), ("zigzag", Zigzag()), ("striped", Striped())):
        found = ContextScenario(layout=layout).run().metrics
        figures |= {name: 100.0 * found["ideal_share"], f"{name}_busiest": found["imbalance"]}
    return figures


def trained(seed: int) -> dict[str, float]:
    """Return what two processes show that train an encoder under DDP on gloo; see `measure` there."""
    if importlib.util.find_spec("torch") is None:
        raise Skipped("the ranks train in torch, which is not installed: pip install 'evenly[torch]'")
    from evenly.hosts.torch.batches.measure import measure

    return measure(seed)
