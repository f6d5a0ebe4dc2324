"""A context scenario: attention of one layer over a long sequence, laid out over ranks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from evenly.core import Floats, Ints, Load, Metric, Outcome, Scenario
from evenly.core.document import told, unstructure
from evenly.core.scenario import Progress, silent
from evenly.hardware.device import device, link
from evenly.measure.imbalance import peak_over_mean
from evenly.train.batches.corpora import Corpus
from evenly.train.context.layouts import Layout, Spread
from evenly.train.context.layouts.zigzag import Zigzag

BYTES = 2  # of a number in bf16
MOST_RANKS = 1024
METRICS = (
    Metric("throughput", "Throughput", "tokens/s", "higher", "Tokens of the sequence over the time of one layer."),
    Metric("layer_time", "Time of a layer", "s", "lower", "Attention of one layer, forward, until the last rank ends."),
    Metric(
        "imbalance", "Busiest rank", "x", "lower", "Pairs of the rank that computes most over those of the mean one."
    ),
    Metric("ideal_share", "Of the ideal", "share", "higher", "Time of even work and a free link over the time."),
    Metric("exposed", "Waiting for the link", "share", "lower", "Part of the time that a free link would save."),
    Metric("traffic", "Sent by a rank", "GB", "lower", "Bytes that each rank sends for one layer, forward."),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextScenario(Scenario):
    """Compute causal attention of one layer on ranks that share one sequence."""

    kind: ClassVar[str] = "context"
    metrics: ClassVar[tuple[Metric, ...]] = METRICS
    space: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "layout": ("ring", "zigzag", "striped", "ulysses", "all-gather"),
        "ranks": (2, 4, 8, 16, 32),
    }

    tokens: int = 131_072
    "Tokens of the sequence."
    documents: Corpus | None = None
    "Lengths of the documents that it is packed from; by default it is one."
    ranks: int = 8
    "Ranks that share the sequence."
    layout: Layout = field(default_factory=Zigzag)
    "Which tokens each rank holds."
    width: int = 4096
    "Width of the model."
    heads: int = 32
    "Heads of the model, each of which has keys and values of its own."
    device: str = "h100"
    "Name of an accelerator."
    link: str = ""
    "Name of the link between ranks; by default that between the devices of one machine."
    useful: float = 0.5
    "Share of the accelerator's operations a second that attention reaches; an assumption."

    def check(self) -> "ContextScenario":
        """Raise `ValueError` for values that make no sense together; return self."""
        device(self.device)
        if not 1 <= self.ranks <= MOST_RANKS:
            raise ValueError(f"ranks is 1 to {MOST_RANKS}, not {self.ranks}")
        if self.tokens < 2 * self.ranks:
            raise ValueError(f"tokens is at least {2 * self.ranks}, two a rank, not {self.tokens}")
        if min(self.width, self.heads) < 1:
            raise ValueError(f"width and heads are at least 1, not {self.width} and {self.heads}")
        if not 0 < self.useful <= 1:
            raise ValueError(f"useful is a share above 0, not {self.useful}")
        link(self.link or device(self.device).link)
        by_heads = self.layout.spread(np.array([self.tokens]), self.ranks).by_heads
        if by_heads and self.ranks > self.heads:
            raise ValueError(f"ranks is at most {self.heads} where they share heads, not {self.ranks}")
        return self

    def run(self, progress: Progress = silent) -> Outcome:
        """Return times, waits and traffic; the load is seconds by step of the ring and rank."""
        self.check()
        spread = self.layout.spread(self.lengths(), self.ranks)
        work = spread.pairs * (4.0 * self.width / (self.useful * device(self.device).flops))
        wire = link(self.link or device(self.device).link)
        size = spread.sent * self.width * BYTES
        transfer = wire.latency + size / wire.bandwidth if self.ranks > 1 else 0.0
        taken, free = finish(work, transfer, spread.ring), finish(work, 0.0, spread.ring)
        times = max(0, self.ranks - 1) if spread.ring else 1
        metrics = {
            "throughput": self.tokens / taken,
            "layer_time": taken,
            "imbalance": peak_over_mean(Load(work.sum(axis=0, keepdims=True))),
            "ideal_share": float(work.sum()) / self.ranks / taken,
            "exposed": 1.0 - free / taken,
            "traffic": size * times / 1e9 if self.ranks > 1 else 0.0,
        }
        return Outcome(self.name, metrics, Load(work, worker="rank"), rows(work, spread), facts=self.facts())

    def lengths(self) -> Ints:
        """Return the tokens of each document; the last one is cut where the sequence ends."""
        if self.documents is None:
            return np.array([self.tokens])
        chance, found = np.random.default_rng([self.seed, 29]), np.empty(0, np.int64)
        while found.sum() < self.tokens:
            found = np.concatenate([found, self.documents.draw(64, chance)])
        ends = np.minimum(np.cumsum(found), self.tokens)
        lengths = np.diff(ends, prepend=0)
        return lengths[lengths > 0]

    def facts(self) -> dict[str, str | int | float]:
        """Return what the run rests on."""
        wire = link(self.link or device(self.device).link)
        return {
            "device": self.device,
            "useful share of its operations": self.useful,
            "link": f"{wire.name}, {wire.bandwidth / 1e9:g} GB/s: {wire.source}",
            "ranks": self.ranks,
            "tokens": self.tokens,
            "documents": "one" if self.documents is None else told(unstructure(self.documents)),
            "width": self.width,
            "heads": self.heads,
            "layout": told(unstructure(self.layout)),
            "seed": self.seed,
        }


def finish(work: Floats, transfer: float, ring: bool) -> float:
    """Return the seconds until the last rank has computed `work`, shape [step, rank].

    In a ring a rank passes on what it holds as a step begins, so it begins the next one when it has computed this one
    and its neighbour began `transfer` seconds before. Otherwise everything is sent first.

    >>> finish(np.array([[1.0, 1.0], [0.0, 2.0]]), 0.5, ring=True)
    3.0
    >>> finish(np.array([[1.0, 1.0], [0.0, 2.0]]), 1.5, ring=True)
    3.5
    """
    begin = np.full(work.shape[1], 0.0 if ring else transfer)
    for step in work[:-1]:
        begin = np.maximum(begin + step, np.roll(begin, 1) + transfer)
    return float((begin + work[-1]).max())


def rows(work: Floats, spread: Spread) -> dict[str, Any]:
    """Return a row a rank."""
    return {"rank": np.arange(work.shape[1]), "seconds": work.sum(axis=0), "pairs": spread.pairs.sum(axis=0)}
