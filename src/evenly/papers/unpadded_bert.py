"""Unpadded BERT: what padding costs, and what a BERT without it and an exchange between ranks gain."""

import importlib.util
from functools import lru_cache

import numpy as np

from evenly.core import Floats, Ints
from evenly.papers.data import public
from evenly.papers.reproduce import Skipped

HISTOGRAM = "wikipedia_histogram.csv"
ORIGIN = "https://github.com/graphcore/examples (packedBERT)"
LONGEST = 512
SEQUENCES = 16  # of the batch on which speed was published for a CPU
STEPS, EACH = 8, 8  # of two ranks: steps, the first of which warms up, and sequences of a rank


@lru_cache
def histogram() -> tuple[Ints, Floats]:
    """Return lengths of sequences and their shares: English Wikipedia cut to 512 tokens."""
    found = np.genfromtxt(public(HISTOGRAM, ORIGIN), delimiter=",", skip_header=1)
    return found[:, 0].astype(np.int64), found[:, 1] / found[:, 1].sum()


def drawn(count: int, seed: int) -> Ints:
    """Return lengths drawn from the histogram."""
    lengths, shares = histogram()
    return np.random.default_rng(seed).choice(lengths, count, p=shares)


def lengths() -> dict[str, float]:
    """Return what padding to 512 wastes, computed on the whole histogram."""
    sizes, shares = histogram()
    mean = float((sizes * shares).sum())
    return {
        "mean": mean,
        "full_percent": 100 * float(shares[sizes == LONGEST].sum()),
        "padding_percent": 100 * (1 - mean / LONGEST),
        "squares": float((sizes.astype(float) ** 2 * shares).sum()) / LONGEST**2,
        "bound": LONGEST / mean,
    }


def computed(seed: int) -> dict[str, float]:
    """Return what a BERT without padding shows on this machine; see `measure` there."""
    _needs_torch()
    from evenly.hosts.torch.unpadded.measure import figures

    return figures(drawn(SEQUENCES, seed), seed)


def exchanged(seed: int) -> dict[str, float]:
    """Return what an exchange does to two ranks that really train; see `ranks` there."""
    _needs_torch()
    from evenly.hosts.torch.unpadded.measure import Size
    from evenly.hosts.torch.unpadded.ranks import figures

    return figures(drawn(STEPS * 2 * EACH, seed).reshape(STEPS, 2 * EACH), seed, Size(vocabulary=1024))


def _needs_torch() -> None:
    for name in ("torch", "transformers"):
        if importlib.util.find_spec(name) is None:
            raise Skipped(f"a BERT computes in torch and transformers; {name} is not installed: pip install {name}")
