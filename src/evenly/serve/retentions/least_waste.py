"""Keep or discard, whichever wastes less memory."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from evenly.core import Array, Floats

TOOLS = 64  # tools that are told apart; others go by the mean of all
CONTEXT, HEAD = 4, 5  # places of the memory: tokens of those that run, then code, calls and seconds of each tool


@dataclass(frozen=True, slots=True)
class LeastWaste:
    """Keep the blocks of a paused program if that wastes less memory, over time, than to compute them again.

    Kept, a context of C tokens lies idle for the pause, whose mean is that of the tool so far. Discarded, it takes
    R seconds to compute again, in which its own memory and that of the C' tokens of everybody who runs does nothing
    else: it is kept while pause x C < R x (C + C'). Right on average; the few long pauses of a quick tool are kept
    as well. The publication's third way, to swap the context out and in again, needs a host tier for paused programs,
    which the serving kernel does not have.

    Reference: Abhyankar et al., "InferCept: efficient intercept support for augmented large language model inference",
    ICML 2024.
    """

    derives: ClassVar[tuple[str, ...]] = ("rebuild",)

    pause: float = 1.0
    "Mean seconds of a pause, before any was seen."
    rebuild: tuple[float, float, float] | None = None
    "Seconds to compute n tokens again, as (a, b, c) of a n^2 + b n + c; by default fitted to the cost model."

    def __post_init__(self) -> None:
        if not 0 < self.pause < float("inf"):
            raise ValueError(f"pause is a positive number of seconds, not {self.pause}")
        if self.rebuild is not None and not all(map(math.isfinite, self.rebuild)):
            raise ValueError(f"rebuild is three numbers a, b, c of seconds, not {self.rebuild}")

    def memory(self, seed: int, replicas: int) -> Floats:
        """Return the fields, and room for what is learnt.

        Raises `ValueError` if nobody said what it takes to compute a context again.
        """
        if self.rebuild is None:
            raise ValueError(
                "least-waste needs the time to compute a context again: name a scenario with its cost model, or give "
                "rebuild: [a, b, c] for a n^2 + b n + c seconds"
            )
        return np.concatenate(([*self.rebuild, self.pause, 0.0], np.zeros(3 * (1 + TOOLS))))

    @staticmethod
    def learn(now: float, request: int, requests: Array, memory: Floats) -> None:
        """Count the tokens of those that run, and note how long tools take."""
        own = requests[request]
        if not math.isnan(own.finish):
            memory[CONTEXT] -= own.prompt
            return
        if not math.isnan(own.start):
            memory[CONTEXT] += own.prompt
            return
        if own.parent < 0:
            return
        last = requests[own.parent]
        for k in range(1 + TOOLS):  # the first row is that of all tools
            at = HEAD + 3 * k
            if k > 0 and memory[at + 1] > 0.0 and memory[at] != last.tool:
                continue
            memory[at] = last.tool
            memory[at + 1] += 1.0
            memory[at + 2] += own.arrival - last.finish
            if k > 0:
                return

    @staticmethod
    def seconds(now: float, request: int, requests: Array, memory: Floats) -> float:
        """Return a time that never ends, or 0."""
        own = requests[request]
        pause = memory[3]
        for k in range(1 + TOOLS):
            at = HEAD + 3 * k
            if memory[at + 1] > 0.0 and (k == 0 or memory[at] == own.tool):
                pause = memory[at + 2] / memory[at + 1]
        tokens = float(own.prompt + own.output)
        again = memory[0] * tokens * tokens + memory[1] * tokens + memory[2]
        return math.inf if pause * tokens < again * (tokens + memory[CONTEXT]) else 0.0
