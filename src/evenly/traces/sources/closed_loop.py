"""Clients that wait for their answers."""

from dataclasses import dataclass, field

import numpy as np

from evenly.core import Trace
from evenly.traces.lengths import Lengths
from evenly.traces.lengths.normal import Normal


@dataclass(frozen=True, slots=True)
class ClosedLoop:
    """A fixed number of clients; each sends its next request when the last one has ended, after thinking."""

    clients: int = 16
    "Clients at work at the same time."
    requests: int = 512
    "Requests of all clients together, dealt out in turn."
    think: float = 0.0
    "Mean seconds between an answer and the next request, exponentially distributed."
    lengths: Lengths = field(default_factory=Normal)
    "Law of prompt and output length."

    def __post_init__(self) -> None:
        if self.clients < 1 or self.requests < 1:
            raise ValueError(f"clients and requests are at least 1, not {self.clients} and {self.requests}")
        if not 0 <= self.think < float("inf"):
            raise ValueError(f"think is at least 0 seconds, not {self.think}")

    def draw(self, seed: int) -> Trace:
        """Return chains of requests, one chain a client."""
        chance = np.random.default_rng(seed)
        prompt, output = self.lengths.draw(self.requests, chance)
        after = np.arange(self.requests) - self.clients
        pause = chance.exponential(self.think, self.requests) if self.think else np.zeros(self.requests)
        return Trace(
            arrival=np.zeros(self.requests),
            prompt=prompt,
            output=output,
            user=np.arange(self.requests) % self.clients,
            after=np.maximum(after, -1),
            pause=pause,
            origin=f"{self.clients} clients in a closed loop",
        )
