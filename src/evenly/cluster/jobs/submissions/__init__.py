"""Submissions: who submits which jobs when."""

from typing import Protocol

from evenly.core import Catalog
from evenly.traces.jobs.job import Jobs


class Submission(Protocol):
    """Make or read jobs."""

    def draw(self, seed: int) -> Jobs:
        """Return the jobs; the same seed gives the same jobs."""
        ...


submissions: Catalog[Submission] = Catalog(__name__, Submission)
