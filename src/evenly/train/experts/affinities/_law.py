"""What the synthetic affinities share: logits of tokens with normal features."""

from functools import lru_cache

import numpy as np

from evenly.core import Floats
from evenly.train.experts.affinities import Shape


@lru_cache(maxsize=64)
def router(experts: int, inputs: int, layer: int, seed: int, turn: int = 0) -> tuple[Floats, Floats]:
    """Return weights, shape [input, expert], with logits of variance 1, and normal offsets of the experts."""
    chance = np.random.default_rng([seed, 41, layer, turn])
    return chance.standard_normal((inputs, experts)) / np.sqrt(inputs), chance.standard_normal(experts)


def scores(shape: Shape, weights: Floats, offsets: Floats, layer: int, step: int, seed: int) -> Floats:
    """Return the sigmoid of the logits of the tokens of a step."""
    chance = np.random.default_rng([seed, 42, layer, step])
    features = chance.standard_normal((shape.tokens, len(weights)), np.float32)
    logits = features @ -weights.astype(np.float32)
    logits -= offsets.astype(np.float32)
    np.exp(logits, out=logits)  # in place: fresh memory for each of a thousand steps costs more than the sums
    logits += 1.0
    found = np.empty(logits.shape)
    np.divide(1.0, logits, out=found)
    return found
