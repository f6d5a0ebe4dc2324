"""The weights of a small transformer, the part of them that a worker has, and the plain forward pass.

Letters: N tokens, W width, V vocabulary, C context.
"""

from dataclasses import dataclass, replace

import numpy as np

from evenly.core import Ints
from evenly.hosts.decoder import Cache, Reals, Shape, attend, norm
from evenly.plan.layout import Layout

WORKERS = 2
WAYS = {"TP2": Layout(tensor=2), "PP2": Layout(stages=2), "DP2": Layout(replicas=2)}
"""The layouts of two devices, by what they are called."""


@dataclass(frozen=True, slots=True)
class Layer:
    """Matrices of a layer, or of one worker's heads and columns of it."""

    project: Reals
    "Queries, keys and values side by side, shape [W, 3 W]."
    back: Reals
    "Shape [W, W]."
    widen: Reals
    "Shape [W, 4 W]."
    narrow: Reals
    "Shape [4 W, W]."


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """A transformer, or a worker's part of one; the output head is not the embedding, so that tokens vary."""

    shape: Shape
    "Of the caches that it needs: its own layers and heads."
    tokens: Reals
    "Shape [V, W]."
    places: Reals
    "Shape [C, W]."
    layers: tuple[Layer, ...]
    head: Reals
    "Shape [W, V]."


def drawn(shape: Shape, seed: int) -> Weights:
    """Return random weights that keep the size of what they multiply."""
    chance = np.random.default_rng([seed, 43])
    width = shape.width

    def matrix(rows: int, columns: int) -> Reals:
        return chance.standard_normal((rows, columns), np.float32) / np.float32(np.sqrt(rows))

    layers = tuple(
        Layer(matrix(width, 3 * width), matrix(width, width), matrix(width, 4 * width), matrix(4 * width, width))
        for _ in range(shape.layers)
    )
    tokens = chance.standard_normal((shape.vocabulary, width), np.float32)
    places = chance.standard_normal((shape.context, width), np.float32) / np.float32(2.0)
    return Weights(shape, tokens, places, layers, matrix(width, shape.vocabulary))


def cut(weights: Weights, layout: Layout, worker: int) -> Weights:
    """Return the part of a worker: its stage's layers, and of each matrix its rank's heads or columns.

    Raises `ValueError` if layers, heads or vocabulary do not divide.
    """
    shape, parts = weights.shape, layout.tensor
    if shape.layers % layout.stages or shape.heads % parts or shape.vocabulary % parts:
        raise ValueError(f"{layout.title} divides layers, heads and vocabulary, which are not those of {shape}")
    own = shape.layers // layout.stages
    first = own * (worker % layout.stages)
    rank = worker % parts

    def columns(matrix: Reals) -> Reals:
        return np.ascontiguousarray(np.split(matrix, parts, axis=-1)[rank])

    def rows(matrix: Reals) -> Reals:
        return np.split(matrix, parts)[rank]

    def heads(matrix: Reals) -> Reals:
        return columns(matrix.reshape(len(matrix), 3, -1)).reshape(len(matrix), -1)

    layers = tuple(
        Layer(heads(each.project), rows(each.back), columns(each.widen), rows(each.narrow))
        for each in weights.layers[first : first + own]
    )
    kept = replace(shape, layers=own, width=shape.width // parts, heads=shape.heads // parts)
    return Weights(kept, weights.tokens, weights.places, layers, columns(weights.head))


def plain(weights: Weights, text: Ints) -> Reals:
    """Return the scores of every next token after each position of a text, shape [N, V], in one piece."""
    cache = Cache(weights.shape)
    cache.reserve(len(text))
    x = weights.tokens[text] + weights.places[: len(text)]
    for k, layer in enumerate(weights.layers):
        x = x + attend(cache, k, norm(x) @ layer.project) @ layer.back
        x = x + np.maximum(norm(x) @ layer.widen, 0.0) @ layer.narrow
    return np.asarray(norm(x) @ weights.head)
