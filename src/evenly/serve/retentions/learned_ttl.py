"""Keep for the time that is worth most, learnt from tools, queue and cost."""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from evenly.core import Array, Floats

TOOLS = 64  # tools that are told apart; others go by the pauses of all
HISTORY = 1024  # pauses that are remembered of a tool, and of all: shares of them are exact to 0.1%
PAIRS, WAITS, HEAD = 8, 14, 16  # places of the memory: sums over programs, waits seen, the last waits
ROW = 2 + HISTORY  # of a tool: its code, pauses seen, and the last ones


@dataclass(frozen=True, slots=True)
class LearnedTtl:
    """Keep the blocks of a paused program as long as they are likely to be asked for in time to pay for themselves.

    Kept for t seconds, they are worth P(t) B - price x t: P(t) is the share of the tool's pauses that were at most t,
    and B = eta T + R the seconds that the next turn saves. R is the time to compute the context again; T the mean
    wait of the last turns that came back to a cache which had not been kept; eta how far the turns that a program has
    had tell how many are left, from 1 (all programs are equally long) to 0 (nothing). The best t is 0 or one of the
    pauses seen. A tool with few samples goes by the pauses of all tools; with few samples at all they are taken to be
    exponential, and t is ln B for a mean of 1 s. Beats every fixed time where pauses are many-valued and memory is
    short; where memory suffices all retentions tie.

    Reference: Li et al., "Continuum: efficient and robust multi-turn LLM agent scheduling with KV cache time-to-live",
    2025. The number of waits that T is taken over is not published.
    """

    derives: ClassVar[tuple[str, ...]] = ("rebuild", "kv_tokens")

    hold_price: Literal["second", "memory-share"] = "second"
    "What a second of keeping costs: a second saved, or that times the share of the KV cache that is kept."
    samples: int = 100
    "Pauses beyond which a distribution is trusted."
    window: int = 100
    "Waits of turns that the mean is taken over."
    mean_pause: float = 1.0
    "Mean seconds of a pause, before enough are seen."
    rebuild: tuple[float, float, float] | None = None
    "Seconds to compute n tokens again, as (a, b, c) of a n^2 + b n + c; by default fitted to the cost model."
    kv_tokens: int | None = None
    "Tokens of the KV cache; by default those of the replica."

    def __post_init__(self) -> None:
        if self.hold_price not in ("second", "memory-share"):
            raise ValueError(f"hold_price is second or memory-share, not '{self.hold_price}'")
        if not 0 <= self.samples < HISTORY:
            raise ValueError(f"samples is at least 0 and below {HISTORY}, which are remembered, not {self.samples}")
        if not 1 <= self.window <= 1_000_000:
            raise ValueError(f"window is at least 1 wait and at most 1000000, not {self.window}")
        if not 0 < self.mean_pause < float("inf"):
            raise ValueError(f"mean_pause is a positive number of seconds, not {self.mean_pause}")
        if self.rebuild is not None and not all(map(math.isfinite, self.rebuild)):
            raise ValueError(f"rebuild is three numbers a, b, c of seconds, not {self.rebuild}")
        if self.kv_tokens is not None and self.kv_tokens < 1:
            raise ValueError(f"kv_tokens is at least 1, not {self.kv_tokens}")

    def memory(self, seed: int, replicas: int) -> Floats:
        """Return the fields, and room for what is learnt.

        Raises `ValueError` if nobody said what it takes to compute a context again.
        """
        if self.rebuild is None or self.kv_tokens is None:
            raise ValueError(
                "learned-ttl needs the time to compute a context again and the size of the KV cache: name a scenario "
                "with its cost model, or give rebuild: [a, b, c] for a n^2 + b n + c seconds, and kv_tokens"
            )
        made = np.zeros(HEAD + self.window + (1 + TOOLS) * ROW)
        share = 1.0 / self.kv_tokens if self.hold_price == "memory-share" else 0.0
        made[:PAIRS] = [*self.rebuild, share, self.samples, self.mean_pause, self.window, 0.0]
        return made

    @staticmethod
    def learn(now: float, request: int, requests: Array, memory: Floats) -> None:
        """Note the turns of a program that ends, the wait of a turn that starts, the pause before one that comes."""
        own = requests[request]
        if not math.isnan(own.finish):
            if own.last_turn != 0:  # k turns had, N - k left, for k from 1 to N
                turns = float(own.turn + 1)
                had, squares = turns * (turns + 1) / 2, turns * (turns + 1) * (2 * turns + 1) / 6
                memory[PAIRS] += turns
                memory[PAIRS + 1] += had
                memory[PAIRS + 2] += turns * turns - had
                memory[PAIRS + 3] += squares
                memory[PAIRS + 4] += turns**3 - 2 * turns * had + squares
                memory[PAIRS + 5] += turns * had - squares
            return
        if own.parent < 0:
            return
        last = requests[own.parent]
        if not math.isnan(own.start):
            if last.kept == 0:
                memory[HEAD + int(memory[WAITS]) % int(memory[6])] = own.start - own.arrival
                memory[WAITS] += 1
            return
        pause = own.arrival - last.finish
        first = HEAD + int(memory[6])
        for k in range(1 + TOOLS):
            at = first + k * ROW
            if k > 0 and memory[at + 1] > 0.0 and memory[at] != last.tool:
                continue
            memory[at] = last.tool
            memory[at + 2 + int(memory[at + 1]) % HISTORY] = pause
            memory[at + 1] += 1.0
            if k > 0:
                return

    @staticmethod
    def seconds(now: float, request: int, requests: Array, memory: Floats) -> float:
        """Return the time that is worth most."""
        own = requests[request]
        tokens = float(own.prompt + own.output)
        benefit = memory[0] * tokens * tokens + memory[1] * tokens + memory[2]
        window = int(memory[6])
        waits = min(int(memory[WAITS]), window)
        if waits > 0:
            count, had, left = memory[PAIRS], memory[PAIRS + 1], memory[PAIRS + 2]
            spread = (count * memory[PAIRS + 3] - had * had) * (count * memory[PAIRS + 4] - left * left)
            eta = 1.0
            if spread > 0.0:
                eta = -(count * memory[PAIRS + 5] - had * left) / math.sqrt(spread)
            total = 0.0
            for k in range(waits):
                total += memory[HEAD + k]
            benefit += min(1.0, max(-1.0, eta)) * total / waits
        price = tokens * memory[3] if memory[3] > 0.0 else 1.0
        chosen = HEAD + window  # the pauses of all tools
        if memory[chosen + 1] <= memory[4]:
            if benefit <= price * memory[5]:
                return 0.0
            return float(memory[5] * math.log(benefit / (price * memory[5])))
        for k in range(1, 1 + TOOLS):
            at = HEAD + window + k * ROW
            if memory[at + 1] > memory[4] and memory[at] == own.tool:
                chosen = at
        size = min(int(memory[chosen + 1]), HISTORY)
        pauses = np.sort(memory[chosen + 2 : chosen + 2 + size])
        most, best = 0.0, 0.0
        for k in range(size):
            worth = (k + 1) / size * benefit - price * pauses[k]
            if worth > most:
                most, best = worth, pauses[k]
        return float(best)
