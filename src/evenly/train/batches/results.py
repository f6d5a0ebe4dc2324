"""From the steps that were dealt to an outcome."""

from dataclasses import dataclass, field

import numpy as np

from evenly.core import Array, Floats, Ints, Load, Metric
from evenly.measure.imbalance import idle_share, peak_over_mean
from evenly.train.batches.dealers import Step
from evenly.train.batches.efforts import Effort
from evenly.train.batches.padding import Padding, padded
from evenly.train.unpadded.roundings import Rounding

METRICS = (
    Metric("throughput", "Throughput", "tokens/s", "higher", "Tokens of all ranks, without padding, over the time."),
    Metric("step_mean", "Time of a step", "s", "lower", "A step ends with its slowest rank."),
    Metric("imbalance", "Busiest rank", "x", "lower", "Time of the slowest rank of each step over the mean rank."),
    Metric("tokens_imbalance", "Most tokens", "x", "lower", "The same of tokens, averaged over the steps."),
    Metric("idle_share", "Ranks idle", "share", "lower", "Time in which ranks wait for the slowest one."),
    Metric("exposed", "Waiting for exchange", "share", "lower", "Time in which ranks exchange and compute nothing."),
    Metric("padding", "Padding", "share", "lower", "Positions that are computed and hold no token."),
    Metric("gap", "Above the bound", "share", "lower", "Time beyond the mean rank, or the longest sequence alone."),
    Metric("micro_batches", "Micro-batches", "", "neither", "Of a step and rank, in the mean."),
    Metric("micro_peak", "Fullest micro-batch", "tokens", "lower", "Most positions that are computed at once."),
    Metric(
        "delay_mean", "Delay of a sequence", "steps", "lower", "How much later a sequence is trained on than it came."
    ),
)


@dataclass(frozen=True, slots=True)
class Judge:
    """What a step really takes."""

    effort: Effort
    padding: Padding
    bucket: int
    longest: int
    "Tokens of the longest sequence of the data set."
    overhead: float
    "Seconds of a micro-batch beside its sequences."
    rounding: Rounding | None = None
    "Lengths at which attention computes sequences without padding."
    call: float = 0.0
    "Seconds of a call of attention."
    exchange: float = 0.0
    "Seconds in which ranks exchange the sequences of a step."
    hidden: bool = True
    "Whether they do so while they compute the step before."

    def seconds(self, lengths: Ints) -> tuple[Ints, Floats, float]:
        """Return the positions and seconds of each sequence of a micro-batch, and the seconds beside them."""
        computed = padded(lengths, self.padding, self.bucket, self.longest)
        rounding = self.rounding if self.padding == "none" else None
        attended = computed if rounding is None else rounding.up(lengths)
        calls = self.call * len(np.unique(attended)) if self.call else 0.0
        return computed, self.effort.seconds(computed, attended), self.overhead + calls

    def waits(self, work: float) -> float:
        """Return the seconds that ranks wait for an exchange, beside or before a step of `work` seconds."""
        return max(0.0, self.exchange - work) if self.hidden else self.exchange


@dataclass(slots=True)
class Account:
    """What the steps dealt so far add up to."""

    work: list[Floats] = field(default_factory=list)
    "Seconds of each rank, one array a step."
    tokens: list[Floats] = field(default_factory=list)
    "Tokens of each rank, one array a step."
    positions: list[int] = field(default_factory=list)
    bounds: list[float] = field(default_factory=list)
    "Seconds below which no deal of the step's sequences can come."
    counts: list[int] = field(default_factory=list)
    "Micro-batches of all ranks."
    waits: list[float] = field(default_factory=list)
    "Seconds in which ranks exchange and do not compute, one a step."
    delays: list[float] = field(default_factory=list)
    "Mean steps between the turn of a sequence and its step."
    micro_peak: int = 0

    def add(self, step: Step, lengths: Ints, judge: Judge, batch: int) -> None:
        """Count one step; `batch` sequences of all ranks come at once."""
        ranks = len(step)
        micro = [part for parts in step for part in parts]
        owner = np.repeat(np.arange(ranks), [len(parts) for parts in step])
        sequences = np.concatenate(micro)
        home = np.repeat(owner, [len(part) for part in micro])
        held = lengths[sequences]
        positions, times, beside = zip(*(judge.seconds(lengths[part]) for part in micro), strict=True)
        computed: Ints = np.concatenate(positions)
        seconds: Floats = np.concatenate(times)
        besides = np.bincount(owner, np.array(beside, np.float64), ranks)
        work = np.asarray(np.bincount(home, seconds, ranks) + besides, np.float64)
        self.bounds.append(max(float(work.mean()), float(seconds.max(initial=0.0))))
        self.work.append(work)
        self.waits.append(judge.waits(float(work.max())))
        self.tokens.append(np.bincount(home, held, ranks).astype(np.float64))
        self.positions.append(int(computed.sum()))
        self.counts.append(len(micro))
        self.delays.append(float(np.mean(len(self.delays) - sequences // batch)))
        fullest = np.add.reduceat(computed, np.cumsum([0, *map(len, micro)])[:-1]) if len(computed) else computed
        self.micro_peak = max(self.micro_peak, int(fullest.max(initial=0)))

    def load(self) -> Load:
        """Return seconds by step and rank."""
        return Load(np.array(self.work), worker="rank")

    def metrics(self) -> dict[str, float]:
        """Return the figures of all steps."""
        load, tokens = self.load(), np.array(self.tokens)
        peaks = load.work.max(axis=1)
        total, waits = float(tokens.sum()), sum(self.waits)
        taken = float(peaks.sum()) + waits
        return {
            "throughput": total / taken,
            "step_mean": taken / len(peaks),
            "imbalance": peak_over_mean(load),
            "tokens_imbalance": float(np.mean(tokens.max(axis=1) / tokens.mean(axis=1))),
            "idle_share": idle_share(load),
            "exposed": waits / taken,
            "padding": 1.0 - total / sum(self.positions),
            "gap": float(peaks.sum()) / sum(self.bounds) - 1.0,
            "micro_batches": sum(self.counts) / tokens.size,
            "micro_peak": float(self.micro_peak),
            "delay_mean": float(np.mean(self.delays)),
        }

    def rows(self) -> dict[str, Array]:
        """Return a row a step: seconds of the slowest rank and of the mean one, and tokens of all."""
        work = self.load().work
        return {
            "step": np.arange(len(work)),
            "slowest": work.max(axis=1),
            "mean": work.mean(axis=1),
            "tokens": np.array(self.tokens).sum(axis=1),
        }
