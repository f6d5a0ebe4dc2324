"""Copy during forward and backward, wait before the update of each tensor."""

from dataclasses import dataclass
from typing import ClassVar

from evenly.core import Floats


@dataclass(frozen=True, slots=True)
class LazyByTensor:
    """Go on at once, and update each piece when it is copied.

    Where a copy takes longer than forward and backward, it overlaps with the update too.
    """

    serialises: ClassVar[bool] = False

    def hold(self, begin: float, copied: Floats, written: Floats) -> tuple[float, Floats]:
        """Wait for the copy of each piece, before its update.

        >>> import numpy as np
        >>> LazyByTensor().hold(0.0, np.array([1.0, 2.0]), np.array([5.0, 6.0]))
        (0.0, array([1., 2.]))
        """
        return begin, copied
