"""A small decoder that really computes, under the engines of the simulator.

It takes the place of a cost model. The serving loop composes a pass; the decoder computes it with numpy, keeps keys and
values, picks the next tokens, and answers with the seconds that this took. So engines and policies run unchanged on
measured passes, and the tokens tell whether chunking, preemption and prefix hits left the outputs alone.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from evenly.core import Array, Floats, Ints
from evenly.hardware.device import Device
from evenly.hardware.model import Model

Reals = NDArray[np.float32]
GROWTH = 256  # positions by which a cache grows


@dataclass(frozen=True, slots=True)
class Shape:
    """Size of the network; its weights are random."""

    layers: int = 4
    width: int = 256
    heads: int = 4
    vocabulary: int = 1000
    context: int = 4096

    def __post_init__(self) -> None:
        if min(self.layers, self.width, self.heads, self.vocabulary, self.context) < 1 or self.width % self.heads:
            raise ValueError(f"sizes are at least 1 and heads divide the width, not {self}")


class Network:
    """Weights of a decoder: root-mean-square norms, causal attention, a two-layer network of four times the width."""

    def __init__(self, shape: Shape, seed: int) -> None:
        chance = np.random.default_rng(seed)
        width, wide = shape.width, 4 * shape.width

        def matrix(*size: int) -> Reals:
            return np.asarray(chance.standard_normal(size) / np.sqrt(size[-2]), np.float32)

        self.shape = shape
        self.tokens = chance.standard_normal((shape.vocabulary, width)).astype(np.float32)
        self.places = (0.5 * chance.standard_normal((shape.context, width))).astype(np.float32)
        self.attention = [(matrix(width, 3 * width), matrix(width, width)) for _ in range(shape.layers)]
        self.network = [(matrix(width, wide), matrix(wide, width)) for _ in range(shape.layers)]
        self.head = matrix(width, shape.vocabulary)

    def likeliest(self, x: Reals) -> Ints:
        """Return the likeliest next token after each state."""
        return np.asarray((norm(x) @ self.head).argmax(axis=1))


class Cache:
    """Keys and values of one request, shape [layers, 2, positions, heads, head size]."""

    def __init__(self, shape: Shape) -> None:
        self.length = 0
        self.values = np.empty((shape.layers, 2, 0, shape.heads, shape.width // shape.heads), np.float32)

    def reserve(self, length: int) -> None:
        """Make room for `length` positions."""
        have = self.values.shape[2]
        if length > have:
            size = list(self.values.shape)
            size[2] = -(-length // GROWTH) * GROWTH - have
            self.values = np.concatenate([self.values, np.empty(size, np.float32)], axis=2)


def forward(network: Network, batch: list[tuple[Cache, Ints]]) -> Ints:
    """Compute new tokens of several requests in one pass; return the likeliest next token of each.

    Each entry holds a cache of the earlier positions, which grows by the new ones.
    """
    sizes = [len(tokens) for _, tokens in batch]
    ends = np.cumsum(sizes)
    places = np.concatenate([np.arange(cache.length, cache.length + len(tokens)) for cache, tokens in batch])
    x = network.tokens[np.concatenate([tokens for _, tokens in batch])] + network.places[places]
    for cache, tokens in batch:
        cache.reserve(cache.length + len(tokens))
    for layer, ((project, back), (widen, narrow)) in enumerate(zip(network.attention, network.network, strict=True)):
        mixed = norm(x) @ project
        seen = np.empty_like(x)
        for (cache, _), end, size in zip(batch, ends, sizes, strict=True):
            seen[end - size : end] = attend(cache, layer, mixed[end - size : end])
        x = x + seen @ back
        x = x + np.maximum(norm(x) @ widen, 0.0) @ narrow
    for (cache, _), size in zip(batch, sizes, strict=True):
        cache.length += size
    return network.likeliest(x[ends - 1])


def norm(x: Reals) -> Reals:
    """Return rows scaled to a mean square of 1."""
    return np.asarray(x / np.sqrt(np.mean(x * x, axis=1, keepdims=True) + 1e-6))


def attend(cache: Cache, layer: int, mixed: Reals) -> Reals:
    """Return what each new token of a request sees; its keys and values join the cache, which does not grow yet."""
    size, width = len(mixed), mixed.shape[1] // 3
    heads, head = cache.values.shape[3:]
    before, until = cache.length, cache.length + size
    query, key, value = mixed.reshape(size, 3, heads, head).transpose(1, 2, 0, 3)
    cache.values[layer, 0, before:until] = key.transpose(1, 0, 2)
    cache.values[layer, 1, before:until] = value.transpose(1, 0, 2)
    keys = cache.values[layer, 0, :until].transpose(1, 2, 0)
    values = cache.values[layer, 1, :until].transpose(1, 0, 2)
    scores = (query @ keys) / np.float32(np.sqrt(head))
    if size > 1:
        hidden = np.arange(until)[None, :] > before + np.arange(size)[:, None]
        scores[:, hidden] = -np.inf
    scores = np.exp(scores - scores.max(axis=2, keepdims=True))
    weights = scores / scores.sum(axis=2, keepdims=True)
    return np.asarray((weights @ values).transpose(1, 0, 2).reshape(size, width))


@dataclass(slots=True)
class Decoder:
    """A cost model that computes each pass and answers with the seconds it took; for one replica."""

    shape: Shape = field(default_factory=Shape)
    prompts: Mapping[int, Ints] = field(default_factory=dict)
    "Prompt tokens by request; requests without an entry get random ones."
    seed: int = 0
    "Seed of weights and random prompts."
    clock: Callable[[], float] = time.process_time
    "What counts as time: CPU seconds by default, so that other work on the machine does not matter."
    outputs: dict[int, list[int]] = field(default_factory=dict)
    "Tokens generated so far, by request."

    _network: Network = field(init=False)
    _caches: dict[int, Cache] = field(init=False, default_factory=dict)
    _world: Mapping[str, Array] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._network = Network(self.shape, self.seed)

    def tables(self, model: Model, device: Device, tensor: int) -> Floats:
        """Return nothing: the pass itself tells."""
        return np.zeros(1)

    def watch(self, world: Mapping[str, Array]) -> None:
        """Look at the serving loop's arrays from now on; raise `ValueError` for more than one replica."""
        if len(world["pools"]) != 1:
            raise ValueError(f"the decoder is one replica, not {len(world['pools'])}")
        self._world = world
        self._caches.clear()
        self.outputs.clear()

    def facts(self) -> dict[str, str | int | float]:
        """Return what runs."""
        return {"decoder": f"{self.shape.layers} layers, width {self.shape.width}, float32, numpy on this machine"}

    def seconds(
        self, chunk: Ints, before: Ints, decodes: int, resident: float, longest: int, tables: Floats
    ) -> tuple[float, float, float]:
        """Compute the pass that stands in the watched arrays; return its measured length."""
        if not self._world:
            return 1.0, 0.0, 1.0
        start = self.clock()
        batch = [(i, self.text(i)[-1:]) for i in self._decoding()] if decodes else []
        later = self._prompts(chunk, before)
        while later or batch:  # more than once only if a prompt hits blocks that another one fills in this very pass
            ready, later = self._split(later)
            batch += [(i, self.text(i)[held : held + size]) for i, held, size in ready]
            if not batch:
                raise AssertionError(f"requests {[i for i, _, _ in later]} hit tokens that nobody has computed")
            self._compute(batch)
            batch = []
        return max(self.clock() - start, 1e-9), 0.0, 1.0

    def prompt(self, i: int) -> Ints:
        """Return the prompt tokens of a request."""
        if i in self.prompts:
            return self.prompts[i]
        length = int(self._world["requests"]["prompt"][i])
        return np.random.default_rng([self.seed, i]).integers(0, self.shape.vocabulary, length)

    def text(self, i: int) -> Ints:
        """Return all tokens of a request so far."""
        return np.concatenate([self.prompt(i), np.array(self.outputs.get(i, []), np.int64)])

    def alone(self, i: int, count: int) -> list[int]:
        """Return the first `count` tokens of a request computed by itself, its whole text anew for every token."""
        tokens: list[int] = []
        for _ in range(count):
            text = np.concatenate([self.prompt(i), np.array(tokens, np.int64)])
            tokens.append(int(forward(self._network, [(Cache(self.shape), text)])[0]))
        return tokens

    def _compute(self, batch: list[tuple[int, Ints]]) -> None:
        following = forward(self._network, [(self._caches[i], tokens) for i, tokens in batch])
        for (i, _), token in zip(batch, following, strict=True):
            if self._caches[i].length == len(self.text(i)):  # a prompt still being filled yields nothing
                self.outputs.setdefault(i, []).append(int(token))

    def _prompts(self, chunk: Ints, before: Ints) -> list[tuple[int, int, int]]:
        """Return request, tokens already held and new tokens of each prompt in the pass."""
        rows = self._world["seats"][self._world["who"][0, : len(chunk)]]
        return [(int(i), int(held), int(size)) for i, held, size in zip(rows["request"], before, chunk, strict=True)]

    def _decoding(self) -> list[int]:
        from evenly.kernel.serving.records import DECODING  # with it numba, which workers that only compute do without

        line = self._world["line"][0, : int(self._world["pools"][0]["seated"])]
        rows = self._world["seats"][line]
        return [int(i) for i in rows["request"][rows["state"] == DECODING]]

    def _split(
        self, prompts: list[tuple[int, int, int]]
    ) -> tuple[list[tuple[int, int, int]], list[tuple[int, int, int]]]:
        """Give each prompt its cache; return those that have one, and those whose hit is not computed yet."""
        ready, later = [], []
        for i, held, size in prompts:
            if i not in self._caches or held < self._caches[i].length:  # new, or preempted
                shared = self._shared(i, held)
                if shared is None:
                    later.append((i, held, size))
                    continue
                self._caches[i] = shared
            ready.append((i, held, size))
        return ready, later

    def _shared(self, i: int, held: int) -> Cache | None:
        """Return a cache whose first `held` positions come from a request with the same leading tokens, if any."""
        made = Cache(self.shape)
        if held == 0:
            return made
        wanted = self.text(i)[:held]
        for other, cache in self._caches.items():
            if cache.length >= held and np.array_equal(self.text(other)[:held], wanted):
                made.values = cache.values[:, :, :held].copy()
                made.length = held
                return made
        return None
