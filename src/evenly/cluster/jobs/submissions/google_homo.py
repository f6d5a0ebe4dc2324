"""Jobs as in Google's trace of 2011, without the longest ones."""

from dataclasses import dataclass

from evenly.cluster.jobs.submissions._google import HOMO, check
from evenly.traces.jobs.job import Jobs


@dataclass(frozen=True, slots=True)
class GoogleHomo:
    """97 jobs of 22 users in 500 s, of more equal length and longer than those of `google-hetero`.

    Drawn from published statistics: lognormal work, arrivals by 50 s, jobs by user.

    Reference: C. Reiss, J. Wilkes, J. L. Hellerstein, "Google cluster-usage traces: format + schema", 2011, as cut by
    the public artefact of arXiv 2510.15485.
    """

    load: float = 1.0
    "Factor on the work: at 1 it is the published load of 32 cores."
    run: int = 1
    "Jobs of a user that come without those of others between; the trace has users who submit several at once."

    every: float = 0.0
    "Jobs come at multiples of so many seconds, a divisor of 50; by default at any moment of their 50 s."

    def __post_init__(self) -> None:
        check(self.load, self.run, self.every)

    def draw(self, seed: int) -> Jobs:
        """Return the jobs in order of arrival."""
        return HOMO.draw(self.load, self.run, seed, "Google 2011, homo", self.every)
