"""Recorded."""

import math
from collections.abc import Hashable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, cast

import numpy as np

from evenly.cluster.row.traffics import STREAM, Stream
from evenly.core import Trace
from evenly.hardware.server import Phases
from evenly.traces.sources import Source


@dataclass(frozen=True, slots=True)
class Recorded:
    """Requests of a trace, by their times and lengths: each server gets a sample, so that peaks come to all at once.

    Every request goes to each server with one chance, such that a server is asked for `load` of its time at full clock
    in the mean of the trace. A trace that is shorter than the run begins again, sampled anew. Failed requests are not
    sent.
    """

    source: Source
    "Where the requests come from: a file of any format that evenly reads, or a law."
    load: float = 0.6
    "Share of a server's time that is asked for."
    hours: float = 24.0
    "Length of the run."

    def __post_init__(self) -> None:
        if not 0 < self.hours <= 100_000:
            raise ValueError(f"hours is above 0 and at most 100000, not {self.hours}")
        if not 0 < self.load <= 10:
            raise ValueError(f"load is above 0 and at most 10, not {self.load}")

    @property
    def seconds(self) -> float:
        """Length of the run in seconds."""
        return 3600.0 * self.hours

    def lasting(self, hours: float) -> "Recorded":
        """Return the same for another length of time."""
        return replace(self, hours=hours)

    def stream(self, server: int, phases: Phases, seed: int) -> Stream:
        """Return the sample of a server.

        Raises `ValueError` for turns, whose times are not known before others end, and for a trace that asks for less.
        """
        trace, span = _sent(cast("Hashable", self.source), seed)
        asked = float((phases.prompt_seconds(trace.prompt) + phases.token_seconds * trace.output).sum()) / span
        if asked < self.load:
            raise ValueError(
                f"load is {self.load:g} of a server, but the whole trace asks for {asked:.3g} of one; take a smaller "
                "load, or a source with a higher speed"
            )
        chance = np.random.default_rng([seed, STREAM, 1 + server])
        arrival, index = [], []
        for begin in range(math.ceil(self.seconds / span)):
            mine = np.flatnonzero(chance.uniform(0.0, asked, len(trace)) < self.load)
            arrival.append(trace.arrival[mine] + begin * span)
            index.append(mine)
        times, kept = np.concatenate(arrival), np.concatenate(index)
        inside = times < self.seconds
        return times[inside], trace.prompt[kept[inside]], trace.output[kept[inside]]


@lru_cache(4)
def _sent(source: Any, seed: int) -> tuple[Trace, float]:
    """Return the requests that can be sent, the first at time 0, and the seconds after which they begin again."""
    trace = source.draw(seed)
    if trace.after is not None and (trace.after >= 0).any():
        raise ValueError("requests of the trace wait for others, so their times are not known; take one without turns")
    good = (trace.prompt > 0) & (trace.output > 0)
    if trace.failed is not None:
        good &= ~trace.failed
    trace = trace.take(np.flatnonzero(good))
    if len(trace) < 2 or trace.span <= 0:
        raise ValueError(f"a trace of {len(trace)} requests over {trace.span if len(trace) else 0:g} s has no rate")
    mean = trace.span / (len(trace) - 1)
    return replace(trace, arrival=trace.arrival - trace.arrival[0]), trace.span + mean
