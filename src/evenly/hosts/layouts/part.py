"""What one worker computes of a pass, and how long each operation takes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from evenly.core import Ints
from evenly.hosts.decoder import Cache, Reals, attend, norm
from evenly.hosts.layouts.exchange import Exchange
from evenly.hosts.layouts.network import Weights
from evenly.hosts.layouts.script import Pass

OPERATIONS = ("enter", "linear", "attention", "exchange", "head")


class Watch:
    """Seconds by operation: each lap goes to the operation that it ends."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.taken = dict.fromkeys(OPERATIONS, 0.0)
        self.since = clock()

    def lap(self, operation: str) -> None:
        """Give the time since the last lap to an operation."""
        now = self.clock()
        self.taken[operation] += now - self.since
        self.since = now


@dataclass(slots=True)
class Text:
    """A request as a worker knows it."""

    tokens: list[int]
    "Its prompt, then its answer as far as it is."
    left: int
    "Tokens of the answer to come."
    cache: Cache
    scores: list[Reals] = field(default_factory=list)
    "Of every token of the answer, from this worker's columns of the head; kept if asked for."

    def new(self) -> list[int]:
        """Return the tokens whose keys and values nobody has computed."""
        return self.tokens[self.cache.length :]


class Part:
    """A worker's part of the network, computing passes over the texts that it knows."""

    def __init__(self, weights: Weights, exchange: Exchange, texts: dict[int, Text], record: bool) -> None:
        self.weights, self.exchange, self.texts, self.record = weights, exchange, texts, record
        self.cut = weights.shape.width < weights.tokens.shape[1]
        self.watch = Watch(exchange.now)

    def enter(self, work: Pass) -> Reals:
        """Return the embedded new tokens of a pass, one row a token."""
        texts = [self.texts[i] for i in work.texts]
        new = [token for text in texts for token in text.new()]
        places = [place for text in texts for place in range(text.cache.length, len(text.tokens))]
        x = self.weights.tokens[new] + self.weights.places[places]
        self.watch.lap("enter")
        return np.asarray(x)

    def layers(self, work: Pass, x: Reals) -> Reals:
        """Return the states after this worker's layers; keys and values join its caches."""
        texts = [self.texts[i] for i in work.texts]
        for text in texts:
            text.cache.reserve(len(text.tokens))
        for k, layer in enumerate(self.weights.layers):
            mixed = norm(x) @ layer.project
            self.watch.lap("linear")
            seen = np.concatenate([attend(text.cache, k, rows) for text, rows in _each(texts, mixed)])
            self.watch.lap("attention")
            x = x + self._whole(seen @ layer.back)
            x = x + self._whole(np.maximum(norm(x) @ layer.widen, 0.0) @ layer.narrow)
            self.watch.lap("linear")
        return x

    def tokens(self, work: Pass, x: Reals) -> Ints:
        """Return the likeliest next token of every request of a pass."""
        ends = np.cumsum([len(self.texts[i].new()) for i in work.texts])
        scores = np.asarray(norm(x[ends - 1]) @ self.weights.head)
        if self.record:
            for i, row in zip(work.texts, scores, strict=True):
                self.texts[i].scores.append(row)
        if not self.cut:
            found = np.asarray(scores.argmax(axis=1))
            self.watch.lap("head")
            return found
        self.watch.lap("head")
        found = self.exchange.best(scores, self.exchange.worker * scores.shape[1])
        self.watch.lap("exchange")
        return found

    def take(self, work: Pass, tokens: Ints) -> None:
        """Append tokens to their texts; let go of the caches of answers that are complete."""
        for i, token in zip(work.texts, tokens.tolist(), strict=True):
            text = self.texts[i]
            text.cache.length = len(text.tokens)
            text.tokens.append(token)
            text.left -= 1
            if text.left == 0:
                text.cache = Cache(self.weights.shape)
        self.watch.lap("enter")

    def meet(self) -> None:
        """Wait for the other worker."""
        self.watch.lap("enter")
        self.exchange.meet()
        self.watch.lap("exchange")

    def laps(self) -> dict[str, float]:
        """Return the seconds by operation since this was last asked."""
        taken, self.watch = self.watch.taken, Watch(self.exchange.now)
        return taken

    def _whole(self, mine: Reals) -> Reals:
        """Return what all workers of a layer computed together."""
        if not self.cut:
            return mine
        self.watch.lap("linear")
        whole = self.exchange.reduce(mine)
        self.watch.lap("exchange")
        return whole


def _each(texts: list[Text], rows: Reals) -> Iterator[tuple[Text, Reals]]:
    """Yield each text with its rows."""
    start = 0
    for text in texts:
        end = start + len(text.tokens) - text.cache.length
        yield text, rows[start:end]
        start = end
