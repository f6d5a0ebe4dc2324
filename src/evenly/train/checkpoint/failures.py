"""What failures cost: work that is lost, and time to come back."""

from dataclasses import dataclass

import numpy as np

from evenly.train.checkpoint.timeline import Timeline

MOST_FAILURES = 100_000


@dataclass(frozen=True, slots=True)
class Survived:
    """A run that ended in spite of its failures."""

    seconds: float
    "From the start to the last step, or the last byte on storage."
    lost: float
    "Seconds of work that was done again."
    failures: int


def survive(made: Timeline, steps: int, step: float, mtbf: float, restart: float, seed: int) -> Survived:
    """Return what a run of so many steps takes if failures come at random, `mtbf` seconds apart in the mean.

    Each goes back to the newest checkpoint that was all on storage, and training begins again after `restart` seconds,
    during which nothing fails. Raises `ValueError` if the run does not get on.
    """
    chance = np.random.default_rng([seed, 41])
    done, seconds, lost = 0, 0.0, 0.0
    for failures in range(MOST_FAILURES):
        left = chance.exponential(mtbf) if np.isfinite(mtbf) else np.inf
        end = made.end(steps - done, step)
        if left >= end:
            return Survived(seconds + end, lost, failures)
        kept = int(np.searchsorted(made.durable, left, side="right")) - 1
        kept = min(kept, (steps - done) // made.interval)
        lost += left - float(made.begin[kept])
        seconds += left + restart
        done += kept * made.interval
    raise ValueError(
        f"after {MOST_FAILURES:,} failures only {done:,} of {steps:,} steps are done; "
        "take a smaller interval, faster storage or a longer mtbf"
    )
