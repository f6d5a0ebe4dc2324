"""What a language model with experts reaches under prices, an auxiliary loss, and left alone: MaxVio and perplexity.

All arms of a seed have the same start, text and order. Needs torch, and ten minutes.
"""

import sys
from dataclasses import fields

from benchmarks.figures import Figure
from evenly.hosts.torch.experts.train import ARMS, QUICK, Reached, trained

LOSS, PRICES = "auxiliary 1e-3", "sign 1e-3"
SEEDS = {PRICES: 3, LOSS: 3, "sign 1e-2": 1, "sign 1e-4": 1, "left alone": 1, "auxiliary 1e-2": 1}
EVEN, FIFTH, WORSE = 0.1, 0.2, 1.005  # required of MaxVio, of it over the auxiliary loss', and of perplexity over its
SHOWN = {
    "perplexity": "perplexity of a symbol",
    "violation": "MaxVio global",
    "batch": "MaxVio of a batch",
    "dead": "dead experts",
}


def measure() -> list[Figure]:
    """Return what every arm reaches on text that it was not trained on, and the ratios that are required."""
    found: dict[str, list[Reached]] = {}
    for name, seeds in SEEDS.items():
        for seed in range(seeds):
            print(f"{name}, seed {seed}", file=sys.stderr, flush=True)
            found.setdefault(name, []).append(trained(ARMS[name], QUICK, seed))
            print(found[name][-1], file=sys.stderr, flush=True)
    figures = []
    for name, runs in found.items():
        for field in (f.name for f in fields(Reached) if f.name in SHOWN):
            limit = EVEN if (name, field) == (PRICES, "violation") else None
            unit = "share" if field == "dead" else ""
            values = [getattr(run, field) for run in runs]
            figures.append(Figure.of(f"{name}: {SHOWN[field]}", values, unit, limit))
    for field, limit in (("violation", FIFTH), ("perplexity", WORSE)):
        pairs = zip(found[PRICES], found[LOSS], strict=True)
        values = [getattr(ours, field) / getattr(theirs, field) for ours, theirs in pairs]
        figures.append(Figure.of(f"{SHOWN[field]}, {PRICES} over {LOSS}", values, "x", limit))
    return figures
