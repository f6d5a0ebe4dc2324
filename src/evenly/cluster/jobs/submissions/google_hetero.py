"""Jobs as in Google's trace of 2011, long and short ones."""

from dataclasses import dataclass

from evenly.cluster.jobs.submissions._google import HETERO, FromGoogle


@dataclass(frozen=True, slots=True)
class GoogleHetero(FromGoogle):
    """125 jobs of 27 users in 500 s: most take a second or less, few take most of the time.

    Drawn from published statistics: lognormal work, arrivals by 50 s, jobs by user.

    Reference: C. Reiss, J. Wilkes, J. L. Hellerstein, "Google cluster-usage traces: format + schema", 2011, as cut by
    the public artefact of arXiv 2510.15485.
    """

    cut = HETERO
