"""Two users with large jobs one after the other, two with small ones now and then."""

from dataclasses import dataclass

import numpy as np

from evenly.cluster.jobs.submissions._loops import in_turn, loop
from evenly.traces.jobs.job import Jobs

STARTS = (0.1, 0.2)  # seconds, of the users with large jobs
LARGE, SMALL, A_MINUTE = 4, 6, 15.0


@dataclass(frozen=True, slots=True)
class LargeAndSmall:
    """S1 of the published runs: two users run four large jobs in turn, two submit six small ones by chance.

    Reference: arXiv 2510.15485 and its artefact, `2_large_2_small_users`.
    """

    def draw(self, seed: int) -> Jobs:
        """Return 20 jobs."""
        chance = np.random.default_rng([seed, 51])
        jobs = [job for k, start in enumerate(STARTS) for job in in_turn(f"large-{k}", start, 1000, LARGE, LARGE * k)]
        for k in range(2):
            times = np.cumsum(chance.exponential(60.0 / A_MINUTE, SMALL))
            jobs += [loop(f"small-{k}", float(time), 100) for time in times]
        return Jobs(tuple(jobs), "S1: 2 users with large jobs, 2 with small ones")
