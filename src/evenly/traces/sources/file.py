"""A trace file."""

from dataclasses import dataclass, replace

import numpy as np

from evenly.core import FilePath, Trace
from evenly.traces.read import read
from evenly.traces.slices import guard


@dataclass(frozen=True, slots=True)
class File:
    """Replay a trace file of any known format, or a part of it.

    Warns where the part's rate is over 3 times, or under a third of, the rate of the whole trace.
    """

    path: FilePath
    "File, plain or gzipped."
    start: float = 0.0
    "Seconds after the first arrival where the part begins."
    seconds: float | None = None
    "Length of the part; by default up to the end."
    requests: int | None = None
    "At most so many requests."
    speed: float = 1.0
    "2 replays twice as fast: every time is halved."

    def __post_init__(self) -> None:
        if not 0 < self.speed < float("inf"):
            raise ValueError(f"speed is a positive factor, not {self.speed}")
        if not 0 <= self.start < float("inf"):
            raise ValueError(f"start is at least 0 seconds, not {self.start}")
        if self.seconds is not None and not self.seconds > 0:
            raise ValueError(f"seconds is above 0, not {self.seconds}")
        if self.requests is not None and self.requests < 1:
            raise ValueError(f"requests is at least 1, not {self.requests}")

    def draw(self, seed: int) -> Trace:
        """Return the requests of the part; the seed changes nothing."""
        trace = read(self.path)
        since = trace.arrival - trace.arrival[0]  # some files count from midnight
        inside = since >= self.start
        if self.seconds is not None:
            inside &= since < self.start + self.seconds
        index = np.flatnonzero(inside)[: self.requests]
        if len(index) == 0:
            raise ValueError(f"{self.path}: no request arrives between {self.start:g} s and the end of the part")
        if len(index) < len(trace):
            guard(trace, self.start, self.seconds, self.requests, self.path)
            trace = trace.take(index)
        arrival = (trace.arrival - trace.arrival[0]) / self.speed
        pause = trace.pause / self.speed if trace.pause is not None else None
        return replace(trace, arrival=arrival, pause=pause)
