"""The services of a row: lengths of their requests, and who answers which."""

from dataclasses import dataclass

import numpy as np

from evenly.hardware.server import Phases


@dataclass(frozen=True, slots=True)
class Service:
    """Requests of one kind; lengths are uniform."""

    name: str
    prompt: tuple[int, int]
    "Least and greatest tokens of a prompt."
    output: tuple[int, int]
    "Least and greatest tokens of an answer."

    def seconds(self, phases: Phases) -> float:
        """Return the mean time of a request at full clock.

        >>> from evenly.hardware.server import phases
        >>> round(SERVICES[0].seconds(phases("bloom-176b")), 1)
        75.6
        """
        prompts = np.arange(self.prompt[0], self.prompt[1] + 1)
        return float(phases.prompt_seconds(prompts).mean()) + phases.token_seconds * sum(self.output) / 2


# Each a quarter of the servers: server s serves the one at s modulo 4, so even servers have high priority.
SERVICES = (
    Service("search", (512, 2048), (1024, 2048)),
    Service("summarise", (2048, 8192), (256, 512)),
    Service("chat", (2048, 4096), (128, 2048)),
    Service("chat", (2048, 4096), (128, 2048)),
)
