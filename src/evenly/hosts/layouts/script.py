"""Which requests are computed in which pass: seats are refilled in order as answers end."""

from collections import deque
from dataclasses import dataclass

from evenly.core import Ints


@dataclass(frozen=True, slots=True)
class Pass:
    """What one engine computes at once."""

    decodes: tuple[int, ...]
    "Requests that compute their last token."
    prompts: tuple[int, ...]
    "Requests that compute their whole prompt."

    @property
    def texts(self) -> tuple[int, ...]:
        """Return all requests: each gets a token."""
        return self.decodes + self.prompts


def script(requests: range, output: Ints, seats: int) -> list[Pass]:
    """Return the passes of an engine that has all its requests from the start.

    Who is computed hangs on lengths alone, never on time, so a script is known before it runs.

    >>> import numpy as np
    >>> [(one.decodes, one.prompts) for one in script(range(3), np.array([2, 1, 1]), seats=2)]
    [((), (0, 1)), ((0,), (2,))]
    """
    waiting, running = deque(requests), list[int]()
    left = {i: int(output[i]) for i in requests}
    passes = []
    while waiting or running:
        prompts = [waiting.popleft() for _ in range(min(len(waiting), seats - len(running)))]
        passes.append(Pass(tuple(running), tuple(prompts)))
        for i in passes[-1].texts:
            left[i] -= 1
        running = [i for i in passes[-1].texts if left[i] > 0]
    return passes
