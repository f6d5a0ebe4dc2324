"""The truth, off by chance."""

import math
from dataclasses import dataclass

import numpy as np

from evenly.traces.jobs.job import Job


@dataclass(frozen=True, slots=True)
class Noisy:
    """Be wrong by a lognormal factor, one for each job, whose median is `factor`."""

    sigma: float = 0.5
    "Standard deviation of the logarithm of the factor."
    factor: float = 1.0
    "Median of the factor: 10 for estimates that are ten times too high."
    seed: int = 0
    "Seed of the draws, beside that of the scenario."

    def __post_init__(self) -> None:
        if not (0 <= self.sigma < 10 and 0 < self.factor < math.inf):
            raise ValueError(f"sigma is 0 to 10 and factor positive, not {self.sigma} and {self.factor}")
        if self.seed < 0:
            raise ValueError(f"seed is a whole number from 0, not {self.seed}")

    def open(self, seed: int) -> "_Wrong":
        """Return the guesses of a seed."""
        return _Wrong(self.sigma, self.factor, (seed, self.seed))


@dataclass(frozen=True, slots=True)
class _Wrong:
    """Guesses that are wrong by the same factor whenever they are asked for."""

    sigma: float
    factor: float
    seed: tuple[int, int]

    def guess(self, number: int, job: Job) -> tuple[float, ...]:
        """Return the work of each stage times the factor of the job."""
        chance = np.random.default_rng([*self.seed, 57, number])
        factor = self.factor * math.exp(self.sigma * float(chance.standard_normal()))
        return tuple(factor * part.work for part in job.parts)

    def learn(self, job: Job) -> None:
        """Learn nothing."""
