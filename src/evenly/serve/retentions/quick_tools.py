"""Keep for a fixed time where the tool is quick on average."""

from dataclasses import dataclass

import numpy as np

from evenly.core import Array, Floats

TOOLS = 64  # tools that are told apart; what others take is not remembered
HEAD = 3  # places of the memory before them; then code, calls and seconds of each


@dataclass(frozen=True, slots=True)
class QuickTools:
    """Keep the blocks for a fixed time after a turn whose tool took at most `limit` seconds on average so far.

    A tool that was not seen yet counts as quick. One mean stands for all calls of a tool: where most are quick and a
    few take minutes, as with tests, its blocks are let go although they would mostly be asked for at once.

    Reference: the public code of Li et al., "Continuum: efficient and robust multi-turn LLM agent scheduling with KV
    cache time-to-live", 2025, which does so in place of the model in the paper.
    """

    ttl: float = 2.0
    "Seconds."
    limit: float = 2.0
    "Mean seconds of a tool up to which it counts as quick."

    def __post_init__(self) -> None:
        for name in ("ttl", "limit"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} is at least 0 seconds, not {getattr(self, name)}")

    def memory(self, seed: int, replicas: int) -> Floats:
        """Return the two fields, and room for what tools took."""
        return np.concatenate(([self.ttl, self.limit, 0.0], np.zeros(3 * TOOLS)))

    @staticmethod
    def learn(now: float, request: int, requests: Array, memory: Floats) -> None:
        """Note how long the tool before a turn took, as the turn comes."""
        own = requests[request]
        if own.parent < 0 or own.start == own.start:  # nothing was done before it, or it came earlier
            return
        last = requests[own.parent]
        for k in range(TOOLS):
            at = HEAD + 3 * k
            if memory[at + 1] > 0.0 and memory[at] != last.tool:
                continue
            memory[at] = last.tool
            memory[at + 1] += 1.0
            memory[at + 2] += own.arrival - last.finish
            return

    @staticmethod
    def seconds(now: float, request: int, requests: Array, memory: Floats) -> float:
        """Return the fixed time, or 0 after a turn whose tool is slow."""
        for k in range(TOOLS):
            at = HEAD + 3 * k
            if memory[at + 1] > 0.0 and memory[at] == requests[request].tool:
                return float(memory[0]) if memory[at + 2] <= memory[1] * memory[at + 1] else 0.0
        return float(memory[0])
