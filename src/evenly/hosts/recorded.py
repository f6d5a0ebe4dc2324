"""The measured lengths of a run's own passes, in the place of a cost model."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from evenly.core import Floats, Ints
from evenly.hardware.calibration.steps import Steps
from evenly.hardware.costs import Cost
from evenly.hardware.device import Device
from evenly.hardware.model import Model

AHEAD = 64  # passes of the log that are searched for one of the same content
BACK = 16  # and those that were passed already: the simulated run may have been ahead


@dataclass(slots=True, eq=False)
class Recorded:
    """Answer with the measured length of the log's pass of the same content that is next.

    A run that is simulated with its own lengths differs from the real one by its schedule alone. Contents are equal if
    prompt tokens, prompt pieces and decodes are. Where the log has no such pass near by, the next pass is taken, times
    the ratio of what `cost` says of both; `met` counts the passes that were found.
    """

    steps: Steps
    cost: Cost
    met: int = 0
    asked: int = 0

    _next: int = field(init=False, default=0)
    _content: Ints = field(init=False)

    def __post_init__(self) -> None:
        prompt = self.steps.tokens - self.steps.decodes
        self._content = np.column_stack([prompt, self.steps.prompts, self.steps.decodes])

    def tables(self, model: Model, device: Device, tensor: int) -> Floats:
        """Return the tables of the cost model that compares passes of unequal content."""
        return self.cost.tables(model, device, tensor)

    def watch(self, world: Any) -> None:
        """Begin a run: the log is read from its start."""
        self._next = self.met = 0
        self.asked = -1  # the loop prices a full pass before the first one

    def facts(self) -> dict[str, str | int | float]:
        """Return what was found."""
        return {"passes of the log": len(self.steps), "passes asked": self.asked, "of them measured": self.met}

    def seconds(
        self, chunk: Ints, before: Ints, decodes: int, resident: float, longest: int, tables: Floats
    ) -> tuple[float, float, float]:
        """Return the length of one pass."""
        self.asked += 1
        if self.asked == 0:
            return self.cost.seconds(chunk, before, decodes, resident, longest, tables)[0], 0.0, 1.0
        wanted = np.array([chunk.sum(), len(chunk), decodes])
        start = max(0, self._next - BACK)
        end = self._next + AHEAD if self.met else len(self.steps)  # what came before the run is passed over
        same = start + np.flatnonzero((self._content[start:end] == wanted).all(axis=1))
        if len(same):
            self.met += 1
            place = int(same[np.argmin(np.abs(same - self._next))])
            ratio = 1.0
        else:
            place = min(self._next, len(self.steps) - 1)
            asked = self.cost.seconds(chunk, before, decodes, resident, longest, tables)[0]
            ratio = asked / self._priced(place, tables)
        self._next = place + 1
        return ratio * float(self.steps.seconds[place]), 0.0, 1.0

    def _priced(self, place: int, tables: Floats) -> float:
        """Return what the cost model says of a pass of the log."""
        steps = self.steps
        pieces = slice(int(steps.offsets[place]), int(steps.offsets[place + 1]))
        context, longest = float(steps.context[place]), int(steps.longest[place])
        priced = self.cost.seconds(
            steps.chunk[pieces], steps.before[pieces], int(steps.decodes[place]), context, longest, tables
        )
        return float(priced[0])
