"""A trace file."""

from dataclasses import dataclass, replace

import numpy as np

from evenly.core import Trace
from evenly.traces.read import read


@dataclass(frozen=True, slots=True)
class File:
    """Replay a trace file of any known format, or a part of it."""

    path: str
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
        if self.start < 0 or (self.seconds is not None and not self.seconds > 0):
            raise ValueError("start is at least 0 and seconds above 0")
        if self.requests is not None and self.requests < 1:
            raise ValueError(f"requests is at least 1, not {self.requests}")

    def draw(self, seed: int) -> Trace:
        """Return the requests of the part; the seed changes nothing."""
        trace = read(self.path)
        inside = trace.arrival >= self.start
        if self.seconds is not None:
            inside &= trace.arrival < self.start + self.seconds
        index = np.flatnonzero(inside)[: self.requests]
        if len(index) == 0:
            raise ValueError(f"{self.path}: no request arrives between {self.start:g} s and the end of the part")
        if len(index) < len(trace):
            trace = trace.take(index)
        arrival = (trace.arrival - trace.arrival[0]) / self.speed
        pause = trace.pause / self.speed if trace.pause is not None else None
        return replace(trace, arrival=arrival, pause=pause)
