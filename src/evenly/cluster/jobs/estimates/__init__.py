"""Estimates: how much work a job is thought to be before it has run."""

from typing import Protocol

from evenly.core import Catalog
from evenly.traces.jobs.job import Job


class Guesses(Protocol):
    """What one cluster believes of its jobs, and learns from those that ended."""

    def guess(self, number: int, job: Job) -> tuple[float, ...]:
        """Return the core-seconds that each stage of a job is thought to take; `number` is the job's place."""
        ...

    def learn(self, job: Job) -> None:
        """Take note of a job that has ended."""
        ...


class Estimate(Protocol):
    """Guess the work of jobs; the object holds knobs alone."""

    def open(self, seed: int) -> Guesses:
        """Return the guesses of a cluster that has seen no job yet."""
        ...


estimates: Catalog[Estimate] = Catalog(__name__, Estimate)
