"""Bursts as a real service saw them."""

from dataclasses import dataclass, replace
from typing import get_args

import numpy as np

from evenly.core import FilePath, Floats, Ints, Trace
from evenly.traces.arrivals import HOUR, Law, Windows, simplified
from evenly.traces.lengths import Lengths
from evenly.traces.read import read
from evenly.traces.sources import _published as published
from evenly.traces.workload import Workload, is_model

LAWS: tuple[str, ...] = get_args(Law)


@dataclass(frozen=True, slots=True)
class Burstgpt:
    """Gamma arrivals whose rate and burstiness change from window to window, with lengths, users, sessions, failures.

    `like` names a trace in any known format, or a model that `Workload.save` wrote, and the bursts are fitted to it.
    Without it the hours, weekdays and services of BurstGPT are drawn from Monday midnight on: ChatGPT and GPT-4
    conversations (users 0 and 1), which follow the day, and their APIs (users 2 and 3), which do not.

    Another law of `arrivals` keeps every request and its place in the order and changes its time alone, so two runs
    that differ in it differ by the bursts. A Poisson workload of the same rate hides what bursts do to the tail.

    Reference: Y. Wang et al., "BurstGPT: A Real-World Workload Dataset to Optimize LLM Serving Systems", KDD 2025;
    https://arxiv.org/abs/2401.17644.
    """

    like: FilePath | None = None
    "Trace or model file to fit; by default BurstGPT as published."
    hours: float | None = None
    "Length of the workload; by default that of the file, or one day."
    start: float = 0.0
    "Hours after the beginning of the file, or of the week, at which the workload begins."
    rate: float | None = None
    "Mean requests a second, the failed ones included; by default as found."
    speed: float = 1.0
    "2 sends twice as fast: every time is halved."
    burstiness: float = 1.0
    "Factor on the squared coefficient of variation of the gaps inside a window; the means stay."
    arrivals: Law = "windows"
    "`windows`, or a simpler law of the same mean rate: `gamma`, `poisson`, `time-of-day`, `even`."
    window: float = 60.0
    "Seconds in which rate and burstiness hold still."
    requests: int | None = None
    "At most so many requests."
    lengths: Lengths | None = None
    "Law of prompt and output length; by default as found."

    def __post_init__(self) -> None:
        for name in ("hours", "rate", "speed", "burstiness", "window"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise ValueError(f"{name} is a positive number, not {value}")
        if not 0 <= self.start < float("inf"):
            raise ValueError(f"start is at least 0 hours, not {self.start}")
        if self.arrivals not in LAWS:
            raise ValueError(f"arrivals is one of {', '.join(LAWS)}, not '{self.arrivals}'")
        if self.requests is not None and self.requests < 1:
            raise ValueError(f"requests is at least 1, not {self.requests}")

    def draw(self, seed: int) -> Trace:
        """Return the trace; equal seeds give equal traces.

        Raises `ValueError` for a file that cannot be read and for a part of it in which nothing was observed.
        """
        when, what, calm = np.random.default_rng(seed).spawn(3)
        model = self._model()
        streams = self._streams(model, when)
        arrival, user = _merged(streams, when)
        if len(arrival) == 0:
            raise ValueError(f"no request arrives in {streams[0].span / HOUR:g} h at this rate; raise hours or rate")
        trace = _published(arrival, user, what) if model is None else model.at(arrival, what, self.start * HOUR)
        if self.lengths is not None:
            trace = _with_lengths(trace, self.lengths, what)
        arrival = simplified(self.arrivals, arrival, streams[0].span, calm)
        trace = replace(trace, arrival=arrival / self.speed, origin=self._origin())
        return trace if self.requests is None else trace.take(np.arange(min(self.requests, len(trace))))

    def _model(self) -> Workload | None:
        if self.like is None:
            return None
        return Workload.load(self.like) if is_model(self.like) else Workload.fit(read(self.like), self.window)

    def _streams(self, model: Workload | None, chance: np.random.Generator) -> list[Windows]:
        """Return the arrivals of each service, cut, scaled and made burstier as asked."""
        start = self.start * HOUR
        if model is None:
            streams = published.windows(start, (self.hours or 24.0) * HOUR, self.window, chance)
        else:
            span = self.hours * HOUR if self.hours is not None else max(model.windows.span - start, 0.0)
            if span <= 0:
                raise ValueError(f"{self.like}: ends before hour {self.start:g}; lower start or give hours")
            streams = [model.windows.filled().cut(start, span)]
        found = sum(stream.rate for stream in streams)
        if self.rate is not None and not found > 0:
            raise ValueError("nothing arrives in this part, so its rate cannot be scaled; change start or hours")
        factor = 1.0 if self.rate is None else self.rate / found
        return [stream.scaled(factor).burstier(self.burstiness) for stream in streams]

    def _origin(self) -> str:
        law = "" if self.arrivals == "windows" else f", {self.arrivals} arrivals"
        return f"like {self.like}{law}" if self.like else f"BurstGPT as published{law}"


def _merged(streams: list[Windows], chance: np.random.Generator) -> tuple[Floats, Ints]:
    """Return the arrivals of all streams in order, and the stream of each."""
    drawn = [stream.draw(chance) for stream in streams]
    arrival = np.concatenate(drawn)
    if len(streams) == 1:
        return arrival, np.zeros(len(arrival), np.int64)
    order = np.argsort(arrival, kind="stable")
    return arrival[order], np.repeat(np.arange(len(streams)), [len(times) for times in drawn])[order]


def _published(arrival: Floats, user: Ints, chance: np.random.Generator) -> Trace:
    prompt, output = published.lengths(len(arrival), chance)
    failed = chance.random(len(arrival)) < published.FAILED
    api = np.array([service.api for service in published.SERVICES])
    talks = np.flatnonzero(~api[user])
    session = np.full(len(arrival), -1, np.int64)
    session[talks] = published.turns().sessions(arrival[talks], chance)
    return Trace(arrival, prompt, np.where(failed, 0, output), user=user, session=session, failed=failed)


def _with_lengths(trace: Trace, lengths: Lengths, chance: np.random.Generator) -> Trace:
    prompt, output = lengths.draw(len(trace), chance)
    return replace(trace, prompt=prompt, output=output if trace.failed is None else np.where(trace.failed, 0, output))
