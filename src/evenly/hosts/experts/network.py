"""A mixture of experts in shared memory: its weights, what its tokens ask for, and its plain forward pass."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evenly.core import Ints
from evenly.kernel.offload.asked import Asked
from evenly.offload.routings import Shape
from evenly.offload.routings.autoregressive import Autoregressive

Reals = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Size:
    """Size of the network and of a batch."""

    layers: int = 4
    experts: int = 32
    active: int = 4
    "Experts that a token visits."
    width: int = 256
    inner: int = 512
    "Width inside an expert."
    batch: int = 256
    "Sequences that decode at once: tokens of a pass."

    def __post_init__(self) -> None:
        if min(self.layers, self.experts, self.active, self.width, self.inner, self.batch) < 1:
            raise ValueError(f"sizes are at least 1, not {self}")
        if self.active > self.experts:
            raise ValueError(f"a token visits at most {self.experts} experts, not {self.active}")

    @property
    def floats(self) -> int:
        """Return the weights of one expert."""
        return 2 * self.width * self.inner

    @property
    def shape(self) -> Shape:
        """Return the layers and experts."""
        return Shape(self.layers, self.experts, self.active)


@dataclass(frozen=True, slots=True, eq=False)
class Visits:
    """What passes ask for, token by token; letters: T passes, L layers, B tokens of a pass, K visited experts."""

    experts: Ints
    "Shape [T, L, B, K]."
    weights: Reals
    "Of each visited expert in the sum, shape [T, L, B, K]."
    asked: Asked
    "The same by pass, for schedulers."


def torch() -> Any:
    """Return the package torch; raise `ValueError` that names the extra if it is missing."""
    try:
        import torch as found
    except ImportError:
        raise ValueError("experts compute in torch, which needs the extra: pip install 'evenly[torch]'") from None
    return found


def drawn(size: Size, passes: int, seed: int) -> Visits:
    """Return the visits of so many passes of the synthetic router."""
    single = Autoregressive().draw(size.shape, np.ones(passes * size.batch, np.int64), seed)
    order = np.argsort(-single.scores, axis=2, kind="stable")[:, :, : size.active]
    scores = np.take_along_axis(single.scores, order, 2)
    weights = (scores / scores.sum(axis=2, keepdims=True)).astype(np.float32)
    split = (passes, size.batch, size.layers, size.active)
    sums = [
        array.reshape(passes, size.batch, size.layers, size.experts).sum(axis=1)
        for array in (single.loads, single.scores / size.batch, single.guessed, single.guess / size.batch)
    ]
    return Visits(
        order.reshape(split).swapaxes(1, 2).copy(),
        weights.reshape(split).swapaxes(1, 2).copy(),
        Asked(*(np.ascontiguousarray(array) for array in sums)),
    )


def fill(store: Reals, size: Size, seed: int) -> None:
    """Fill in random weights, one row an expert; each matrix keeps the size of what it multiplies."""
    chance = np.random.default_rng([seed, 37])
    half = size.floats // 2
    for row in store:
        row[:half] = chance.standard_normal(half, np.float32) / np.sqrt(size.width)
        row[half:] = chance.standard_normal(half, np.float32) / np.sqrt(size.inner)


def computed(weights: Reals, size: Size, x: Reals) -> Reals:
    """Return the outputs of one expert for the rows of `x`."""
    found = torch()
    half = size.floats // 2
    wide = found.from_numpy(weights[:half].reshape(size.inner, size.width))
    narrow = found.from_numpy(weights[half:].reshape(size.width, size.inner))
    result: Reals = (found.nn.functional.silu(found.from_numpy(x) @ wide.T) @ narrow.T).numpy()
    return result


def norm(x: Reals) -> Reals:
    """Return rows of mean square 1."""
    return np.asarray(x / np.sqrt((x * x).mean(axis=1, keepdims=True) + 1e-6), np.float32)


def rows_of(visits: Visits, t: int, layer: int, expert: int) -> tuple[Ints, Reals]:
    """Return the tokens that visit an expert, and its weight in the sum of each."""
    token, place = np.nonzero(visits.experts[t, layer] == expert)
    return token, visits.weights[t, layer, token, place]


def plain(store: Reals, size: Size, visits: Visits, x: Reals) -> list[Reals]:
    """Return the hidden states after each pass, computed in one process, expert by expert.

    The tokens of a pass begin with the states of the pass before.
    """
    found = []
    for t in range(len(visits.experts)):
        for layer in range(size.layers):
            total = np.zeros_like(x)
            for expert in range(size.experts):
                token, weight = rows_of(visits, t, layer, expert)
                if len(token):
                    total[token] += weight[:, None] * computed(store[layer * size.experts + expert], size, x[token])
            x = norm(x + total)
        found.append(x)
    return found


def begin(size: Size, seed: int) -> Reals:
    """Return the hidden states that the first pass begins with."""
    return norm(np.random.default_rng([seed, 38]).standard_normal((size.batch, size.width)).astype(np.float32))
