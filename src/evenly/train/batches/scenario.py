"""A batches scenario: sequences of a data set, dealt to the ranks of a data-parallel training."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from evenly.core import Ints, Metric, Outcome, Scenario
from evenly.core.document import told, unstructure
from evenly.core.scenario import Progress, silent
from evenly.train.batches.corpora import Corpus
from evenly.train.batches.corpora.wikipedia import Wikipedia
from evenly.train.batches.dealers import Dealer
from evenly.train.batches.dealers.partitioned import Partitioned
from evenly.train.batches.efforts import Effort
from evenly.train.batches.efforts.quadratic import Quadratic
from evenly.train.batches.exchange import Exchange
from evenly.train.batches.padding import Padding
from evenly.train.batches.results import METRICS, Account, Judge
from evenly.train.unpadded.roundings import Rounding

PARTITIONS = (
    {"use": "blocks"},
    {"use": "stride", "longest_first": True},
    {"use": "snake"},
    {"use": "longest-first", "equal_counts": True},
    {"use": "karmarkar-karp", "equal_counts": True},
)
MOST_SEQUENCES = 50_000_000  # some 2 GB


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchesScenario(Scenario):
    """Deal global batches of sequences to ranks; a step lasts as long as its slowest rank."""

    kind: ClassVar[str] = "batches"
    metrics: ClassVar[tuple[Metric, ...]] = METRICS
    space: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "deal": tuple({"use": "partitioned", "partition": partition} for partition in PARTITIONS),
        "padding": ("longest", "bucket", "none"),
    }

    corpus: Corpus = field(default_factory=Wikipedia)
    "How long the sequences are."
    ranks: int = 8
    "Data-parallel ranks."
    batch: int = 16
    "Sequences of a rank and step."
    steps: int = 200
    "Steps of the run."
    deal: Dealer = field(default_factory=Partitioned)
    "Where each sequence is computed."
    cost: Effort = field(default_factory=Quadratic)
    "Seconds of a sequence, as they are."
    believed: Effort | None = None
    "Seconds as the dealer takes them to be; by default as they are."
    padding: Padding = "none"
    "What a micro-batch is padded to: nothing, a multiple of `bucket`, its longest sequence, or the longest of all."
    bucket: int = 64
    "Multiple of tokens that `padding: bucket` rounds up to."
    rounding: Rounding | None = None
    "Lengths at which attention computes sequences where `padding` is `none`; by default their own."
    overhead: float = 0.0
    "Seconds of each micro-batch beside its sequences."
    call: float = 0.0
    "Seconds of each call of attention: one for each length that a micro-batch computes."
    exchange: Exchange | None = None
    "How ranks exchange the sequences of a step; by default each knows its part ahead."

    def check(self) -> "BatchesScenario":
        """Raise `ValueError` for values that make no sense; return self."""
        for name in ("ranks", "batch", "steps", "bucket"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is at least 1, not {getattr(self, name)}")
        if (count := self.ranks * self.batch * self.steps) > MOST_SEQUENCES:
            raise ValueError(f"steps, ranks and batch make {count:,} sequences, at most {MOST_SEQUENCES:,}")
        for name in ("overhead", "call"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ValueError(f"{name} is at least 0 seconds, not {getattr(self, name)}")
        if self.exchange is not None:
            self.exchange.check()
        return self

    def run(self, progress: Progress = silent) -> Outcome:
        """Deal all sequences and return times, idle ranks and padding; the load is seconds by step and rank."""
        self.check()
        account = self.account(self.lengths(), progress)
        return Outcome(self.name, account.metrics(), account.load(), account.rows(), facts=self.facts())

    def lengths(self) -> Ints:
        """Return the lengths of the sequences in the order of training."""
        count = self.ranks * self.batch * self.steps
        return self.corpus.draw(count, np.random.default_rng([self.seed, 17]))

    def account(self, lengths: Ints, progress: Progress = silent) -> Account:
        """Return what the steps over these sequences add up to."""
        believed = (self.believed or self.cost).seconds(lengths)
        judge, account = self.judge(int(lengths.max(initial=1))), Account()
        for step in self.deal.deal(lengths, believed, self.ranks, self.batch):
            account.add(step, lengths, judge, self.ranks * self.batch)
            progress(len(account.work), self.steps)
        return account

    def judge(self, longest: int) -> Judge:
        """Return what steps take, where the longest sequence of the data set has `longest` tokens."""
        taken = 0.0 if self.exchange is None else self.exchange.seconds(self.ranks, self.batch)
        hidden = self.exchange is None or self.exchange.hidden
        return Judge(
            self.cost, self.padding, self.bucket, longest, self.overhead, self.rounding, self.call, taken, hidden
        )

    def facts(self) -> dict[str, str | int | float]:
        """Return what the run rests on."""
        believed = "as they are" if self.believed is None else told(unstructure(self.believed))
        rounding = "their own" if self.rounding is None else told(unstructure(self.rounding))
        exchange = "none" if self.exchange is None else told(unstructure(self.exchange), "gathered")
        return {
            "corpus": told(unstructure(self.corpus)),
            "ranks": self.ranks,
            "sequences of a rank and step": self.batch,
            "steps": self.steps,
            "deal": told(unstructure(self.deal)),
            "seconds of a sequence": told(unstructure(self.cost)),
            "as the dealer believes": believed,
            "padding": self.padding if self.padding != "bucket" else f"to multiples of {self.bucket} tokens",
            "lengths in attention": rounding,
            "seconds of a micro-batch beside": self.overhead,
            "seconds of a call of attention": self.call,
            "exchange of sequences": exchange,
            "seed": self.seed,
        }
