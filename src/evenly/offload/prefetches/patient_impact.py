"""Patient impact."""

from dataclasses import dataclass
from typing import ClassVar

from evenly.core import Floats


@dataclass(frozen=True, slots=True)
class PatientImpact:
    """As impact, but nothing is begun that would still be on the link when the next layer asks for it.

    Wins where the link is busy: a prefetch that outlasts its layer makes the next one wait for half a transfer.
    """

    reach: ClassVar[int] = 3
    patient: ClassVar[bool] = True

    @staticmethod
    def worth(gain: float, score: float, ahead: int, memory: Floats) -> float:
        """Return the gain."""
        return gain
