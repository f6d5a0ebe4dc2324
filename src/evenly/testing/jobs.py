"""The exams of the rooms of a shared cluster: what submissions, a split and an estimate promise.

Each takes an object and raises `AssertionError` with a sentence that says which promise is broken.

>>> from evenly.cluster.jobs.splits.runtime import Runtime
>>> check_split(Runtime())
"""

import math

from evenly.cluster.jobs.estimates import Estimate
from evenly.cluster.jobs.splits import Split
from evenly.cluster.jobs.submissions import Submission
from evenly.traces.jobs.job import Job, Part

WORKS = (0.0, 0.01, 1.0, 30.0, 5000.0)
SIZES = (0.0, 1e3, 1e9, 1e12)


def check_submission(submission: Submission) -> None:
    """Check that jobs are the same for the same seed, and that they come from the start on."""
    one, other = submission.draw(3), submission.draw(3)
    assert one.jobs == other.jobs, "the same seed gives other jobs"
    assert one.origin, "the jobs do not tell where they come from"
    assert all(job.user for job in one.jobs), "a job names no user"


def check_split(split: Split) -> None:
    """Check that a stage has at least one task, a whole number of them, and no fewer if it has more work."""
    for size in SIZES:
        counts = [split.tasks(work, size, 32) for work in WORKS]
        assert all(count >= 1 and count == int(count) for count in counts), f"{counts} are no numbers of tasks"
        assert counts == sorted(counts), f"more work makes fewer tasks: {counts} for {WORKS} core-seconds"


def check_estimate(estimate: Estimate) -> None:
    """Check that each stage gets a number, alike for the same job and seed, and that learning is borne."""
    job = Job("ann", 0.0, (Part(8.0, size=100.0), Part(2.0, after=(0,))), "sort")
    one, other = estimate.open(5), estimate.open(5)
    for guesses in (one, other):
        guesses.learn(job)
    first, second = one.guess(4, job), other.guess(4, job)
    assert first == second, "the same seed and history give another guess"
    assert len(first) == len(job.parts), f"{len(first)} guesses of {len(job.parts)} stages"
    assert all(0 <= guess < math.inf for guess in first), f"{first} are no core-seconds"
    assert estimate.open(6).guess(0, job), "a guess hangs on another cluster's history"
