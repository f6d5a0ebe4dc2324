"""Two users who submit bursts of jobs, two who submit one now and then."""

from dataclasses import dataclass

import numpy as np

from evenly.cluster.jobs.submissions._loops import loop
from evenly.traces.jobs.job import Jobs

BURSTS, BURST = (0.0, 30.0, 60.0, 90.0), 20  # seconds; jobs of each
SINGLE, A_MINUTE = 12, 8.0


@dataclass(frozen=True, slots=True)
class FrequentAndInfrequent:
    """S2 of the published runs: all jobs are alike, but two users submit 80 each, and two others 12 by chance.

    Reference: arXiv 2510.15485 and its artefact, `2_power_2_small_users`.
    """

    def draw(self, seed: int) -> Jobs:
        """Return 184 jobs."""
        chance = np.random.default_rng([seed, 52])
        jobs = [loop(f"frequent-{k}", time, 100) for k in range(2) for time in BURSTS for _ in range(BURST)]
        for k in range(2):
            times = np.cumsum(chance.exponential(60.0 / A_MINUTE, SINGLE))
            jobs += [loop(f"infrequent-{k}", float(time), 100) for time in times]
        return Jobs(tuple(jobs), "S2: 2 frequent users, 2 infrequent ones")
