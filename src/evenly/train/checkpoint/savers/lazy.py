"""Copy during forward and backward, wait before the update."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from evenly.core import Floats


@dataclass(frozen=True, slots=True)
class Lazy:
    """Go on at once, and update when the state is copied.

    Parameters and moments change in the update only, so forward and backward need not wait for a copy of them.

    Reference: A. Maurya, R. Underwood, M. M. Rafique, F. Cappello, B. Nicolae, "DataStates-LLM: Lazy Asynchronous
    Checkpointing for Large Language Models", 2024.
    """

    serialises: ClassVar[bool] = False

    def hold(self, begin: float, copied: Floats, written: Floats) -> tuple[float, Floats]:
        """Wait for the last copy, before the update.

        >>> Lazy().hold(0.0, np.array([1.0, 2.0]), np.array([5.0, 6.0]))
        (0.0, array([2., 2.]))
        """
        return begin, np.full(len(copied), copied[-1])
