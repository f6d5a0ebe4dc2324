"""Four users who run large jobs one after the other."""

from dataclasses import dataclass

from evenly.cluster.jobs.submissions._loops import in_turn
from evenly.traces.jobs.job import Jobs

STARTS, EACH = (0.1, 0.2, 0.3, 0.4), 4  # seconds; jobs


@dataclass(frozen=True, slots=True)
class FourLarge:
    """S4 of the published runs: four users run four large jobs each in turn, all alike.

    Reference: arXiv 2510.15485 and its artefact, `4_large_users`.
    """

    def draw(self, seed: int) -> Jobs:
        """Return 16 jobs."""
        jobs = [job for k, start in enumerate(STARTS) for job in in_turn(f"user-{k}", start, 1000, EACH, EACH * k)]
        return Jobs(tuple(jobs), "S4: 4 users with 4 large jobs in turn")
