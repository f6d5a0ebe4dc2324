"""The augmentations of a chat model."""

from dataclasses import dataclass

import numpy as np

from evenly.core import Floats, Ints

# Published mean and variance of the seconds of a call.
TABLE = {
    "calculator": (9e-5, 0.0),  # no variance is published for it
    "virtual environment": (0.09, 0.014),
    "question answering": (0.69, 0.17),
    "image": (20.0, 7.8),
    "speech": (17.2, 7.6),
    "chat": (28.6, 15.6),
}


@dataclass(frozen=True, slots=True)
class Interceptions:
    """Call the six augmentations that InferCept measured, from a calculator to a person who answers.

    Each is called equally often. Calls are lognormal with the published mean and variance, five orders of magnitude
    from end to end, so that no single time fits all and the tool tells most.

    Reference: Abhyankar et al., "InferCept: efficient intercept support for augmented large language model inference",
    ICML 2024. Mean and variance are published, the law is not.
    """

    def draw(self, count: int, chance: np.random.Generator) -> tuple[Ints, Floats]:
        """Return calls; the codes count the augmentations in the order of the table."""
        mean, variance = np.array(list(TABLE.values())).T
        spread = np.log1p(variance / mean**2)  # of the logarithm
        tool = chance.integers(0, len(TABLE), count)
        median = mean * np.exp(-spread / 2)
        return tool, median[tool] * np.exp(np.sqrt(spread[tool]) * chance.standard_normal(count))
