"""Agent programs."""

from dataclasses import dataclass, field

import numpy as np

from evenly.core import Trace
from evenly.traces.chains import chains, lognormal
from evenly.traces.tools import Tools
from evenly.traces.tools.lognormal import Lognormal
from evenly.traces.users import zipf

FEWEST = 3  # turns of a program in the fitted generator


@dataclass(frozen=True, slots=True)
class Agents:
    """Programs that call a model, run a tool, and call again with all that was said and found.

    Programs start by Poisson's law. Each turn repeats the whole context, adds what the tool returned, and arrives when
    the tool is done, so the KV cache of a program lies idle in between. Short outputs, long prompts, hits above 90%
    if the cache is kept. The defaults are a generator fitted to coding agents on SWE-smith.

    Reference: H. Li et al., "Continuum: Efficient and Robust Multi-Turn LLM Agent Scheduling with KV Cache
    Time-to-Live", 2025, and its public replication with 17.9 turns a program.

    >>> trace = Agents(programs=1, tools=Lognormal(sigma=0.0)).draw(seed=0)
    >>> trace.pause[1:3].tolist()
    [1.0, 1.0]
    """

    programs: int = 100
    "Number of programs."
    rate: float = 1.0
    "Programs that begin in a second."
    turns: float = 17.9
    "Mean turns of a program; normal with `turns_deviation`, at least 3."
    turns_deviation: float = 5.0
    "Standard deviation of the turns."
    system: int = 0
    "Tokens at the head of the first prompt that all programs share: instructions and tools."
    first: float = 2100.0
    "Mean tokens of the first prompt, the shared ones included; normal with `first_deviation`."
    first_deviation: float = 500.0
    "Standard deviation of the first prompt."
    added: float = 540.0
    "Mean tokens that a tool adds to the context; lognormal."
    added_sigma: float = 0.8
    "Standard deviation of its logarithm."
    output_median: float = 30.0
    "Median tokens of an output; lognormal."
    output_sigma: float = 0.6
    "Standard deviation of its logarithm."
    tools: Tools = field(default_factory=Lognormal)
    "Which tools are called, and how long each call takes."
    users: int = 0
    "Users who share the programs by Zipf's law: the k-th starts 1/k as many as the first; 0 names no users."
    context: int = 131_072
    "A program ends before its prompt and output exceed this."

    def __post_init__(self) -> None:
        least = {"programs": 1, "system": 0, "users": 0, "context": 2}
        for name, value in least.items():
            if getattr(self, name) < value:
                raise ValueError(f"{name} is at least {value}, not {getattr(self, name)}")
        for name in ("rate", "first", "added", "output_median"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ValueError(f"{name} is a positive number, not {getattr(self, name)}")
        for name in ("turns_deviation", "first_deviation", "added_sigma", "output_sigma"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ValueError(f"{name} is at least 0, not {getattr(self, name)}")
        if not 1 <= self.turns < float("inf"):
            raise ValueError(f"turns is at least 1, not {self.turns}")
        if self.system >= min(self.first, self.context - 1):
            raise ValueError(
                f"system ({self.system}) is a part of the first prompt ({self.first:g}) and of the context"
            )

    def draw(self, seed: int) -> Trace:
        """Return the trace; turns after the first wait for the one before and for the tool."""
        chance = np.random.default_rng(seed)
        begin = np.cumsum(chance.exponential(1.0 / self.rate, self.programs))
        turns = np.rint(chance.normal(self.turns, self.turns_deviation, self.programs))
        turns = np.maximum(turns, min(FEWEST, self.turns)).astype(np.int64)
        count = int(turns.sum())
        median = self.added * np.exp(-(self.added_sigma**2) / 2)
        added = lognormal(median, self.added_sigma, 1, self.context, count, chance)
        opening = np.rint(chance.normal(self.first, self.first_deviation, self.programs)).astype(np.int64)
        added[np.cumsum(turns) - turns] = np.clip(opening - self.system, 1, self.context - self.system - 1)
        output = lognormal(self.output_median, self.output_sigma, 1, self.context, count, chance)
        origin = f"{self.programs} agent programs, {self.rate:g} a second"
        tool, pause = self.tools.draw(count, chance)
        user = zipf(self.users, self.programs, chance)
        return chains(begin, turns, added, output, pause, self.system, self.context, origin, tool, user)
