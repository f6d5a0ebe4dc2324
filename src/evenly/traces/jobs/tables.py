"""Which table of jobs a file is, and its jobs."""

from pathlib import Path

from evenly.traces.jobs import alibaba, google, recorded
from evenly.traces.jobs.job import Jobs


def holds(path: Path) -> bool:
    """Tell whether a file, or a folder of Google's tables, holds jobs, by its first line."""
    return google.holds(path) or alibaba.holds(path) or recorded.holds(path)


def read(path: Path) -> Jobs:
    """Return all jobs of a table; raise `ValueError` for one that is none, and for values that cannot be."""
    if google.holds(path):
        return google.read(path)
    if alibaba.holds(path):
        return alibaba.read(path)
    if recorded.holds(path):
        return recorded.read(path)
    raise ValueError(f"{path}: no table of jobs; one has the columns {', '.join(recorded.NEEDED)} and work or tasks")
