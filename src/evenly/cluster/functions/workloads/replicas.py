"""Replicas of language models that scale to zero."""

from dataclasses import dataclass, field

import numpy as np

from evenly.cluster.functions.calls import Calls, Functions
from evenly.core import Floats, Ints
from evenly.hardware import loading
from evenly.hardware.costs.roofline import Roofline
from evenly.hardware.device import device
from evenly.hardware.loading import DISK, IMAGE, WARM_UP
from evenly.hardware.model import Model, model
from evenly.traces.lengths import Lengths
from evenly.traces.lengths.quantiles import Quantiles

NO_TOKENS: Ints = np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True)
class Replicas:
    """Requests for many fine-tuned copies of a model, each with replicas of its own, none while nobody asks.

    A cold start pulls the image, reads the weights and warms up; a pool holds devices on which the image is there.
    Copies are asked for by Zipf's law, each by chance. A request takes what its passes take at the roofline of the
    device; where a replica batches, with `concurrency`, each other request in the batch lengthens it as a second one of
    mean length does there.
    """

    model: str = "llama-3.1-8b"
    "Name of the model."
    device: str = "a100-80gb"
    "Name of the accelerator."
    copies: int = 40
    "Number of fine-tuned copies."
    rate: float = 0.1
    "Requests a second for all copies."
    skew: float = 1.0
    "Exponent of Zipf's law: the k-th copy is asked for k ** -skew times as often as the first; an assumption."
    hours: float = 24.0
    "Length of the workload."
    image: float = IMAGE
    "Seconds to get a device and the image of the server: as a pod from scratch of the published platform."
    bandwidth: float = DISK
    "Bytes/s at which weights are read; an assumption, a local disk."
    warm_up: float = WARM_UP
    "Seconds from loaded weights to the first request: memory is set up, kernels are captured; an assumption."
    lengths: Lengths = field(default_factory=Quantiles)
    "Prompt and output tokens."

    def __post_init__(self) -> None:
        if not 1 <= self.copies <= 1_000_000:
            raise ValueError(f"copies is 1 to 1,000,000, not {self.copies}")
        for name in ("rate", "hours", "bandwidth"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ValueError(f"{name} is positive and finite, not {getattr(self, name)}")
        for name in ("skew", "image", "warm_up"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ValueError(f"{name} is at least 0 and finite, not {getattr(self, name)}")

    def draw(self, seed: int) -> Calls:
        """Return the requests in order of arrival."""
        chance = np.random.default_rng([seed, 37])
        span = self.hours * 3600.0
        count = int(chance.poisson(self.rate * span))
        arrival = np.sort(chance.random(count) * span)
        odds = np.arange(1.0, self.copies + 1) ** -self.skew
        function: Ints = chance.choice(self.copies, count, p=odds / odds.sum())
        prompt, output = self.lengths.draw(count, chance)
        known = model(self.model)
        start = loading.parts(known, self.image, self.bandwidth, self.warm_up)
        parts = np.tile(start, (count, 1))
        none: Ints = np.zeros(self.copies, np.int64)
        lead = np.full(self.copies, start.sum())
        functions = Functions(none, none, none, none + 1, lead, ("request-S",), (self.model,), (self.device,))
        origin = f"{self.copies} copies of {self.model} on {self.device}"
        lasting = self._seconds(known, prompt, output, 1)
        slowdown = 0.0
        if count:
            mean = np.array([round(prompt.mean())]), np.array([round(output.mean())])
            slowdown = float(self._seconds(known, *mean, 2)[0] / self._seconds(known, *mean, 1)[0]) - 1.0
        return Calls(
            functions, function, arrival, lasting, parts, parts, span, origin, 0.0, self.image, slowdown=slowdown
        )

    def _seconds(self, known: Model, prompt: Ints, output: Ints, batch: int) -> Floats:
        """Return how long each request takes in a batch of equal ones: their prompts, then one pass for each token."""
        cost = Roofline()
        tables = cost.tables(known, device(self.device), 1)
        found = np.empty(len(prompt))
        for k, (tokens, rest) in enumerate(zip(prompt.tolist(), (output - 1).tolist(), strict=True)):
            first, *_ = cost.seconds(np.array([tokens]), np.zeros(1, np.int64), 0, 0.0, 0, tables)
            base, growth, _ = cost.seconds(NO_TOKENS, NO_TOKENS, batch, float(batch * tokens), tokens, tables)
            found[k] = batch * first + rest * base + growth * rest * (rest - 1) / 2
        return found
