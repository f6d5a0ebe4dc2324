"""Four users who submit many tiny jobs at once."""

from dataclasses import dataclass

from evenly.cluster.jobs.submissions._loops import loop
from evenly.traces.jobs.job import Jobs

STARTS, BURST = (0.1, 0.2, 0.3, 0.4), 30  # seconds; jobs of each


@dataclass(frozen=True, slots=True)
class TinyBursts:
    """S3 of the published runs: four users submit 30 tiny jobs each, so there is nothing to be fair about.

    Reference: arXiv 2510.15485 and its artefact, `4_super_small_users`.
    """

    def draw(self, seed: int) -> Jobs:
        """Return 120 jobs."""
        jobs = [loop(f"user-{k}", start, 20) for k, start in enumerate(STARTS) for _ in range(BURST)]
        return Jobs(tuple(jobs), "S3: 4 users with 30 tiny jobs at once")
