"""Caps: at which clocks the servers of a row run, by the power that is read."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Protocol, TypeGuard, runtime_checkable

import numpy as np

from evenly.core import Catalog, Floats


@dataclass(frozen=True, slots=True, eq=False)
class Training:
    """What a row shows while nothing holds it: a cap that is `Fitted` is fitted to it before a run."""

    samples: Floats
    "Power as a share of the budget, one every `tick`."
    tick: float
    "Seconds between two samples."
    telemetry: float
    "Seconds from a sample to its reading."
    actuation: float
    "Seconds from a command to new clocks."
    idle: float
    "Power of the row when nothing runs, a share of the budget."
    saved: Callable[[tuple[float, float]], float]
    "Share of the power above that which clocks of high and low priority save, in MHz, while tokens are generated."

    def rises(self, seconds: float) -> Floats:
        """Return by how much the power rises at most within so many seconds after each sample, at least 0."""
        from scipy.ndimage import maximum_filter1d

        steps = max(1, int(-(-seconds // self.tick)))
        most = maximum_filter1d(self.samples, steps + 1, origin=-((steps + 1) // 2), mode="nearest")
        return np.asarray(most - self.samples)


class Cap(Protocol):
    """Choose a level of clocks from each reading of the row's power.

    A level is a row of `clocks`; level 0 is unlimited, and higher ones save more. A command takes a while to land, and
    one is under way at a time: what is chosen meanwhile counts for nothing.
    """

    @property
    def clocks(self) -> tuple[tuple[float, float], ...]:
        """Return the clocks in MHz of high and low priority at each level; infinite for unlimited."""
        ...

    @property
    def guarded(self) -> bool:
        """Tell whether the row has its power brake; only a yardstick does without."""
        ...

    def choose(self, now: float, p: float, level: int, moving: int, memory: Floats) -> int:
        """Return a level.

        `p` is the reading, power as a share of the budget; `level` the one in force, `moving` the one that a command is
        under way to, -1 for none. `memory` is kept from reading to reading.
        """
        ...


@runtime_checkable
class Fitted(Protocol):
    """A cap some of whose fields may be null: they are fitted to a week of the row before a run."""

    derives: ClassVar[tuple[str, ...]]
    "Names of these fields."

    def fit(self, training: Training) -> Cap:
        """Return the cap with the fields that are null filled in."""
        ...


def unfitted(cap: Cap) -> TypeGuard[Fitted]:
    """Tell whether fields of a cap are still to be fitted.

    >>> from evenly.cluster.row.caps.polca import Polca
    >>> unfitted(Polca()), unfitted(Polca(first=None))
    (False, True)
    """
    return isinstance(cap, Fitted) and any(getattr(cap, name) is None for name in cap.derives)


caps: Catalog[Cap] = Catalog(__name__, Cap)
