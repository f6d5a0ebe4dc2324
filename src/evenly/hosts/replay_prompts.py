"""Prompts as token ids: equal where the trace says that tokens are equal, else by chance.

Requests that share blocks in the trace share them here. A turn repeats the turn before it, and where the server tells
the ids of its answers, the answer too, so that the server's prefix cache meets what a conversation holds.
"""

from collections.abc import Sequence

import numpy as np

from evenly.core import Ints, Trace

FIRST_ID = 1000  # smaller ids are special tokens and single letters in most vocabularies
VOCABULARY = 9000  # ids that every large vocabulary has; all of those used have four digits
LEAST = FIRST_ID + 100  # with fewer ids prompts would repeat themselves
NONE = -1


class Prompts:
    """Writes the prompts of a trace, each in the moment it is sent."""

    def __init__(self, trace: Trace, vocabulary: int = VOCABULARY) -> None:
        if vocabulary < LEAST:
            raise ValueError(f"--vocabulary is at least {LEAST} token ids, not {vocabulary}")
        self.trace = trace
        self.count = min(vocabulary, VOCABULARY) - FIRST_ID
        self.pool = np.random.default_rng(0).integers(FIRST_ID, FIRST_ID + self.count, 1 << 16)
        self.digits = self.count ** np.arange(5)
        self.written = np.array([f"{token}," for token in range(FIRST_ID, FIRST_ID + self.count)], "S5")
        self.before = extends(trace)
        self.told = np.zeros(len(trace), bool)  # whether a prompt holds the answer before it as the server gave it
        later = self.before[self.before >= 0]
        self.readers = np.bincount(later, minlength=len(trace)) if len(later) else np.zeros(len(trace), np.int64)
        self.open: dict[int, Ints] = {}  # prompts that wait for their answer
        self.texts: dict[int, Ints] = {}  # prompts with their answers, for the turns that go on from them

    def body(self, request: int) -> bytes:
        """Return the prompt of a request as JSON; its predecessor has been answered, or never will be."""
        ids = self.ids(request)
        self._read(request)
        if self.readers[request]:
            self.open[request] = ids
        if self.told[request]:  # holds ids of the server's choice, which may have any number of digits
            return f"[{','.join(map(str, ids.tolist()))}]".encode()
        return b"[" + self.written[ids - FIRST_ID].tobytes()[:-1] + b"]"

    def wants(self, request: int) -> bool:
        """Tell whether a later turn holds the answer of this request."""
        return bool(self.readers[request])

    def answered(self, request: int, ids: Sequence[int]) -> None:
        """Note the ids of an answer, if the server gave them; without any, later turns are drawn by chance."""
        prompt = self.open.pop(request, None)
        if prompt is not None and len(ids):
            self.texts[request] = np.concatenate((prompt, np.asarray(ids, np.int64)))

    def ids(self, request: int) -> Ints:
        """Return the token ids of a prompt, as many as the trace says.

        >>> turns = Trace(np.zeros(2), np.array([3, 5]), np.ones(2, np.int64), session=np.array([7, 7]))
        >>> prompts = Prompts(turns)
        >>> bool(np.all(prompts.ids(1)[:3] == prompts.ids(0)))
        True
        """
        trace = self.trace
        own = (2, request)
        if trace.session is not None and trace.session[request] >= 0:
            own = (3, int(trace.session[request]))
        ids = self._drawn(*own, int(trace.prompt[request]))
        text = self.texts.get(int(self.before[request]))
        if text is not None:
            ids[: len(text)] = text[: len(ids)]
        if trace.prefixes is not None:
            size = trace.prefixes.block
            shared = trace.prefixes.ids[trace.prefixes.offsets[request] : trace.prefixes.offsets[request + 1]]
            for place, block in enumerate(shared.tolist()):
                part = ids[place * size : (place + 1) * size]
                part[:] = self._drawn(1, block, size)[: len(part)]
        return ids

    def _read(self, request: int) -> None:
        """Note that a turn has taken the conversation before it, and forget what no other turn waits for."""
        before = int(self.before[request])
        self.told[request] = before in self.texts
        if before >= 0:
            self.readers[before] -= 1
            if not self.readers[before]:
                self.texts.pop(before, None)

    def _drawn(self, kind: int, seed: int, count: int) -> Ints:
        """Return ids that begin with the digits of kind and seed: no two texts begin alike, caches tell them apart."""
        number = (4 * seed + kind) % int(self.digits[-1])
        ids = np.take(self.pool, np.arange(count) + number % len(self.pool), mode="wrap")
        ids[: len(self.digits)] = (FIRST_ID + number // self.digits % self.count)[:count]
        return ids


def extends(trace: Trace) -> Ints:
    """Return for each request the turn that its prompt repeats together with the answer; -1 for none.

    That is the simulator's rule: in a session each of whose turns is at least as long as prompt and answer of the one
    before, a turn goes on from the former; a session in which one is shorter shares nothing but its beginning.

    >>> turns = Trace(np.zeros(2), np.array([3, 9]), np.array([5, 1]), session=np.zeros(2, np.int64),
    ...               after=np.array([-1, 0]))
    >>> extends(turns).tolist()
    [-1, 0]
    """
    found = np.full(len(trace), NONE, np.int64)
    if trace.after is None or trace.session is None:
        return found
    later = np.flatnonzero(trace.after >= 0)
    before = trace.after[later]
    grows = trace.prompt[later] >= trace.prompt[before] + trace.output[before]
    grows &= trace.session[later] == trace.session[before]
    broken = np.unique(trace.session[later[~grows]])
    whole = ~np.isin(trace.session[later], broken) & (trace.session[later] >= 0)
    found[later[whole]] = before[whole]
    return found
