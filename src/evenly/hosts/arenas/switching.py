"""A small decoder whose requests are switched in and out under changing priorities, their caches really moved.

Each pass computes those of highest priority that fit on the device. Whoever is preempted leaves for the host while the
pass goes on, and comes back while others decode; it is computed again once its last page is there. A full host means
that a context is computed anew.
"""

from collections.abc import Mapping

import numpy as np

from evenly.core import Ints
from evenly.hosts.arenas.arena import Halves
from evenly.hosts.arenas.memory import Memory
from evenly.hosts.arenas.storm import differing
from evenly.hosts.decoder import Cache, Network, forward
from evenly.hosts.phases.pool import BLOCK
from evenly.hosts.phases.serve import Text

HALVES = 2  # half words of a float32: copies do not look into them


class Switching:
    """Serve texts on `device` pages and `host` pages of 16 tokens; priorities are drawn anew every `redraw` passes.

    Raises `ValueError` if a text does not fit on the device alone.
    """

    def __init__(
        self, texts: Mapping[int, Text], network: Network, seed: int, device: int, host: int, redraw: int = 2
    ) -> None:
        most = max((-(-(len(text.prompt) + text.output) // BLOCK) for text in texts.values()), default=0)
        if most > device:
            raise ValueError(f"a text needs {most} pages of {BLOCK} tokens, but the device has {device}")
        self.texts = list(texts.values())
        self.names = list(texts)
        self.network, shape = network, network.shape
        self.seed, self.device, self.redraw = seed, device, redraw
        self.memory = Memory(2 * shape.layers, HALVES * BLOCK * shape.width, device, host, max(1, len(texts)))
        self.seated: set[int] = set()
        self.away: set[int] = set()
        self.kept: dict[int, Halves] = {}
        self.wrong = 0
        "Half words that came back otherwise than they left."
        self.switches = 0
        "Contexts that left for the host."
        self.anew = 0
        "Contexts that were dropped, as the host was full."

    def serve(self) -> dict[int, list[int]]:
        """Return the tokens of every text."""
        passes = 0
        with self.memory:
            while alive := [i for i, text in enumerate(self.texts) if len(text.tokens) < text.output]:
                chosen = self._choose(alive, passes // self.redraw)
                self._compute(chosen)
                passes += 1
        return {name: text.tokens for name, text in zip(self.names, self.texts, strict=True)}

    def _need(self, i: int) -> int:
        """Return the pages of a text with its next token computed."""
        return -(-(self.texts[i].held + 1) // BLOCK)

    def _choose(self, alive: list[int], drawn: int) -> list[int]:
        """Return who is computed next; start the copies of those who change sides."""
        priority = np.random.default_rng([self.seed, drawn]).random(len(self.texts))
        left, chosen = self.device, []
        for i in sorted(alive, key=lambda i: -priority[i]):
            if self._need(i) <= left:
                left -= self._need(i)
                chosen.append(i)
        for i in sorted(self.seated - set(chosen)):
            self._leave(i)
        for i in chosen:
            if i in self.away:
                assert self.memory.come(i, len(chosen))
                self.away.remove(i)
                self.seated.add(i)
        return chosen

    def _leave(self, i: int) -> None:
        coming = not self._arrived(i)
        kept = self.kept.get(i) if coming else self.memory.read(i)
        self.seated.remove(i)
        if self.memory.leave(i):
            assert kept is not None
            self.kept[i] = kept
            self.away.add(i)
            self.switches += 1
        else:
            self.memory.forget(i)
            self.kept.pop(i, None)
            self.anew += 1

    def _arrived(self, i: int) -> bool:
        """Tell whether a context is all there; compare it with what had left when it is seen first."""
        if not self.memory.arrived(i):
            return False
        if i in self.kept:
            self.wrong += differing(self.memory.read(i), self.kept.pop(i))
        return True

    def _compute(self, chosen: list[int]) -> None:
        """Compute a pass of those who are ready; wait for the first one if nobody is."""
        ready = [i for i in chosen if i not in self.seated or self._arrived(i)]
        if not ready:
            self.memory.wait(chosen[0])
            ready = [i for i in chosen[:1] if self._arrived(i)]
        batch: list[tuple[Cache, Ints]] = []
        for i in ready:
            grown = self.memory.grow(i, self._need(i) - self.memory.pools[0].held(i), len(chosen))
            assert grown, "those who were chosen fit"
            text = self.texts[i]
            done = text.held if i in self.seated else 0
            whole = np.concatenate([text.prompt, np.array(text.tokens, np.int64)])
            batch.append((self._cache(i, done), whole[done:]))
            self.seated.add(i)
        before = [cache.length for cache, _ in batch]
        following = forward(self.network, batch)
        for i, (cache, _), since, token in zip(ready, batch, before, following, strict=True):
            self._keep(i, cache, since // BLOCK)
            self.texts[i].tokens.append(int(token))
            if len(self.texts[i].tokens) == self.texts[i].output:
                self.memory.forget(i)
                self.seated.remove(i)

    def _cache(self, i: int, length: int) -> Cache:
        """Return a context as the decoder wants it."""
        shape = self.network.shape
        cache = Cache(shape)
        values = np.ascontiguousarray(self.memory.read(i)).view(np.float32)
        cache.values = values.reshape(shape.layers, 2, -1, shape.heads, shape.width // shape.heads)
        cache.length = length
        return cache

    def _keep(self, i: int, cache: Cache, since: int) -> None:
        """Write the pages of a context from page `since` on."""
        shape = self.network.shape
        pages = np.ascontiguousarray(cache.values).reshape(2 * shape.layers, -1, BLOCK * shape.width)
        self.memory.write(i, pages.view(np.float16)[:, since:], since)
