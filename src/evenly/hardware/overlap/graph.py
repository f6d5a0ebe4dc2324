"""The nano-operations of one layer, and what waits for what."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from evenly.core import Floats, Ints
from evenly.hardware.overlap.profile import Profile

CHUNK = 128  # tokens; ranges are multiples of it, the tile of matrix products


@dataclass(frozen=True, slots=True)
class Split:
    """How the tokens of a batch, decodes before prompts, are cut into ranges."""

    batch: int
    "Tokens of the batch."
    decode: int
    "Those of them that decode."
    first: int
    "Tokens of the first nano-batch; 0 or `batch` for a batch that is not split."
    query: tuple[int, ...]
    "Bounds of the ranges of the query, key and value projection."
    attention: tuple[int, ...]
    "Bounds of the ranges of decode attention."
    gather: tuple[int, ...] = ()
    "Bounds of the ranges in which the attention of the second nano-batch is gathered; without a network, none."

    def __post_init__(self) -> None:
        if not 0 <= self.decode <= self.batch or self.batch < 1:
            raise ValueError(f"a batch of {self.batch} tokens cannot hold {self.decode} decodes")
        if not 0 <= self.first <= self.batch:
            raise ValueError(f"first is at most the {self.batch} tokens of the batch, not {self.first}")
        for name, begin, end in (
            ("query", 0, self.batch),
            ("attention", 0, self.decode),
            ("gather", self.first, self.batch),
        ):
            bounds = getattr(self, name)
            if bounds and (bounds[0] != begin or bounds[-1] != end or any(a > b for a, b in pairwise(bounds))):
                raise ValueError(f"{name} runs from {begin} to {end} without steps back, not {list(bounds)}")

    @property
    def nano(self) -> tuple[tuple[int, int], ...]:
        """Ranges of the nano-batches."""
        cuts = ((0, self.first), (self.first, self.batch))
        return tuple(cut for cut in cuts if cut[1] > cut[0])


@dataclass(frozen=True, slots=True)
class Nano:
    """One operation on one range of tokens."""

    operation: str
    begin: int
    end: int
    resource: int
    seconds: float
    "Time if nothing else runs."

    @property
    def name(self) -> str:
        """Return the operation and its range."""
        return f"{self.operation} {self.begin}-{self.end}"


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """The nano-operations of a layer; equal in every layer."""

    nanos: tuple[Nano, ...]
    edges: tuple[tuple[int, int, int], ...]
    "`(before, after, layers)`: `after` waits for `before` of the same layer (0) or of the layer before (1)."

    @property
    def seconds(self) -> Floats:
        """Seconds of each nano-operation alone."""
        return np.array([nano.seconds for nano in self.nanos])

    @property
    def resource(self) -> Ints:
        """What each nano-operation is bound by."""
        return np.array([nano.resource for nano in self.nanos], np.int64)

    @property
    def sequential(self) -> float:
        """Seconds of a layer if one nano-operation runs at a time."""
        return float(self.seconds.sum())

    @property
    def bound(self) -> float:
        """Seconds of the busiest resource: no schedule of the layer has a shorter period."""
        return float(max(np.bincount(self.resource, self.seconds)))


def published(profile: Profile, batch: int | None = None, decode: int | None = None) -> Split:
    """Return the published split, its cuts moved in proportion if the batch is another; ranges stay multiples of 128.

    Raises `ValueError` for a batch that is too small to be split.

    >>> from evenly.hardware.overlap.profile import profile
    >>> published(profile("llama-2-70b", "a100-80gb", 8), 1024).query
    (0, 128, 256, 768, 1024)
    """
    raw = profile.published
    batch = raw["batch"] if batch is None else batch
    decode = round(batch * raw["decode"] / raw["batch"]) if decode is None else decode
    if batch < 2 * CHUNK:
        raise ValueError(f"batch is at least {2 * CHUNK} tokens, two ranges of {CHUNK}, not {batch}")
    first = _chunked(batch * raw["first"] / raw["batch"], batch)
    query = _bounds([*(batch * cut / raw["batch"] for cut in raw["query"]), first], 0, batch)
    attention = (
        _bounds([*(decode * cut / raw["decode"] for cut in raw["attention"]), first], 0, decode) if decode else ()
    )
    gather = _bounds([batch * cut / raw["batch"] for cut in raw.get("gather", ())], first, batch)
    return Split(batch, decode, first, query, attention, gather if profile.distributed else ())


def whole(profile: Profile, batch: int, decode: int) -> Split:
    """Return the batch in one piece."""
    return Split(batch, decode, batch, (0, batch), (0, decode))


def graph(profile: Profile, split: Split, context: float) -> Graph:
    """Return the nano-operations of a layer under a split, each decode with `context` tokens.

    The first nano-batch takes the output projection that needs no gathered attention and reduces its result, the
    second gathers attention before the projection and the result after it: two forms of one sum.
    """
    pieces = {name: list(ranges) for name, ranges in _ranges(profile, split)}
    nanos = [
        Nano(name, begin, end, *_cost(profile, name, begin, end, context))
        for name, ranges in pieces.items()
        for begin, end in ranges
    ]
    return Graph(tuple(nanos), tuple(_edges(nanos)))


# What each operation waits for; those that a layer does not have are passed over.
WAITS = {
    "decode": ("query",),
    "prefill": ("query",),
    "gather": ("decode", "prefill"),
    "output": ("gather", "decode", "prefill"),
    "gather-output": ("output",),
    "reduce-output": ("output",),
    "up": ("gather-output", "reduce-output", "output"),
    "down": ("up",),
    "reduce": ("down",),
}


def _ranges(profile: Profile, split: Split) -> Iterator[tuple[str, Iterator[tuple[int, int]]]]:
    nano = split.nano
    yield "query", _pairs(split.query)
    yield "decode", _pairs(split.attention)
    yield "prefill", _pairs((split.decode, split.batch))
    if profile.distributed:
        yield "gather", _pairs(split.gather)
    yield "output", iter(nano)
    if profile.distributed:
        yield "reduce-output", iter(nano[:1])
        yield "gather-output", iter(nano[1:])
    for name in ("up", "down", "reduce") if profile.distributed else ("up", "down"):
        yield name, iter(nano)


def _cost(profile: Profile, name: str, begin: int, end: int, context: float) -> tuple[int, float]:
    measured = {"gather-output": "gather", "reduce-output": "reduce"}.get(name, name)
    return profile.resource[measured], profile.seconds(measured, end - begin, context)


def _edges(nanos: Sequence[Nano]) -> Iterator[tuple[int, int, int]]:
    last = "reduce" if any(nano.operation == "reduce" for nano in nanos) else "down"
    for j, after in enumerate(nanos):
        for i, before in enumerate(nanos):
            if before.begin < after.end and after.begin < before.end:
                if before.operation in WAITS.get(after.operation, ()):
                    yield i, j, 0
                if after.operation == "query" and before.operation == last:
                    yield i, j, 1


def _pairs(bounds: Sequence[int]) -> Iterator[tuple[int, int]]:
    return ((begin, end) for begin, end in pairwise(bounds) if end > begin)


def _chunked(cut: float, most: int) -> int:
    """Return a cut as a multiple of 128 tokens that leaves something on both sides."""
    return min(max(CHUNK, round(cut / CHUNK) * CHUNK), (most - 1) // CHUNK * CHUNK)


def _bounds(cuts: Sequence[float], begin: int, end: int) -> tuple[int, ...]:
    inner = {round(cut / CHUNK) * CHUNK for cut in cuts}
    return (begin, *sorted(cut for cut in inner if begin < cut < end), end)
