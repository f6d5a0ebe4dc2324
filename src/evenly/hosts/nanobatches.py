"""Two nano-batches on two threads: matrix products of one while the attention of the other reads its caches.

The decoder really computes, so that it shows two things: splitting a batch leaves the outputs alone, and how much two
cores gain from it.
"""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from evenly.core import Ints
from evenly.hosts.decoder import Cache, Network, Reals, attend, norm

Batch = list[tuple[Cache, Ints]]


@dataclass(slots=True)
class _Half:
    """A nano-batch on its way through the layers."""

    batch: Batch
    x: Reals
    seen: "Future[Reals] | None" = field(default=None)


def logits(network: Network, batch: Batch) -> Reals:
    """Return the score of every token after each request, computed in one piece on one thread; caches grow."""
    half = _enter(network, batch)
    for layer in range(network.shape.layers):
        half.x = _leave(network, layer, half.x, _attention(batch, layer, norm(half.x) @ network.attention[layer][0]))
    return _finish(network, half)


def overlapped(network: Network, batch: Batch) -> Reals:
    """Return the same, computed in two nano-batches: attention on a second thread, all else on this one."""
    middle = len(batch) // 2
    halves = [_enter(network, part) for part in (batch[:middle], batch[middle:]) if part]
    with ThreadPoolExecutor(1) as attention:
        for layer in range(network.shape.layers):
            for half in halves:
                if half.seen is not None:
                    half.x = _leave(network, layer - 1, half.x, half.seen.result())
                mixed = norm(half.x) @ network.attention[layer][0]
                half.seen = attention.submit(_attention, half.batch, layer, mixed)
        for half in halves:
            assert half.seen is not None
            half.x = _leave(network, network.shape.layers - 1, half.x, half.seen.result())
    return np.concatenate([_finish(network, half) for half in halves])


def measure(network: Network, contexts: Ints, seed: int, rounds: int = 5) -> tuple[float, float]:
    """Return the gain in wall time of `overlapped` decodes with these contexts, and the largest difference of a score.

    The difference is a part of the largest score; infinite if any request would go on with another token. The best of
    several rounds of each, in turn; products and attention have one thread each.
    """
    from threadpoolctl import threadpool_limits

    chance = np.random.default_rng(seed)
    prompts = [chance.integers(0, network.shape.vocabulary, size) for size in contexts]
    filled: list[Batch] = [[(Cache(network.shape), tokens) for tokens in prompts] for _ in range(2)]
    found: list[Reals] = []
    best = [np.inf, np.inf]
    with threadpool_limits(1):
        for way, batch in zip((logits, overlapped), filled, strict=True):
            way(network, batch)
        token = np.zeros(1, np.int64)
        for _ in range(rounds):
            found = []
            for k, way in enumerate((logits, overlapped)):
                start = time.perf_counter()
                found.append(way(network, [(cache, token) for cache, _ in filled[k]]))
                best[k] = min(best[k], time.perf_counter() - start)
    apart = np.abs(found[0] - found[1]).max() / np.abs(found[0]).max()
    same = np.array_equal(found[0].argmax(axis=1), found[1].argmax(axis=1))
    return best[0] / best[1], float(apart) if same else float("inf")


def _enter(network: Network, batch: Batch) -> _Half:
    for cache, tokens in batch:
        cache.reserve(cache.length + len(tokens))
    places = np.concatenate([np.arange(cache.length, cache.length + len(tokens)) for cache, tokens in batch])
    return _Half(batch, network.tokens[np.concatenate([tokens for _, tokens in batch])] + network.places[places])


def _attention(batch: Batch, layer: int, mixed: Reals) -> Reals:
    ends = np.cumsum([len(tokens) for _, tokens in batch])
    parts = [
        attend(cache, layer, mixed[end - len(tokens) : end]) for (cache, tokens), end in zip(batch, ends, strict=True)
    ]
    return np.concatenate(parts)


def _leave(network: Network, layer: int, x: Reals, seen: Reals) -> Reals:
    widen, narrow = network.network[layer]
    x = x + seen @ network.attention[layer][1]
    return np.asarray(x + np.maximum(norm(x) @ widen, 0.0) @ narrow)


def _finish(network: Network, half: _Half) -> Reals:
    ends = np.cumsum([len(tokens) for _, tokens in half.batch])
    for cache, tokens in half.batch:
        cache.length += len(tokens)
    return np.asarray(norm(half.x[ends - 1]) @ network.head)
