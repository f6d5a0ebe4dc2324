"""Pairs of causal attention within documents, counted by stretches that ranks hold."""

from collections.abc import Iterator

import numpy as np

from evenly.core import Floats, Ints


def by_document(documents: Ints, chunks: int) -> Iterator[Floats]:
    """Yield the tokens of each document in each chunk, where every document is cut by itself."""
    for tokens in documents.tolist():
        yield np.full(chunks, tokens / chunks)


def as_packed(documents: Ints, chunks: int) -> Iterator[Floats]:
    """Yield the tokens of each document in each chunk, where the packed sequence is cut.

    >>> [held.tolist() for held in as_packed(np.array([3, 1]), 2)]
    [[2.0, 1.0], [0.0, 1.0]]
    """
    ends = np.cumsum(documents).astype(np.float64)
    cuts = np.linspace(0.0, ends[-1], chunks + 1)
    for begin, end in zip(ends - documents, ends, strict=True):
        yield np.clip(np.minimum(cuts[1:], end) - np.maximum(cuts[:-1], begin), 0.0, None)


def ring_pairs(held: Iterator[Floats], owner: Ints, ranks: int) -> Floats:
    """Return the pairs of each step and rank, shape [ranks, ranks], where keys go round a ring.

    `held` are the tokens of each document in each chunk, `owner` is the rank of each chunk.

    >>> ring_pairs(by_document(np.array([4]), 2), np.array([0, 1]), 2)
    array([[3., 3.],
           [0., 4.]])
    """
    of = np.zeros((ranks, ranks))  # pairs by rank of the query and rank of the key
    rows, columns = np.meshgrid(owner, owner, indexing="ij")
    for tokens in held:
        pairs = np.tril(np.outer(tokens, tokens), -1)
        np.fill_diagonal(pairs, tokens * (tokens + 1) / 2)
        np.add.at(of, (rows, columns), pairs)
    return in_turn(of)


def in_turn(of: Floats) -> Floats:
    """Return pairs by query and key rank as pairs by step and rank: in step s rank r has the keys of rank r - s."""
    rank = np.arange(len(of))
    return np.stack([of[rank, (rank - step) % len(of)] for step in rank])
