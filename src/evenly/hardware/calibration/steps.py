"""Measured passes of a real engine, in columns."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from evenly.core import Bools, Floats, Ints

KINDS = ("decode only", "mixed", "prompt only")


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """What was in each pass and how long it took, one row a pass in order of time.

    Pass `i` computes the prompt pieces `offsets[i]` to `offsets[i + 1]` of `chunk` and `before`.
    """

    begin: Floats
    "When the scheduler was asked, seconds on the engine's own clock."
    done: Floats
    "When the scheduler had booked the output."
    seconds: Floats
    "Length as users feel it: up to the beginning of the next pass where requests run on, else up to `done`."
    computing: Floats
    "Seconds of it in the model; NaN where only the whole was measured."
    offsets: Ints
    "Where the prompt pieces of each pass begin; one longer than there are passes."
    chunk: Ints
    "Tokens of each prompt piece."
    before: Ints
    "Tokens that its request already held."
    decodes: Ints
    "Requests that compute one token."
    context: Ints
    "Tokens that these hold together."
    longest: Ints
    "The largest of their contexts."
    running: Ints
    "Requests that run on after the pass."

    def __len__(self) -> int:
        return len(self.seconds)

    @property
    def prompts(self) -> Ints:
        """Prompt pieces of each pass."""
        return np.diff(self.offsets)

    @property
    def tokens(self) -> Ints:
        """Tokens that each pass computes."""
        return self.decodes + self._over(self.chunk).astype(np.int64)

    @property
    def pairs(self) -> Floats:
        """Pairs of prompt tokens and the tokens they attend to: `chunk * (before + chunk / 2)`, by pass."""
        return self._over(self.chunk * (self.before + 0.5 * self.chunk))

    def kind(self) -> Ints:
        """Return what each pass is made of, as a place in `KINDS`."""
        return np.where(self.prompts == 0, 0, np.where(self.decodes > 0, 1, 2))

    def take(self, index: Ints | Bools) -> "Steps":
        """Return some passes, in their order."""
        chosen = np.arange(len(self))[index]
        counts = self.prompts[chosen]
        offsets = np.concatenate(([0], np.cumsum(counts)))
        pieces = np.repeat(self.offsets[:-1][chosen] - offsets[:-1], counts) + np.arange(offsets[-1])
        whole = {name: getattr(self, name)[chosen] for name in _PASSES}
        return Steps(**whole, offsets=offsets, chunk=self.chunk[pieces], before=self.before[pieces])

    def _over(self, pieces: Ints | Floats) -> Floats:
        """Return the sum over the prompt pieces of each pass."""
        total = np.concatenate(([0.0], np.cumsum(pieces)))
        return np.asarray(total[self.offsets[1:]] - total[self.offsets[:-1]])


_PASSES = tuple(f.name for f in fields(Steps) if f.name not in ("offsets", "chunk", "before"))


def join(logs: Sequence[Steps]) -> Steps:
    """Return the passes of several logs behind one another; there is at least one log."""
    ends = np.cumsum([0, *(log.offsets[-1] for log in logs)])
    offsets = [log.offsets[:-1] + end for log, end in zip(logs, ends[:-1], strict=True)]
    whole = {name: np.concatenate([getattr(log, name) for log in logs]) for name in (*_PASSES, "chunk", "before")}
    return Steps(**whole, offsets=np.concatenate([*offsets, ends[-1:]]))
