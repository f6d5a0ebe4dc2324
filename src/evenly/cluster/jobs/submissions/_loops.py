"""The job that the published runs submit: a loop for each row of a table of taxi trips."""

from evenly.traces.jobs.job import Job, Part

# Core-seconds of one job by the iterations of its loop: the oracle's constants of the artefact
# kazemaksOG/spark-benchmark-tool, measured on its cluster.
LOOPS = {1000: 131.115, 500: 57.115, 100: 26.926, 20: 1.523}


def loop(user: str, submit: float, iterations: int, follows: int = -1) -> Job:
    """Return a job of one stage."""
    return Job(user, submit, (Part(LOOPS[iterations]),), f"loop{iterations}", follows)


def in_turn(user: str, submit: float, iterations: int, count: int, first: int) -> list[Job]:
    """Return jobs of which each is submitted when the one before has ended; `first` is the place of the first."""
    return [loop(user, submit if k == 0 else 0.0, iterations, first + k - 1 if k else -1) for k in range(count)]
