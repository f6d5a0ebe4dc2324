"""Least slack first."""

import math
from dataclasses import dataclass

from evenly.core import Array, Floats


@dataclass(frozen=True, slots=True)
class SloSlack:
    """Serve first what can least afford to wait: time to its deadline less the seconds that its prompt still needs.

    Requests of mixed urgency or mixed prompts keep their limits where first come, first served misses some. Beyond
    saturation it serves those that are late already and all become late: shed load, or order by length then. Among
    equal prompts it is earliest deadline first.

    Reference: M. L. Dertouzos and A. K. Mok, "Multiprocessor on-line scheduling of hard-real-time tasks", 1989.
    """

    ttft: float = 1.0
    "Seconds to the first token for requests that name no deadline of their own; 1 as in the default SLO."
    rate: float = 12_500.0
    "Prompt tokens that a replica computes in a second; the default is the roofline of Llama-3.1-8B on an A100-80GB."

    def __post_init__(self) -> None:
        if not 0 < self.ttft < float("inf"):
            raise ValueError(f"ttft is a positive number of seconds, not {self.ttft}")
        if not 0 < self.rate < float("inf"):
            raise ValueError(f"rate is a positive number of tokens a second, not {self.rate}")

    @staticmethod
    def rank(now: float, sequence: int, request: int, requests: Array, flows: Array, memory: Floats) -> float:
        """Return when the prompt must begin at the latest; slack is that less the time, which all have in common."""
        due = requests[request].deadline
        if due == math.inf:
            due = memory[0]
        prompt = requests[request].prompt + requests[request].generated
        return float(requests[request].arrival + due - prompt / memory[1])
