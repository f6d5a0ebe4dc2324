"""From router logits to the experts that passes ask for."""

from collections.abc import Iterator

import numpy as np

from evenly.core import Floats, Ints
from evenly.kernel.offload.asked import Asked
from evenly.offload.routings import Shape


def wandering(shape: Shape, bias: Floats, persistence: float, chance: np.random.Generator) -> Iterator[Floats]:
    """Yield the logits of token after token, shape [layer, expert]: a bias, and a part of unit variance that drifts."""
    fresh = np.sqrt(1.0 - persistence**2)
    drift = chance.standard_normal((shape.layers, shape.experts))
    while True:
        yield bias + drift
        drift = persistence * drift + fresh * chance.standard_normal(drift.shape)


def asked(logits: Iterator[Floats], shape: Shape, tokens: Ints, error: float, chance: np.random.Generator) -> Asked:
    """Return what passes of so many tokens ask for; predicted logits are off by a normal error of that deviation."""
    size = (len(tokens), shape.layers, shape.experts)
    loads, guessed = np.zeros(size, np.int64), np.zeros(size, np.int64)
    scores, guess = np.zeros(size), np.zeros(size)
    for t, count in enumerate(tokens.tolist()):
        for _ in range(count):
            true = next(logits)
            seen = true + error * chance.standard_normal(true.shape)
            for values, hits, sums in ((true, loads[t], scores[t]), (seen, guessed[t], guess[t])):
                hits += chosen(values, shape.active)
                sums += softmax(values) / count
    return Asked(loads, scores, guessed, guess)


def chosen(scores: Floats, active: int) -> Ints:
    """Return 1 for the `active` experts with the highest scores of each row, 0 for the others.

    >>> chosen(np.array([[0.1, 0.9, 0.5]]), 2)
    array([[0, 1, 1]])
    """
    found = np.zeros(scores.shape, np.int64)
    best = np.argpartition(-scores, active - 1, axis=-1)[..., :active]
    np.put_along_axis(found, best, 1, axis=-1)
    return found


def softmax(logits: Floats) -> Floats:
    """Return the probabilities of the last axis."""
    raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True))
