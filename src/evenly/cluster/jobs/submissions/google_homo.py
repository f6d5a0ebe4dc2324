"""Jobs as in Google's trace of 2011, without the longest ones."""

from dataclasses import dataclass

from evenly.cluster.jobs.submissions._google import HOMO, FromGoogle


@dataclass(frozen=True, slots=True)
class GoogleHomo(FromGoogle):
    """97 jobs of 22 users in 500 s, of more equal length and longer than those of `google-hetero`.

    Drawn from published statistics: lognormal work, arrivals by 50 s, jobs by user.

    Reference: C. Reiss, J. Wilkes, J. L. Hellerstein, "Google cluster-usage traces: format + schema", 2011, as cut by
    the public artefact of arXiv 2510.15485.
    """

    cut = HOMO
