"""Jobs drawn from the statistics of two cuts of Google's trace of 2011.

Day 17, second 5,000, 500 s, as in the public artefact of arXiv 2510.15485: `hetero` as it is, `homo` without jobs above
five times the median and with longer ones. Statistics read off its files.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.stats import norm

from evenly.core import Floats, Ints
from evenly.traces.jobs.job import Job, Jobs, Part

BIN = 50.0  # seconds
SLOTS = 32  # of the published cluster, for which the load is told
CORES = 24.0  # core-seconds that the published runs make of a second of a job in the trace


@dataclass(frozen=True, slots=True)
class Cut:
    """What is known of the jobs of a cut."""

    median: float
    "Logarithm of the median of a job's seconds in the trace."
    spread: float
    "Standard deviation of the logarithm."
    longest: float
    "Seconds above which no job is drawn."
    arrivals: tuple[int, ...]
    "Jobs that come in each 50 s."
    users: int
    most: int
    "Jobs of the user with most."
    load: float
    "Work over what 32 cores can do in the time of the arrivals."

    def draw(self, load: float, run: int, seed: int, name: str, every: float = 0.0) -> Jobs:
        """Return the jobs in order of arrival, their work scaled to the published load times `load`.

        Users share the jobs by Zipf's law with the published number of users and the published most; a user's jobs
        come in runs of `run` without those of others between. With `every` jobs come at multiples of so many seconds.
        """
        chance = np.random.default_rng([seed, 53])
        count = sum(self.arrivals)
        bins = np.repeat(np.arange(len(self.arrivals)), self.arrivals)
        times = np.sort(BIN * (bins + chance.random(count)))
        times = every * np.floor(times / every) if every else times
        work = chance.permutation(self._seconds(count)) * CORES * load / self.fitted
        runs = [
            np.full(min(run, many - begin), user)
            for user, many in enumerate(jobs_by_user(count, self.users, self.most).tolist())
            for begin in range(0, many, run)
        ]
        owner = np.concatenate([runs[k] for k in chance.permutation(len(runs))])
        names = [f"user-{number:02d}" for number in range(self.users)]
        columns = zip(owner.tolist(), times.tolist(), work.tolist(), strict=True)
        origin = f"{name}, load {load:g}" + (f", a user's jobs in runs of {run}" if run > 1 else "")
        origin += f", at every {every:g} s" if every else ""
        return Jobs(tuple(Job(names[u], t, (Part(w),), names[u]) for u, t, w in columns), origin)

    @property
    def fitted(self) -> float:
        """Load of the lognormal law as it is, over the published load."""
        work = CORES * float(self._seconds(sum(self.arrivals)).sum())
        return work / (SLOTS * BIN * len(self.arrivals)) / self.load

    def _seconds(self, count: int) -> Floats:
        """Return the quantiles of the law at evenly spaced shares, so that each seed has the published spread."""
        within = norm.cdf((math.log(self.longest) - self.median) / self.spread)
        shares = within * (np.arange(count) + 0.5) / count
        return np.asarray(np.exp(self.median + self.spread * norm.ppf(shares)))


HETERO = Cut(-1.036, 2.049, math.inf, (29, 5, 6, 9, 11, 21, 14, 14, 6, 10), users=27, most=38, load=0.60)
HOMO = Cut(0.919, 1.570, 35.0, (17, 9, 11, 13, 14, 4, 2, 5, 19, 3), users=22, most=23, load=0.90)


@dataclass(frozen=True, slots=True)
class FromGoogle:
    """Jobs as in a cut of Google's trace of 2011."""

    cut: ClassVar[Cut]
    load: float = 1.0
    "Factor on the work: at 1 it is the published load of 32 cores."
    run: int = 1
    "Jobs of a user that come without those of others between; the trace has users who submit several at once."
    every: float = 0.0
    "Jobs come at multiples of so many seconds, a divisor of 50; by default at any moment of their 50 s."

    def __post_init__(self) -> None:
        if not 0 < self.load < math.inf:
            raise ValueError(f"load is a positive number, not {self.load}")
        if self.run < 1:
            raise ValueError(f"run is at least 1 job, not {self.run}")
        if not 0 <= self.every <= BIN or (self.every and BIN % self.every):
            raise ValueError(f"every divides {BIN:g} s, or is 0, not {self.every}")

    def draw(self, seed: int) -> Jobs:
        """Return the jobs in order of arrival."""
        name = type(self).__name__.removeprefix("Google").lower()
        return self.cut.draw(self.load, self.run, seed, f"Google 2011, {name}", self.every)


def jobs_by_user(count: int, users: int, most: int) -> Ints:
    """Return how many jobs each user has: at least one, falling as a power of the rank from `most`.

    >>> jobs_by_user(10, 4, 5)
    array([5, 2, 2, 1])
    """
    rank = np.arange(1.0, users + 1)
    low, high = 0.0, 10.0
    for _ in range(60):  # bisection of the exponent
        power = (low + high) / 2
        low, high = (power, high) if np.maximum(most * rank**-power, 1.0).sum() > count else (low, power)
    shares = np.maximum(most * rank**-high, 1.0)
    whole = np.floor(shares).astype(np.int64)
    short = count - int(whole.sum())
    by_rest = np.argsort(-(shares - whole), kind="stable")
    for k in range(abs(short)):
        whole[by_rest[k % users]] += 1 if short > 0 else -1
    return whole
